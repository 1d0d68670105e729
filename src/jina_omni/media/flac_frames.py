# SPDX-License-Identifier: Apache-2.0
"""FLAC files (RFC 9639): how many samples they hold, by their last frames, and files that follow each other in one.

libsndfile ends where the header does, which counts too few if its writer could not go back, or is of a first file only.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from jina_omni.media.splices import MORE_SECONDS, BlockReader, Span
from jina_omni.media.tags import FILLERS, MAX_FILLERS, skip_tags

__all__ = ["find_streams"]

_MARK = b"fLaC"
_STREAMINFO = b"\0\0\0\x22"  # head of the first metadata block, RFC 9639, 8.1: type 0 and 34 bytes
_TOTAL_PLACE = 21  # of the byte whose low half begins the number of samples: 36 bits
_SEARCHED_BYTES = 1 << 20  # at the end, for the last frame
_FILLED_BYTES = 1 << 16  # behind it that are looked at at once
_MAX_TRIED = 4  # of what looks like a frame there
# Positions behind it whose checksum is right. In a frame one byte of 65,536 is so by chance, and each of a row of zeros
# behind a frame, which would be looked through from each of them again.
_MAX_ENDS = 100
_MAX_HEADER_BYTES = 16
_MAX_METADATA_BLOCKS = 1 << 16

# RFC 9639, 9.1.1: samples of a frame by the code in its header; 6 and 7 are followed by a number of one or two bytes
_BLOCK_SIZES = {1: 192, **{i: 144 << i for i in range(2, 6)}, **{i: 1 << i for i in range(8, 16)}}


class _Header(NamedTuple):
    """A frame's header: what all frames of a stream have in common, where it begins, and its samples."""

    key: tuple[int, int, int]
    number: int
    n_samples: int


def find_streams(file: BinaryIO, start: int, seconds: float) -> list[list[Span]]:
    """Return the FLAC files that follow each other in a file, each behind a header that counts its samples.

    A header that counts more than are there stays as it is, so that the decoder refuses the file.

    Parameters
    ----------
    file : binary file
    start : int
        Where the first begins.
    seconds : float
        How much of the sound is asked for. A file behind one that has as much is not looked for.

    Returns
    -------
    list of list of bytes or range
    """
    reader = BlockReader(file)
    starts = [start]
    while (found := _find_next(reader, starts[-1], seconds)) is not None:
        starts.append(found)
    ends = [*starts[1:], reader.size]
    return [_count_samples(reader, *span) for span in zip(starts, ends, strict=True)]


def _find_next(reader: BlockReader, start: int, seconds: float) -> int | None:
    """Return where another file begins behind the sound of one; None where none does, or it is too long anyway."""
    head = reader.read(start, 26)
    rate = int.from_bytes(head[18:21], "big") >> 4
    total = _read_total(head)
    if not head.startswith(_MARK) or total > (seconds + MORE_SECONDS) * rate:
        return None
    position = _find_sound(reader, start)
    end = int(min(reader.size, position + _count_most_bytes(head, seconds)))
    while (position := reader.find(_MARK, position, end)) >= 0:
        block = reader.read(position + 4, 4)
        if block[:1] in (b"\0", b"\x80") and block[1:] == _STREAMINFO[1:]:
            return position
        position += 1
    return None


def _count_most_bytes(head: bytes, seconds: float) -> float:
    """Return how many bytes as much sound as is asked for takes at most: about as many as without compression."""
    fields = int.from_bytes(head[18:22], "big")  # RFC 9639, 8.2: 20 bits of rate, 3 of channels, 5 of bits, less 1 each
    rate, n_channels, n_bits = fields >> 12, (fields >> 9 & 7) + 1, (fields >> 4 & 31) + 1
    # `seconds` may be infinite, which a rate of 0 and a division without a rest would make no number.
    return (seconds + MORE_SECONDS) * (max(rate, 1) * n_channels * n_bits / 8) + _SEARCHED_BYTES


def _find_sound(reader: BlockReader, position: int) -> int:
    """Return where the frames begin: behind the metadata blocks, of which the last has a mark."""
    position += len(_MARK)
    for _ in range(_MAX_METADATA_BLOCKS):
        head = reader.read(position, 4)
        position += 4 + int.from_bytes(head[1:], "big")
        if not head or head[0] & 0x80:
            break
    return position


