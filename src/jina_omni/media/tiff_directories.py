# SPDX-License-Identifier: Apache-2.0
"""The directories of a TIFF file, as far as Pillow does not read them: those of raw photos and of big-endian BigTIFF.

TIFF 6.0, section 2; BigTIFF as libtiff defines it. A directory holds a number for each property of a picture, its tags.
Files are untrusted: only so many directories and entries are looked at.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO, NamedTuple, TypeAlias

from jina_omni.media.limits import MAX_ENCODED_BYTES

__all__ = ["Directory", "read_directories", "rewrite_big_endian"]

Directory: TypeAlias = Mapping[int, Sequence[int]]
"""The tags of a directory with their whole numbers; a text is its bytes."""

_DAMAGES = (struct.error, OSError, ValueError, OverflowError)

_MAX_DIRECTORIES = 32
_MAX_ENTRIES = 1000
_MAX_VALUES = 64
_SUB_DIRECTORIES = 330  # TIFF Technical Note 1, SubIFDs

# Type: the format of `struct`, of those that hold whole numbers or characters.
_FORMATS = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SIZES = {type_: struct.calcsize("<" + letter) for type_, letter in _FORMATS.items()} | {5: 8, 10: 8, 11: 4, 12: 8}


class _Entry(NamedTuple):
    tag: int
    type: int
    n_values: int
    value: bytes  # in place, or where it lies


class _Format(NamedTuple):
    """How numbers are written: the byte order, and the letters of `struct` for numbers of entries and for offsets."""

    order: str
    number: str
    offset: str

    def unpack(self, letters: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self.order + letters, data)

    def size(self, letters: str) -> int:
        return struct.calcsize(self.order + letters)


def read_directories(file: BinaryIO) -> Sequence[Directory]:
    """Return the directories of a TIFF file, the first pictures and what belongs to them.

    What is damaged ends the list, or is left out.

    Parameters
    ----------
    file : binary file
        Its position afterwards is anywhere.
    """
    found: list[dict[int, Sequence[int]]] = []
    seen: set[int] = set()
    try:
        format_, start = _read_header(file)
        queue = [start]
        while queue and len(found) < _MAX_DIRECTORIES:
            place = queue.pop(0)
            if place in seen or not place:
                continue
            seen.add(place)
            entries, following = _read_entries(file, format_, place)
            directory = {}
            for entry in entries:
                with contextlib.suppress(*_DAMAGES):
                    directory[entry.tag] = _read_values(file, format_, entry)
            found.append(directory)
            queue += [*directory.get(_SUB_DIRECTORIES, ()), following]
    except _DAMAGES:
        pass
    return found


def rewrite_big_endian(file: BinaryIO) -> BinaryIO:
    """Return a big-endian BigTIFF file as TIFF, which Pillow reads; any other file as it is.

    The pixels stay where they are: the first directory is written again behind them, with 32 bits for each offset.

    Parameters
    ----------
    file : binary file
        At its start, where it is again afterwards.
    """
    is_big_endian = file.read(4) == b"MM\0+"
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not is_big_endian or length > MAX_ENCODED_BYTES:
        return file
    format_, start = _read_header(file)
    entries, _ = _read_entries(file, format_, start)
    content = bytearray(length + length % 2)  # directories begin at even places
    file.seek(0)
    content[:length] = file.read()
    table = b""
    for entry in entries:
        type_, value = entry.type, entry.value
        size = entry.n_values * _SIZES.get(type_, 1)
        if type_ in (16, 17, 18):  # of 64 bits, here of 32
            type_, numbers = 4, _read_values(file, format_, entry, entry.n_values)
            packed = struct.pack(f">{len(numbers)}I", *numbers)
            size = len(packed)
            place = struct.pack(">I", len(content))
            if size > 4:
                content += packed
                if len(content) > 2 * length:  # they take half as much here, so entries share the same values
                    raise ValueError("its directory has more values than the file")
            value = packed.ljust(4, b"\0") if size <= 4 else place
        elif size > 8:
            value = value[4:]  # the lower half of its place
        elif size > 4:
            place = struct.pack(">I", len(content))
            content += value[:size]
            value = place
        table += struct.pack(">HHI", entry.tag, type_, entry.n_values) + value[:4]
    content[:8] = b"MM\0*" + struct.pack(">I", len(content))
    content += struct.pack(">H", len(entries)) + table + bytes(4)
    file.seek(0)
    return io.BytesIO(content)


def _read_header(file: BinaryIO) -> tuple[_Format, int]:
    """Return the format of a file, and where its first directory lies."""
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "<")
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version == 43:
        return _Format(order, "Q", "Q"), struct.unpack_from(order + "Q", head, 8)[0]
    return _Format(order, "H", "I"), struct.unpack_from(order + "I", head, 4)[0]


def _read_entries(file: BinaryIO, format_: _Format, place: int) -> tuple[list[_Entry], int]:
    """Return the entries of a directory, and where the next directory lies."""
    file.seek(place)
    (n,) = format_.unpack(format_.number, file.read(format_.size(format_.number)))
    if n > _MAX_ENTRIES:
        raise ValueError("a directory has too many entries")
    letters = f"HH{format_.offset}"
    n_head, n_value = format_.size(letters), format_.size(format_.offset)
    entries = []
    for _ in range(n):
        head, value = file.read(n_head), file.read(n_value)
        tag, type_, count = format_.unpack(letters, head)
        entries.append(_Entry(tag, type_, count, value))
    return entries, format_.unpack(format_.offset, file.read(n_value))[0]


def _read_values(file: BinaryIO, format_: _Format, entry: _Entry, most: int = _MAX_VALUES) -> Sequence[int]:
    """Return the first whole numbers of an entry."""
    letter = _FORMATS.get(entry.type)
    if letter is None:
        return ()
    count = min(entry.n_values, most)
    if count * _SIZES[entry.type] > MAX_ENCODED_BYTES:
        raise ValueError("a directory has too many values")
    data = entry.value
    if entry.n_values * _SIZES[entry.type] > len(data):
        file.seek(*format_.unpack(format_.offset, data))
        data = file.read(count * _SIZES[entry.type])
    return format_.unpack(f"{count}{letter}", data[: count * _SIZES[entry.type]])
