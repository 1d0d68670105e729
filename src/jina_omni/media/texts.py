# SPDX-License-Identifier: Apache-2.0
"""Files of text: their encodings, and what to do about those that are not read."""

from __future__ import annotations

import codecs
import re

from jina_omni.errors import DecodeError

__all__ = ["decode_text", "find_encoding"]

# The mark of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

_UNMARKED = {"utf-16-le": "UTF-16LE", "utf-16-be": "UTF-16BE"}  # iconv's names
_CONVERT = "iconv -f {} -t UTF-8 in.txt > out.txt"
_HEAD_BYTES = 4096  # of a text, by which UTF-16 without a mark is recognised

# All but tabs, ends of lines and of pages, and escapes: C0 of ECMA-48.
_CONTROLS = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")

_LEAST_ASCII = 0.05  # of the bytes of a text of 8 bits: spaces, ends of lines and digits at least


def find_encoding(head: bytes) -> str:
    """Return Python's name of a text's encoding by the first bytes of its file; an empty string if it is not a text.

    Parameters
    ----------
    head : bytes
        May end within a character.

    Returns
    -------
    str
        ``utf-8`` for text without a byte order mark, ``utf-8-sig``, ``utf-16`` or ``utf-32`` by their marks,
        ``utf-16-le`` or ``utf-16-be`` without one, and ``latin-1`` for any other encoding of 8 bits.

    Examples
    --------
    >>> [find_encoding("déjà vu".encode(name)) for name in ("utf-8", "utf-16", "cp1252")]
    ['utf-8', 'utf-16', 'latin-1']
    """
    marked = _find_mark(head)
    if marked.startswith(("utf-16", "utf-32")):
        return marked if _is_text(head, marked) else ""
    if b"\0" not in head:
        if _decode(head, "utf-8"):  # with control characters too
            return marked or "utf-8"
        n_ascii = len(head) - len(head.translate(None, bytes(range(128))))
        return "latin-1" if n_ascii >= _LEAST_ASCII * len(head) and _is_text(head, "latin-1") else ""
    # Latin text has a zero in nearly every character of two bytes.
    zeros = [half.count(0) / max(len(half), 1) for half in (head[1::2], head[::2])]
    name = "utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"
    return name if max(zeros) > 0.5 and min(zeros) == 0 and _is_text(head, name) else ""


def decode_text(data: bytes, *, is_whole: bool = True) -> str:
    """Return a text by its bytes, without its byte order mark.

    Parameters
    ----------
    data : bytes
        UTF-8, or UTF-16 or UTF-32 with a byte order mark.
    is_whole : bool
        Otherwise it may end within a character, which is left out.

    Raises
    ------
    DecodeError
        It is of another encoding.

    Examples
    --------
    >>> decode_text("déjà vu".encode("utf-16"))
    'déjà vu'
    """
    encoding = _find_mark(data) or "utf-8"
    likely = find_encoding(data[:_HEAD_BYTES])
    if likely in _UNMARKED:
        name = _UNMARKED[likely]
        raise DecodeError(f"is a text of UTF-16 without a byte order mark; convert it: {_CONVERT.format(name)}")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final=is_whole)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise DecodeError(
            f"is a text that is not {name} at byte {error.start:,}; convert it, for instance from Latin-1: "
            f"{_CONVERT.format('LATIN1')}"
        ) from None


def _find_mark(data: bytes) -> str:
    """Return the encoding that a byte order mark names; an empty string without one."""
    return next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")


def _decode(head: bytes, encoding: str) -> str | None:
    """Return the text of a head, which may end within a character; None where it is of another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _is_text(head: bytes, encoding: str) -> bool:
    text = _decode(head, encoding)
    return text is not None and not _CONTROLS.search(text)