def _count_samples(reader: BlockReader, start: int, end: int) -> list[Span]:
    """Return a file's spans up to the end of its last frame, with the number of samples by that if it is greater."""
    head = reader.read(start, 26)
    first = _parse_header(reader.read(_find_sound(reader, start), _MAX_HEADER_BYTES))
    last = _find_last_frame(reader, start, end, first) if head.startswith(_MARK) and first else None
    if last is None:
        return [range(start, end)]
    header, end = last
    # Frames of one size are counted, and others have their first sample's number.
    size = int.from_bytes(head[8:10], "big")
    n_samples = (header.number if header.key[0] & 1 else header.number * size) + header.n_samples
    if n_samples <= _read_total(head) or n_samples >> 36:
        return [range(start, end)]
    fields = int.from_bytes(head[18:26], "big") >> 36 << 36 | n_samples
    return [range(start, start + 18), fields.to_bytes(8, "big"), range(start + 26, end)]


def _find_last_frame(reader: BlockReader, start: int, end: int, first: _Header) -> tuple[_Header, int] | None:
    """Return the header of the last frame, and where it ends; None where it is not whole, or too long."""
    stop = end
    while end - stop < MAX_FILLERS and stop - _FILLED_BYTES > start:
        if reader.read(stop - _FILLED_BYTES, _FILLED_BYTES).strip(FILLERS):
            break
        stop -= _FILLED_BYTES
    start = max(start, stop - _SEARCHED_BYTES)
    content = reader.read(start, stop - start)
    n_tried, place = 0, len(content)
    while n_tried < _MAX_TRIED and (place := content.rfind(b"\xff", 0, place)) >= 0:
        header = _parse_header(content[place : place + _MAX_HEADER_BYTES])
        if header is None or header.key != first.key:
            continue
        n_tried += 1
        # A frame ends with a checksum of 16 bits, which makes that of all of it 0. Tags may follow.
        for frame_end in itertools.islice(_find_ends(content, place), _MAX_ENDS):
            if skip_tags(reader, start + frame_end) >= end:
                return header, start + frame_end
    return None


def _find_ends(content: bytes, place: int) -> Iterator[int]:
    """Yield the positions up to which the checksum of what begins at a place is 0."""
    crc = 0
    for i in range(place, len(content)):
        crc = (crc << 8 & 0xFF00) ^ _CRC16[crc >> 8 ^ content[i]]
        if crc == 0:
            yield i + 1


def _parse_header(head: bytes) -> _Header | None:
    """Parse the header of a frame (RFC 9639, 9.1); None where it is none, or has a wrong checksum."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    # The number is coded as characters are in UTF-8, up to seven bytes.
    n_ones = 8 - (head[4] ^ 0xFF).bit_length()
    n_more = max(0, n_ones - 1)
    number = head[4] & 0x7F >> n_ones
    for byte in head[5 : 5 + n_more]:
        number = number << 6 | byte & 63
    place = 5 + n_more
    code, rate = head[2] >> 4, head[2] & 15
    if code in (6, 7):
        n_samples = int.from_bytes(head[place : place + code - 5], "big") + 1
        place += code - 5
    else:
        n_samples = _BLOCK_SIZES.get(code, 0)
    place += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if n_ones in {1, 8} or not n_samples or place >= len(head) or _compute_crc8(head[:place]) != head[place]:
        return None
    return _Header((head[1], rate, head[3] & 0x0E), number, n_samples)


def _read_total(head: bytes) -> int:
    return int.from_bytes(head[_TOTAL_PLACE : _TOTAL_PLACE + 5], "big") & (1 << 36) - 1


def _compute_crc8(content: bytes) -> int:
    """Return the checksum of a header."""
    return functools.reduce(lambda value, byte: _CRC8[value ^ byte], content, 0)


def _make_crc_table(polynomial: int, n_bits: int) -> tuple[int, ...]:
    values = []
    for byte in range(256):
        crc = byte << n_bits - 8
        for _ in range(8):
            crc = crc << 1 ^ (polynomial if crc >> n_bits - 1 else 0)
        values.append(crc)
    return tuple(values)


_CRC8 = _make_crc_table(0x107, 8)  # RFC 9639, 9.1.8
_CRC16 = _make_crc_table(0x18005, 16)  # RFC 9639, 9.3
