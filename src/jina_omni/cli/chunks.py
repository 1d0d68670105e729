# SPDX-License-Identifier: Apache-2.0
"""Chunks of items: large enough to keep the device busy, small enough that an interruption loses little work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.errors import LocatedError
from jina_omni.inputs import Input
from jina_omni.model import Model
from jina_omni.options import PromptedOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["encode_groups", "split_into_chunks"]

Item = TypeVar("Item")
Floats: TypeAlias = npt.NDArray[np.float32]

_MAX_ITEMS = 256
_MAX_BYTES = 32 << 20
_SHORT, _LONG = 2.0, 8.0  # seconds


def split_into_chunks(items: Iterable[Item], get_size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield items in lists, which grow while the caller processes them quickly and shrink while that takes long.

    Parameters
    ----------
    items : iterable
    get_size : callable
        From an item to its number of bytes. A list has at most 32 MiB, or one item.
    """
    n_items, n_bytes = 4, 0
    chunk: list[Item] = []
    for item in items:
        size = get_size(item)
        if chunk and (len(chunk) >= n_items or n_bytes + size > _MAX_BYTES):
            start = time.monotonic()
            yield chunk
            seconds = time.monotonic() - start
            if seconds < _SHORT:
                n_items = min(2 * n_items, _MAX_ITEMS)
            elif seconds > _LONG:
                n_items = max(n_items // 2, 1)
            chunk, n_bytes = [], 0
        chunk.append(item)
        n_bytes += size
    if chunk:
        yield chunk


def encode_groups(
    model: Model, groups: Sequence[Sequence[Input]], **options: Unpack[PromptedOptions]
) -> list[Floats | LocatedError]:
    """Embed the inputs of several items together.

    Parameters
    ----------
    model : Model
    groups : sequence of sequence of inputs
        The inputs of each item.
    **options
        Of `Model.encode`.

    Returns
    -------
    list of array or LocatedError
        The embeddings (n, dim) of each item, or its first error.
    """
    inputs = [one for group in groups for one in group]
    vectors, errors = model.encode(inputs, on_error="return", **options)
    results: list[Floats | LocatedError] = []
    first = 0
    for group in groups:
        last = first + len(group)
        failed = next((i for i in range(first, last) if i in errors), None)
        results.append(vectors[first:last] if failed is None else errors[failed])
        first = last
    return results
