# SPDX-License-Identifier: Apache-2.0
"""Work in chunks: large enough for the device, small enough that an interruption loses little."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.errors import JinaOmniError
from jina_omni.model import Model

__all__ = ["encode_groups", "in_chunks"]

Item = TypeVar("Item")
Floats = npt.NDArray[np.float32]

_MAX_ITEMS = 256
_MAX_BYTES = 32 << 20
_SHORT, _LONG = 2.0, 8.0  # seconds


def in_chunks(items: Iterable[Item], size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield items in lists, which grow while the caller takes little time for them and shrink while it takes long.

    Parameters
    ----------
    items : iterable
    size_of : callable
        From an item to its number of bytes. A list has at most 32 MiB, or one item.
    """
    n_items, n_bytes = 4, 0
    chunk: list[Item] = []
    for item in items:
        size = size_of(item)
        if chunk and (len(chunk) >= n_items or n_bytes + size > _MAX_BYTES):
            began = time.monotonic()
            yield chunk
            took = time.monotonic() - began
            if took < _SHORT:
                n_items = min(2 * n_items, _MAX_ITEMS)
            elif took > _LONG:
                n_items = max(n_items // 2, 1)
            chunk, n_bytes = [], 0
        chunk.append(item)
        n_bytes += size
    if chunk:
        yield chunk


def encode_groups(model: Model, groups: Sequence[list[Any]], **options: Any) -> list[Floats | JinaOmniError]:
    """Embed the inputs of several items together.

    Parameters
    ----------
    model : Model
    groups : sequence of list
        The inputs of each item.
    **options
        Of `Model.encode`.

    Returns
    -------
    list of array or JinaOmniError
        The embeddings (n, dim) of each item, or its first error.
    """
    inputs = [one for group in groups for one in group]
    vectors, errors = model.encode(inputs, on_error="return", **options)
    found: list[Floats | JinaOmniError] = []
    first = 0
    for group in groups:
        last = first + len(group)
        failed = next((i for i in range(first, last) if i in errors), None)
        found.append(vectors[first:last] if failed is None else errors[failed])
        first = last
    return found
