# SPDX-License-Identifier: Apache-2.0
"""From what a caller passes to parts: whole calls, lists, dicts and single values."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from jina_omni.describe import describe_type
from jina_omni.errors import InputError
from jina_omni.inputs import Fetch, Part, Text, make_part
from jina_omni.located_parts import LocatedPart, nest
from jina_omni.media.files import BYTES_LIKE
from jina_omni.media.kinds import Media
from jina_omni.media.open_files import is_open_file
from jina_omni.requests import parse_dict, unwrap_request

__all__ = ["find_identity", "iterate_inputs", "parse_input", "split_inputs"]

# What is iterable, but not a list of inputs. A set has no order, so the order of its embeddings would mean nothing.
_ITERABLE_INPUTS = (str, *BYTES_LIKE, os.PathLike, dict, set, frozenset, type)


def split_inputs(inputs: Any) -> tuple[list[Any], bool]:
    """Return the inputs of a call, and whether there is only one that is not in a list; see `iterate_inputs`."""
    items, single = iterate_inputs(inputs)
    return list(items), single


def iterate_inputs(inputs: Any) -> tuple[Iterable[Any], bool]:
    """Return the inputs of a call to iterate over, and whether there is only one that is not in a list.

    Parameters
    ----------
    inputs : inputs
        Several are a list, a tuple or any other iterable: a generator, a view of a dict, a column. A column is known by
        what it can do, not by its type: it is iterable, as those of pandas, Polars and datasets are, or has
        ``to_pylist``, as those of Arrow have. An array of NumPy is a column where it holds texts or objects. A dict is
        a request or one input.

    Raises
    ------
    InputError
        A request has an option or an unknown key, or the value is a table.
    """
    if isinstance(inputs, Mapping):
        inputs = unwrap_request(dict(inputs))
    if isinstance(inputs, (list, tuple)):
        return inputs, False
    if isinstance(inputs, np.ndarray):
        is_column = inputs.ndim == 1 and inputs.dtype.kind in "OSTU"
        return (inputs.tolist(), False) if is_column else ([inputs], True)
    if hasattr(type(inputs), "columns"):
        raise InputError(
            f"is {describe_type(inputs)}, a table; pass one of its columns: table['text'], or its rows as dicts"
        )
    if hasattr(type(inputs), "to_pylist"):
        return inputs.to_pylist(), False
    is_tensor = hasattr(type(inputs), "__dlpack__")
    is_one = isinstance(inputs, _ITERABLE_INPUTS) or is_tensor or is_open_file(inputs)
    return ([inputs], True) if is_one or not isinstance(inputs, Iterable) else (inputs, False)


def parse_input(value: Any, fetch: Fetch | None = None) -> list[LocatedPart]:
    """Return the parts of one input, in order.

    Parameters
    ----------
    value : str, path, open file, PIL image, Text, Image, Audio, Video, Pdf, dict, or list or tuple of these
        A list is one fused input. A file's type is found from its bytes. `jina_omni.requests` says what a dict means.
    fetch : callable, optional
        From a URL in a dict to the bytes at that address; without it such a URL is an error.

    Returns
    -------
    list of LocatedPart
        At least one.

    Raises
    ------
    UnsupportedMediaError
        A file is of a type that is not embedded.
    InputError
        A value is of a type that is not taken, a text is empty or not Unicode, a list is empty or holds a list, a file
        can't be read.

    Examples
    --------
    >>> from jina_omni.media.image import Image
    >>> parse_input(["a caption", Image("a.jpg")])[1]
    LocatedPart(part=Image('a.jpg'), location=(('part', 1),))
    """
    if not isinstance(value, (list, tuple)):
        return list(_parse_value(value, fetch))
    if not value:
        raise InputError(f"is an empty {type(value).__name__}, so there is nothing to embed; leave it out")
    return [part for i, item in enumerate(value) for part in nest(_parse_value(item, fetch), part=i)]


def find_identity(parts: Sequence[Part]) -> Hashable:
    """Return a key that is equal for parts with the same embedding: texts and files by value, all else by identity.

    It is valid while the parts live.
    """
    return tuple(part if isinstance(part, Text) else _identify_medium(part) for part in parts)


def _parse_value(value: Any, fetch: Fetch | None) -> Iterator[LocatedPart]:
    if isinstance(value, Mapping):
        yield from parse_dict(dict(value), fetch)
    else:
        yield LocatedPart(make_part(value))


def _identify_medium(part: Media) -> Hashable:
    source = os.fspath(part.source) if isinstance(part.source, os.PathLike) else part.source
    # What is neither a text nor a number counts by its identity: its repr may leave things out.
    values = [source, *(getattr(part, field.name) for field in fields(part) if field.name != "source")]
    by_value = (str, bytes, bool, int, float, type(None))
    return (type(part), *((type(v), v if isinstance(v, by_value) else id(v)) for v in values))
