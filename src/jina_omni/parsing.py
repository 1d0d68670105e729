# SPDX-License-Identifier: Apache-2.0
"""From what a caller passes to parts: whole calls, lists, dicts and single values."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from jina_omni.errors import InputError
from jina_omni.inputs import Fetch, Part, Text, make_part
from jina_omni.located_parts import LocatedPart, nest
from jina_omni.media.kinds import Media
from jina_omni.requests import parse_dict, unwrap_request

__all__ = ["find_identity", "parse_input", "split_inputs"]


def split_inputs(inputs: Any) -> tuple[list[Any], bool]:
    """Return the inputs of a call, and whether there is only one that is not in a list.

    Raises
    ------
    InputError
        A request has an option or an unknown key.
    """
    if isinstance(inputs, dict):
        inputs = unwrap_request(inputs)
    if isinstance(inputs, (list, tuple)):
        return list(inputs), False
    return [inputs], True


def parse_input(value: Any, fetch: Fetch | None = None) -> list[LocatedPart]:
    """Return the parts of one input, in order.

    Parameters
    ----------
    value : str, path, PIL image, Text, Image, Audio, Video, Pdf, dict, or list or tuple of these
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
    if isinstance(value, dict):
        yield from parse_dict(value, fetch)
    else:
        yield LocatedPart(make_part(value))


def _identify_medium(part: Media) -> Hashable:
    source = os.fspath(part.source) if isinstance(part.source, os.PathLike) else part.source
    # What is neither a text nor a number counts by its identity: its repr may leave things out.
    values = [source, *(getattr(part, field.name) for field in fields(part) if field.name != "source")]
    by_value = (str, bytes, bool, int, float, type(None))
    return (type(part), *((type(v), v if isinstance(v, by_value) else id(v)) for v in values))
