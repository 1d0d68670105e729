# SPDX-License-Identifier: Apache-2.0
"""The values that the formats share: keys, lists, URLs and base64."""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jina_omni.describe import describe_type, short_repr, suggest
from jina_omni.errors import DecodeError, InputError
from jina_omni.inputs import Fetch
from jina_omni.media.file_types import HEAD_BYTES, detect_media_type, find_kind
from jina_omni.media.files import BYTES_LIKE, FileSource

__all__ = [
    "IGNORED_BLOCK_KEYS",
    "check_keys",
    "describe",
    "is_url",
    "list_keys",
    "read_base64",
    "read_source",
    "read_url",
    "require_list",
    "suggest_key",
    "unwrap",
]

IGNORED_BLOCK_KEYS = frozenset({"cache_control", "uuid"})
"""Keys of content parts that concern the caches of servers."""

_URL = re.compile(r"(data|file|https?):|([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_LINE_BREAKS = b" \t\r\n"  # and what lines are indented by
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/= \t\r\n]")
_SHORTEST_BASE64 = 16
_LONGEST_PATH = 4_096  # PATH_MAX of Linux; other systems have less
_JPEG_XL = "/wo"  # base64 of JPEG XL, which is not read, and the beginning of paths like /workspace/cat.jpg


def is_url(value: Any) -> bool:
    """Return whether a value is a str with the scheme of a URL."""
    return isinstance(value, str) and _URL.match(value) is not None


def read_source(value: str | bytes | bytearray | memoryview, fetch: Fetch | None) -> FileSource:
    """Return the bytes that a value under a kind of media holds, or the path that it is; see `jina_omni.requests`."""
    if not isinstance(value, str):
        if value[:5] == b"data:":
            return read_url(bytes(value).decode("latin-1"), fetch)
        data = _decode_base64(value) if detect_media_type(bytes(value[:HEAD_BYTES])) == "text/plain" else None
        return data if data and find_kind(detect_media_type(data)) else value
    if is_url(value):
        return read_url(value, fetch)
    if len(value) > _LONGEST_PATH:
        return read_base64(value)
    if len(value) >= _SHORTEST_BASE64:
        data = _decode_base64(value)
        if data and find_kind(detect_media_type(data)) and not value.startswith(_JPEG_XL):
            return data
    return value


def read_url(url: Any, fetch: Fetch | None) -> bytes:
    """Return the bytes of a ``data:`` URL, or those that the caller's function fetches.

    Raises
    ------
    DecodeError
        A ``data:`` URL is damaged.
    InputError
        It is not a URL, is of another scheme, or can't be fetched.
    """
    found = _URL.match(url) if isinstance(url, str) else None
    if not found:
        raise InputError(f"is {describe(url)}, expected a data: or http(s) URL")
    scheme = (found[1] or found[2]).lower()
    if scheme == "data":
        head, comma, data = url.partition(",")
        if not comma:
            raise DecodeError("is a data: URL without a comma, so it has no data; it is cut short")
        is_base64 = head.lower().endswith(";base64")
        return read_base64(urllib.parse.unquote(data)) if is_base64 else urllib.parse.unquote_to_bytes(data)
    if scheme not in ("http", "https"):
        raise InputError(f"is a {scheme}: URL, which is not opened; pass the file's bytes")
    if fetch is None:
        raise InputError(
            f"is the address {url!r:.200}, and nothing is fetched from a network by default; pass the file's bytes, or "
            "pass fetch=, a function from a URL to bytes"
        )
    try:
        data = fetch(url)
    except Exception as error:
        raise InputError(
            f"could not be fetched from {url!r:.200} ({type(error).__name__}: {error}); pass the file's bytes"
        ) from error
    if not isinstance(data, bytes):
        raise InputError(
            f"was fetched as {describe_type(data)}; the function that you pass as fetch= must return bytes"
        )
    return data


def read_base64(value: Any) -> bytes:
    """Return the bytes of base64, a str or ASCII bytes, in one line or many.

    Raises
    ------
    DecodeError
        It is damaged or empty.
    InputError
        It is of another type.
    """
    if not isinstance(value, (str, *BYTES_LIKE)):
        raise InputError(f"is {describe_type(value)}, expected a str of base64")
    data = _decode_base64(value)
    if data:
        return data
    text = value if isinstance(value, str) else bytes(value).decode("latin-1")
    stray = _NOT_BASE64.search(text)
    n_characters = len(text) - sum(map(text.count, _LINE_BREAKS.decode()))
    if not n_characters:
        problem = "it is empty"
    elif stray:
        problem = f"{stray[0]!r} at position {stray.start():,} is outside its alphabet"
    else:
        problem = f"its {n_characters:,} characters are cut short or wrongly padded"
    raise DecodeError(f"is not base64: {problem}; encode it again: base64.b64encode(data).decode()")


def unwrap(value: Any, key: str, optional: set[str]) -> Any:
    """Return what a dict holds under its one required key; a value that is not a dict is returned as it is."""
    if not isinstance(value, dict):
        return value
    check_keys(value, {key}, optional)
    return value[key]


def require_list(value: Any, *, allow_empty: bool = False) -> Sequence[Any]:
    """Return a value that is a list or a tuple.

    Raises
    ------
    InputError
        It is not, or it is empty.
    """
    if not isinstance(value, (list, tuple)):
        raise InputError(f"is {describe_type(value)}, expected a list")
    if not value and not allow_empty:
        raise InputError("is an empty list, so there is nothing to embed; leave it out")
    return value


def check_keys(
    value: Mapping[Any, Any],
    required: set[str],
    optional: set[str] | frozenset[str] = frozenset(),
    ignored: set[str] | frozenset[str] = frozenset(),
) -> None:
    """Check that a dict has all required keys, and no others than these, the optional and the ignored ones.

    Raises
    ------
    InputError
        It has an unknown key, or lacks one.
    """
    unknown = value.keys() - required - optional - ignored
    if unknown:
        known = required | optional
        raise InputError(
            f"has the unknown key {list_keys(unknown)}; it takes {list_keys(known)}{suggest_key(unknown, known)}"
        )
    missing = required - value.keys()
    if missing:
        raise InputError(f"lacks the key {list_keys(missing)}")


def suggest_key(unknown: Iterable[Any], known: Iterable[str]) -> str:
    """Return the end of a message about unknown keys: a known one that the first of them is a misspelling of."""
    names = sorted(key for key in unknown if isinstance(key, str))
    return suggest(names[0], known) if names else ""


def list_keys(keys: set[Any]) -> str:
    """Return keys for a message, the first nine."""
    return ", ".join(sorted(map(short_repr, keys))[:9])


def describe(value: Any) -> str:
    """Return a str for a message, cut short, or the type of another value."""
    return short_repr(value) if isinstance(value, str) else describe_type(value)


def _decode_base64(value: str | bytes | bytearray | memoryview) -> bytes | None:
    """Return the bytes of base64, None where a value is not base64."""
    try:
        lines = value.encode("ascii") if isinstance(value, str) else bytes(value)
        characters = lines.translate(None, _LINE_BREAKS)
        # Some versions of Python's decoder accept a number of characters that is not a multiple of four.
        return None if len(characters) % 4 else base64.b64decode(characters, validate=True)
    except ValueError:
        return None
