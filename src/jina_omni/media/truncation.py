# SPDX-License-Identifier: Apache-2.0
"""Files that were cut short, found by the lengths that they state: FFmpeg takes some missing data for the end."""

from __future__ import annotations

import os
from typing import BinaryIO

from jina_omni.errors import DecodeError

__all__ = ["check_length"]

_MAX_OGG_PAGE = 27 + 255 + 255 * 255  # bytes (RFC 3533, 6)


def check_length(file: BinaryIO, media_type: str) -> None:
    """Check that a file is as long as it says.

    Parameters
    ----------
    file : binary file
        At its start, where it is again afterwards.
    media_type : str
        Of the file. Only MP4, QuickTime, Matroska and Ogg with pictures are checked: in the others FFmpeg finds what is
        missing itself.

    Raises
    ------
    DecodeError
        It is shorter.
    """
    there = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = 0
    if media_type in ("video/mp4", "video/quicktime", "audio/mp4"):
        length = _iso_length(file, there)
    elif media_type in ("video/matroska", "video/webm"):
        length = _matroska_length(file, there)
    elif media_type == "video/ogg":
        length = _ogg_length(file, there)
    file.seek(0)
    if there < length:
        raise DecodeError(f"is cut short: {there:,} of {length:,} bytes are there; get it whole")


def _iso_length(file: BinaryIO, there: int) -> int:
    """Return where the last index or content ends; all is in boxes: length, name, content (ISO 14496-12, 4.2)."""
    position = end = 0
    while position < there:
        file.seek(position)
        head = file.read(8)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        if size < 8:  # 0: up to the end of the file
            break
        position += size
        if head[4:] in (b"moov", b"moof", b"mdat"):
            end = position
    return end


def _matroska_length(file: BinaryIO, there: int) -> int:
    """Return where the segment ends, which follows a header: id, length, content (RFC 8794, RFC 9559); 0 if unknown."""
    file.seek(4)
    file.seek(min(_ebml_length(file) + file.tell(), there))
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _ebml_length(file)
    return file.tell() + length if length else 0


def _ogg_length(file: BinaryIO, there: int) -> int:
    """Return where the last page ends, whose head has the lengths of its segments (RFC 3533, 6); 0 without a page."""
    file.seek(max(there - _MAX_OGG_PAGE, 0))
    tail = file.read(_MAX_OGG_PAGE)
    page = tail.rfind(b"OggS\0")
    if page < 0:
        return 0
    n_segments = int.from_bytes(tail[page + 26 : page + 27], "big")
    lengths = tail[page + 27 : page + 27 + n_segments]
    return there - len(tail) + page + 27 + n_segments + sum(lengths)


def _ebml_length(file: BinaryIO) -> int:
    """Read a length, whose first set bit gives its number of bytes; 0 if unknown: all ones (RFC 8794, 4 to 6)."""
    first = file.read(1)
    n_bits = 7 * (9 - int.from_bytes(first, "big").bit_length())
    value = int.from_bytes(first + file.read(n_bits // 7 - 1), "big") & ((1 << n_bits) - 1)
    return 0 if value == (1 << n_bits) - 1 else value
