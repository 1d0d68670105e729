# SPDX-License-Identifier: Apache-2.0
"""WAV, AIFF, W64, CAF and AU files: whether the length in their header is that of their samples.

A header without a length (an unfinished or streamed recording) gets the one that the file has, and one that has more
than the file is an error: libsndfile takes what is there, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

from jina_omni.errors import DecodeError
from jina_omni.media.splices import BlockReader, Span
from jina_omni.media.tags import MAX_FILLERS, skip_tags

__all__ = ["SoundFile", "find_files"]

_MAX_CHUNKS = 1 << 12  # before and behind the samples
_MAX_PADDING = 4096  # bytes of what is neither a chunk nor a tag that pass as padding
_MPEG_FORMATS = (0x50, 0x55)  # of a WAV file: MPEG audio, MPEG layer 3 (RFC 2361)


class _Format(NamedTuple):
    """How a type of file is made.

    Attributes
    ----------
    start : int
        Where its chunks begin.
    order : {"little", "big"}
    n_name, n_size : int
        Bytes of the name and of the size at a chunk's head.
    n_counted : int
        Bytes of the head that the size counts.
    alignment : int
        Of a chunk's end.
    sound : bytes
        Name of the chunk with the samples.
    skipped : int
        Bytes of its content before them.
    """

    start: int
    order: Literal["little", "big"]
    n_name: int
    n_size: int
    n_counted: int
    alignment: int
    sound: bytes
    skipped: int


# "Multimedia Programming Interface and Data Specifications 1.0" (RIFF; RIFX is its big-endian form), EBU Tech 3306
# (RF64), "Audio Interchange File Format 1.3" (FORM), Sonic Foundry's Wave64, and "Apple Core Audio Format 1.0" (caff).
# AU files have no chunks.
_RIFF = _Format(12, "little", 4, 4, 0, 2, b"data", 0)
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_FORMATS = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"RIFX": _RIFF._replace(order="big"),
    b"FORM": _Format(12, "big", 4, 4, 0, 2, b"SSND", 8),
    b"riff": _Format(40, "little", 16, 8, 24, 8, _W64_DATA, 0),
    b"caff": _Format(8, "big", 4, 8, 0, 1, b"data", 4),
    b".snd": _Format(0, "big", 0, 0, 0, 1, b"", 0),
    b"dns.": _Format(0, "little", 0, 0, 0, 1, b"", 0),
}
_FORM_TYPES = (b"WAVE", b"AIFF", b"AIFC")

# What the names of chunks behind the samples begin with, by the specifications above, EBU Tech 3285 (bext), and what
# editors write.
_OTHER_CHUNKS = frozenset(
    (
        *(b"LIST", b"list", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"cue ", b"smpl", b"inst", b"fact", b"PEAK"),
        *(b"JUNK", b"junk", b"PAD ", b"FLLR", b"_PMX", b"DISP", b"plst", b"acid", b"afsp", b"levl"),
        *(b"NAME", b"AUTH", b"(c) ", b"ANNO", b"COMT", b"MARK", b"INST", b"MIDI", b"AESD", b"APPL"),
        *(b"info", b"strg", b"mark", b"regn", b"midi", b"umid", b"uuid", b"free", b"peak", b"ovvw", b"edct"),
    )
)


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file's samples.

    Attributes
    ----------
    spans : list of bytes or range
        The file with the right length in its header, and without what is no part of it.
    samples : range
        Where they are.
    is_mpeg : bool
        They are frames of MPEG audio.
    """

    spans: list[Span]
    samples: range
    is_mpeg: bool


@dataclass(slots=True)
class _Length:
    """A length in a header: where it stands, in how many bytes, what it is, and where what it counts begins."""

    place: int
    n_bytes: int
    value: int
    begin: int


def find_files(file: BinaryIO, start: int) -> list[SoundFile]:
    """Return the files that follow each other in a file; an empty list where there are no samples.

    Parameters
    ----------
    file : binary file
    start : int
        Where the first begins.

    Raises
    ------
    DecodeError
        The header has a greater length than the file.
    """
    reader = BlockReader(file)
    found: list[SoundFile] = []
    next_start: int | None = start
    while next_start is not None:
        sound, next_start = _find_file(reader, next_start)
        if sound is None:
            break
        found.append(sound)
    return found


def _find_file(reader: BlockReader, start: int) -> tuple[SoundFile | None, int | None]:
    """Return the samples of the file at a place, and where another follows."""
    head = reader.read(start, 12)
    form = _FORMATS.get(head[:4])
    if form is None:
        return None, None
    length, is_mpeg = _find_length(reader, start, form)
    if length is None or length.begin > reader.size:
        return None, None
    end, behind = _find_end(reader, start, form, length)
    counted = end - length.begin + form.n_counted
    samples = range(min(length.begin + form.skipped, end), end)
    spans: list[Span] = [range(start, behind)]
    if counted != length.value:
        value = min(counted, (1 << 8 * length.n_bytes) - 1).to_bytes(length.n_bytes, form.order)
        spans = [range(start, length.place), value, range(length.place + length.n_bytes, behind)]
    return SoundFile(spans, samples, is_mpeg), behind if _find_form(reader, behind) else None


