# SPDX-License-Identifier: Apache-2.0
"""Tags, which programs put before and behind sounds of many types: where they end."""

from __future__ import annotations

from jina_omni.media.splices import BlockReader

__all__ = ["FILLERS", "MAX_FILLERS", "find_tag_end", "skip_tags"]

_ID3V1_BYTES = 128  # https://id3.org/ID3v1
_MAX_TAGS = 16  # one behind the other; a file of nothing but heads of tags would be read again from each of them
_LYRICS_BYTES = 1 << 20  # Lyrics3 v2 holds up to 999,999: https://id3.org/Lyrics3v2
FILLERS = b"\0\t\n\r "
"""Bytes that files are filled up with."""

MAX_FILLERS = 1 << 24
"""Bytes of zeros and line breaks that are looked through."""


def skip_tags(reader: BlockReader, position: int) -> int:
    """Return the position behind up to 16 tags, and the zeros and line breaks around them, that begin at a position."""
    end = position + MAX_FILLERS
    for _ in range(_MAX_TAGS):
        behind = _skip_fillers(reader, find_tag_end(reader, position), end)
        if behind == position:
            break
        position = behind
    return position


def find_tag_end(reader: BlockReader, position: int) -> int:
    """Return where a tag ends that begins at a position; the position itself where none begins.

    ID3v1, ID3v2, APE and Lyrics3 are known.
    """
    head = reader.read(position, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] != 0xFF:
        # 28 bits in four bytes, and a footer if bit 4 of the flags is set: https://id3.org/id3v2.4.0-structure, 3.1
        size = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        end = position + 10 + size + (10 if head[5] & 16 else 0)
        return end if end <= reader.size else position + 10  # what follows shows whether the size is wrong
    if head[:3] == b"TAG" and position + _ID3V1_BYTES <= reader.size:
        return position + _ID3V1_BYTES
    if head[:8] == b"APETAGEX" and len(head) == 32:
        # The size counts the items and the footer: https://wiki.hydrogenaud.io/index.php?title=APE_Tags_Header. Bit 29
        # of the flags is set in the header; a footer alone stands behind its items.
        is_header = head[23] & 32
        return position + 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    if head[:11] == b"LYRICSBEGIN":
        for mark in (b"LYRICS200", b"LYRICSEND"):
            end = reader.find(mark, position, min(reader.size, position + _LYRICS_BYTES))
            if end >= 0:
                return end + len(mark)
    return position


def _skip_fillers(reader: BlockReader, position: int, end: int) -> int:
    while position < end and (block := reader.read(position, 1 << 16)):
        n = len(block) - len(block.lstrip(FILLERS))
        position += n
        if n < len(block):
            break
    return position
