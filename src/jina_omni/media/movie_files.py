# SPDX-License-Identifier: Apache-2.0
"""Files of ISO base media format (MP4, M4A, MOV), FLV and WMV that follow each other in one.

FFmpeg reads the first only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import BinaryIO

from jina_omni.media.splices import BlockReader

__all__ = ["count_films", "find_flash_films", "find_movies"]

_FLASH_TAGS = (8, 9, 18)  # sound, pictures, script data
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # Advanced Systems Format 01.20.05, 10.1


def find_movies(file: BinaryIO, start: int) -> list[list[range]]:
    """Return the files that follow each other in a file.

    Parameters
    ----------
    file : binary file
        Of ISO base media format.
    start : int
        Where the first begins.
    """
    reader = BlockReader(file)
    starts, has_index = [start], False
    for position, name in _list_boxes(reader, start, reader.size):
        if name == b"ftyp" and has_index:
            starts.append(position)
        has_index = name == b"moov" or (has_index and name != b"ftyp")
    return _list_spans(starts, reader)


def find_flash_films(file: BinaryIO, start: int) -> list[list[range]]:
    """Return the files of FLV that follow each other in a file; parameters are those of `find_movies`."""
    reader = BlockReader(file)
    starts, position = [], start
    # Adobe Flash Video File Format Specification 10.1, annex E: a header, which says its length, and tags with theirs;
    # behind each are 4 bytes.
    while head := reader.read(position, 11):
        if head.startswith(b"FLV\x01"):
            starts.append(position)
            position += int.from_bytes(head[5:9], "big") + 4
        elif head[0] & 31 in _FLASH_TAGS:
            position += 11 + int.from_bytes(head[1:4], "big") + 4
        else:
            break
    return _list_spans(starts or [start], reader)


def count_films(file: BinaryIO, plugin: str) -> int:
    """Return how many films follow each other in a file, of which FFmpeg reads only the first.

    Parameters
    ----------
    file : binary file
    plugin : str
        FFmpeg's name of its format. Only "mov", "flv" and "asf" are looked at.
    """
    reader = BlockReader(file)
    if plugin == "mov":
        others = [_list_boxes(reader, part.start, part.stop) for (part,) in find_movies(file, 0)[1:]]
        # Fragments are read, whose times go on where a stream has its index again.
        return 1 + sum(all(name != b"moof" for _, name in boxes) for boxes in others)
    if plugin == "flv":
        return len(find_flash_films(file, 0))
    return _count_asf(reader) if plugin == "asf" else 1


def _count_asf(reader: BlockReader) -> int:
    """Return the number of headers among the objects of a file: a name, the length, the content (section 2.1)."""
    position, n_headers = 0, 0
    while head := reader.read(position, 24):
        n_headers += head.startswith(_ASF_HEADER)
        size = int.from_bytes(head[16:], "little")
        position += size if size >= 24 else reader.size
    return n_headers


def _list_boxes(reader: BlockReader, position: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the place and the name of each box of a file (ISO 14496-12, 4.2)."""
    while position + 8 <= end:
        head = reader.read(position, 16)
        size = int.from_bytes(head[8:] if head[:4] == b"\0\0\0\1" else head[:4], "big")
        yield position, head[4:8]
        position += size if size >= 8 else reader.size


def _list_spans(starts: list[int], reader: BlockReader) -> list[list[range]]:
    return [[range(*span)] for span in itertools.pairwise([*starts, reader.size])]