def _find_length(reader: BlockReader, start: int, form: _Format) -> tuple[_Length | None, bool]:
    """Return the length of the samples by the header, and whether they are frames of MPEG audio."""
    if not form.n_name:  # AU: https://pubs.opengroup.org/external/auformat.html
        offset = int.from_bytes(reader.read(start + 4, 4), form.order)
        value = int.from_bytes(reader.read(start + 8, 4), form.order)
        return _Length(start + 8, 4, value, start + max(offset, 24)), False
    position, long_length, is_mpeg = start + form.start, None, False
    for _ in range(_MAX_CHUNKS):
        name, length = _read_chunk(reader, position, form)
        if not name:
            break
        if name == form.sound:
            if long_length is not None and length.value == 0xFFFFFFFF:
                long_length.begin = length.begin
                return long_length, is_mpeg
            return length, is_mpeg
        content = reader.read(length.begin, 16)
        if name == b"ds64":  # the size of the file, then that of the samples
            long_length = _Length(length.begin + 8, 8, int.from_bytes(content[8:], "little"), 0)
        if name == b"fmt ":
            is_mpeg = int.from_bytes(content[:2], form.order) in _MPEG_FORMATS
        position = _find_chunk_end(start, form, length)
    return None, False


def _read_chunk(reader: BlockReader, position: int, form: _Format) -> tuple[bytes, _Length]:
    """Return the name and the length of the chunk at a position; an empty name where there is none."""
    head = reader.read(position, form.n_name + form.n_size)
    name, value = head[: form.n_name], int.from_bytes(head[form.n_name :], form.order)
    is_name = len(head) == form.n_name + form.n_size and all(0x20 <= byte < 0x7F for byte in name[:4])
    begin = position + form.n_name + form.n_size
    return name if is_name else b"", _Length(position + form.n_name, form.n_size, value, begin)


def _find_chunk_end(start: int, form: _Format, length: _Length) -> int:
    """Return where the next chunk begins."""
    end = length.begin + length.value - form.n_counted
    return max(end + (start - end) % form.alignment, length.begin)


def _find_end(reader: BlockReader, start: int, form: _Format, length: _Length) -> tuple[int, int]:
    """Return where the samples end, and where the chunks behind them do."""
    end = length.begin + length.value - form.n_counted
    if end <= length.begin + form.skipped:  # not written yet, or there are none
        behind = _skip_chunks(reader, start, form, length.begin)
        return (length.begin, behind) if _is_padding(reader, behind) else (reader.size, reader.size)
    if end <= reader.size:
        ends = (min(end + (start - end) % form.alignment, reader.size), end)
        behinds = [_skip_chunks(reader, start, form, aligned) for aligned in ends]
        for behind in behinds:
            if _is_padding(reader, behind):
                return end, behind
        for behind in behinds:
            if _is_trailer(reader, start, form, range(length.begin, end), behind):
                return end, behind
        return reader.size, reader.size
    # What a stream is written with is the largest number, or one near that of a signed one. Some writers count the
    # whole file, with or without its first 8 bytes, or a byte of padding that they leave out.
    is_unknown = length.value >= (0x7FFF0000 if length.n_bytes == 4 else 1 << 62)
    is_padded = form.alignment == 2 and end == reader.size + 1
    if not (is_unknown or is_padded) and length.value not in (reader.size - start, reader.size - start - 8):
        raise DecodeError(
            f"is cut short: its header announces {length.value:,} bytes of samples, and {reader.size - length.begin:,} "
            "are there; get it whole, or write what is left again: ffmpeg -i in out.wav"
        )
    return reader.size, reader.size


def _skip_chunks(reader: BlockReader, start: int, form: _Format, position: int) -> int:
    """Return the end of the chunks that begin at a position."""
    for _ in range(_MAX_CHUNKS if form.n_name else 0):
        if _find_form(reader, position):
            break
        name, length = _read_chunk(reader, position, form)
        end = _find_chunk_end(start, form, length)
        if not name or min(end, length.begin + length.value) > reader.size:
            break
        position = min(end, reader.size)
    return position


def _is_padding(reader: BlockReader, position: int) -> bool:
    """Return whether what begins at a position is no sound: tags, zeros, a few bytes, or another file."""
    behind = skip_tags(reader, position)
    is_rest = reader.size - behind <= _MAX_PADDING or behind - position >= MAX_FILLERS
    return is_rest or _find_form(reader, position) is not None


def _is_trailer(reader: BlockReader, start: int, form: _Format, samples: range, position: int) -> bool:
    """Return whether what begins at a position behind the samples that a header counts is no sound.

    It is none where it begins as a chunk that is cut short, or where the length of the whole file agrees with that of
    the samples. More than those is sound still, from a recorder that was stopped after it had written its header, and
    so is what holds another file.
    """
    if form.n_name and reader.read(position, 4) in _OTHER_CHUNKS:
        return True
    form_end = _find_form_end(reader, start, form)
    least = samples.stop - form.alignment
    agrees = least < form_end < position + form.alignment
    is_short = reader.size - position <= len(samples)
    return agrees and is_short and reader.find(reader.read(start, 4), least, reader.size) < 0


def _find_form_end(reader: BlockReader, start: int, form: _Format) -> int:
    """Return where a file ends by the length of the whole in its head; its start where there is no such length."""
    head = reader.read(start, 28)
    if form.start == _FORMATS[b"riff"].start:
        return start + int.from_bytes(head[16:24], form.order)
    if form.start != _RIFF.start:
        return start
    is_long = head[:4] in (b"RF64", b"BW64") and head[12:16] == b"ds64"
    return start + 8 + int.from_bytes(head[20:28] if is_long else head[4:8], form.order)


def _find_form(reader: BlockReader, position: int) -> _Format | None:
    """Return how a file at a position is made; None where none begins."""
    head = reader.read(position, 12)
    form = _FORMATS.get(head[:4])
    is_file = form is not None and (head[8:] in _FORM_TYPES or form.start != _RIFF.start)
    return form if is_file else None
