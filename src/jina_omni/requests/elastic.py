# SPDX-License-Identifier: Apache-2.0
"""Elastic: ``{"type": "image", "format": "base64", "value": ...}``."""

from __future__ import annotations

from typing import Any

from jina_omni.errors import InputError
from jina_omni.inputs import Fetch, Part, Text, make_part
from jina_omni.media.kinds import KINDS
from jina_omni.requests.values import check_keys, describe, is_url, read_base64, read_url

__all__ = ["parse_block"]


def parse_block(kind: str, value: dict[str, Any], fetch: Fetch | None) -> Part:
    """Return the part of a block with a type, a format and a value.

    Parameters
    ----------
    kind : str
        Its type, "text" or a kind of media.
    value : dict
    fetch : callable or None
        From a URL to the bytes at that address.

    Raises
    ------
    InputError
        A key or the format is unknown, or the value is damaged.
    """
    check_keys(value, {"type", "value"}, {"format"})
    expected = "text" if kind == "text" else "base64"
    found = value.get("format", expected)
    if not isinstance(found, str) or found != expected:
        raise InputError(f"is {kind} in the format {describe(found)}, expected {expected!r}")
    data = value["value"]
    if kind == "text":
        return make_part(Text(data))
    return make_part(KINDS[kind].wrapper(read_url(data, fetch) if is_url(data) else read_base64(data)))
