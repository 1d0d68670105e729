# SPDX-License-Identifier: Apache-2.0
"""Sounds that are a row of frames: MP3 (MPEG audio) and AAC (ADTS), found by the headers of their frames.

Neither has to say its length. Decoders estimate it, and libsndfile ends there. So the frames are counted here, as far
as the sound is asked for, and the decoder gets nothing but frames, with a header that counts them.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from jina_omni.errors import DecodeError
from jina_omni.media.splices import MORE_SECONDS, BlockReader, Span, add_range
from jina_omni.media.tags import MAX_FILLERS, skip_tags

__all__ = ["Frame", "FrameRun", "find_runs", "has_frames", "parse_adts", "parse_mpeg"]

_HEADER_BYTES = 6
_MAX_BACK_BYTES = 511  # main_data_begin has 9 bits, and 8 in MPEG-2: ISO 11172-3, 2.4.1.7; ISO 13818-3, 2.4.1.7
_MAX_JUNK = 1 << 20  # bytes in which the next frame is looked for
_MAX_SHORT_ROWS = 100  # of fewer than three frames, behind which tags and zeros are looked through
_DECODER_DELAY = 529  # samples that decoders of layer III drop beside the header's delay (libmpg123's GAPLESS_DELAY)
# Silence before a stream without a header, which the header that it gets makes decoders drop: whole frames, and whole
# turns of the 16 blocks of 32 samples that libmpg123's synthesis goes through, so that it rounds as without them.
_SILENT_SAMPLES = 4608
_MAX_GAP_SECONDS = 0.1  # of lost frames that pass as a click

# ISO 11172-3, 2.4.2.3 and ISO 13818-3, 2.4.2.3: kbit/s of MPEG-1 layers I to III, MPEG-2 layer I, and its layers II and
# III, by the bit rate's index. Index 0 is free format, which has no length of a frame.
_BIT_RATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)  # of MPEG-1; MPEG-2 halves them, MPEG-2.5 halves them again
# ISO 14496-3, table 1.18
_ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)


class Frame(NamedTuple):
    """What a frame's header says.

    Attributes
    ----------
    n_bytes, n_samples : int
        Of the frame.
    rate : int
        Samples per second.
    key : tuple of int
        What frames of one stream have in common.
    info_offset : int
        Where a header of the stream stands in a frame that has one; 0 where the type has none.
    """

    n_bytes: int
    n_samples: int
    rate: int
    key: tuple[int, ...]
    info_offset: int


@dataclass
class FrameRun:
    """Frames of one stream, as an encoder wrote them.

    Attributes
    ----------
    first : Frame
    header : bytes
        The first four of a frame.
    info : bytes
        The frame that holds a header of the stream, Xing's; empty where there is none.
    announced : int or None
        Number of frames by the header of the stream.
    spans : list of bytes or range
        Of the file: the frames, without what lies between them. First ones whose content began in frames that are not
        there are made silent.
    n_main_bytes : int
        Content of the frames, which that of later ones may lie in.
    n_frames : int
        Of those; an estimate where the file is longer than what is asked for.
    """

    first: Frame
    header: bytes
    info: bytes = b""
    announced: int | None = None
    spans: list[Span] = field(default_factory=list)
    n_main_bytes: int = 0
    n_frames: int = 0

    @property
    def seconds(self) -> float:
        """That all frames last."""
        return self.n_frames * self.first.n_samples / self.first.rate

    def add(self, reader: BlockReader, position: int, frame: Frame) -> None:
        """Add a frame."""
        self.n_frames += 1
        start, end = position, position + frame.n_bytes
        if frame.info_offset and not self.info and self.n_main_bytes < _MAX_BACK_BYTES:
            # What is left of a stream begins with frames whose content began before, of which decoders make noise.
            # Without their side information, behind the header and its checksum, they are silent.
            side = position + (4 if reader.read(position + 1, 1)[0] & 1 else 6)
            n_back = int.from_bytes(reader.read(side, 2), "big") >> (7 if frame.key[0] == 1 else 8)
            side_end = side + frame.info_offset - 4
            if n_back > self.n_main_bytes:
                add_range(self.spans, start, side)
                self.spans.append(bytes(side_end - side))
                start = side_end
            self.n_main_bytes += end - side_end
        add_range(self.spans, start, end)

    def extend(self, position: int, end: int) -> None:
        """Add the rest of the file, whose frames are not looked at."""
        n_bytes = sum(map(len, self.spans))
        estimate = self.n_frames + self.n_frames * (end - position) // n_bytes
        announced = self.announced or 0
        self.n_frames = announced if announced > self.n_frames else estimate
        self.spans.append(range(position, end))

    def make_counted(self) -> list[Span]:
        """Return the spans of an MP3, behind a header that counts these frames and their bytes."""
        place = self.first.info_offset
        if not place:
            return self.spans
        n_bytes = sum(map(len, self.spans))
        if not self.info:
            silence = self._make_silence()
            n_silent = _SILENT_SAMPLES // self.first.n_samples
            n_bytes += (1 + n_silent) * len(silence)
            return [_make_info(silence, place, n_silent + self.n_frames, n_bytes), n_silent * silence, *self.spans]
        counted = bytearray(self.info)
        counted[place + 8 : place + 12] = self.n_frames.to_bytes(4, "big")
        if counted[place + 7] & 2:
            counted[place + 12 : place + 16] = min(n_bytes + len(counted), 0xFFFFFFFF).to_bytes(4, "big")
        return [bytes(counted), *self.spans]

    def _make_silence(self) -> bytes:
        """Return a frame of silence, long enough for libmpg123 to look for a header in it."""
        header = bytearray(self.header)
        header[1] |= 1  # no checksum
        header[2] = (0x90 if self.first.key[0] == 1 else 0x80) | header[2] & 0x0C  # 128 or 64 kbit/s
        frame = parse_mpeg(bytes(header) + bytes(_HEADER_BYTES))
        return bytes(header).ljust(frame.n_bytes if frame else 0, b"\0")


def _make_info(silence: bytes, place: int, n_frames: int, n_bytes: int) -> bytes:
    """Return a frame with a header of the stream that makes decoders drop its silent samples, and nothing else."""
    # http://gabriel.mp3-tech.org/mp3infotag.html: the numbers of frames and of bytes by bits 0 and 1 of the flags, then
    # 21 bytes from the encoder's name on, and 12 bits each of delay and padding
    header = b"Info" + bytes([0, 0, 0, 3]) + n_frames.to_bytes(4, "big") + min(n_bytes, 0xFFFFFFFF).to_bytes(4, "big")
    trims = (_SILENT_SAMPLES - _DECODER_DELAY << 12 | _DECODER_DELAY).to_bytes(3, "big")
    return silence[:place] + (header + b"LAME".ljust(21, b"\0") + trims).ljust(len(silence) - place, b"\0")


@functools.cache
def _parse_mpeg(first: int, second: int, third: int) -> Frame | None:
    """Parse the bytes of a header behind the first, which is FF; of the last only the mode."""
    version, layer = (4, 0, 2, 1)[first >> 3 & 3], 4 - (first >> 1 & 3)
    bit_rate, rate = second >> 4, second >> 2 & 3
    if first < 0xE0 or version == 0 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    hertz = _RATES[rate] // version
    bits = _BIT_RATES[min(version, 2), layer][bit_rate] * 1000
    padding, is_mono = second >> 1 & 1, third >> 6 == 3
    n_samples = 384 if layer == 1 else 576 if layer == 3 and version > 1 else 1152
    n_bytes = (12 * bits // hertz + padding) * 4 if layer == 1 else n_samples // 8 * bits // hertz + padding
    # Behind the header and the side information (ISO 11172-3, 2.4.1.7; ISO 13818-3, 2.4.1.7), without a checksum
    side = (17 if is_mono else 32) if version == 1 else (9 if is_mono else 17)
    return Frame(n_bytes, n_samples, hertz, (version, layer, hertz, is_mono), 4 + side if layer == 3 else 0)


def parse_mpeg(head: bytes) -> Frame | None:
    """Return what the header of a frame of MPEG audio says; None where it is none, or of free format.

    Parameters
    ----------
    head : bytes
        Six or more.
    """
    if len(head) < _HEADER_BYTES or head[0] != 0xFF:
        return None
    return _parse_mpeg(head[1], head[2], head[3] & 0xC0)


def parse_adts(head: bytes) -> Frame | None:
    """Return what the header of a frame of ADTS says (ISO 14496-3, table 1.A.8), as `parse_mpeg` does."""
    if len(head) < _HEADER_BYTES or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate, channels = head[2] >> 2 & 15, (head[2] & 1) << 2 | head[3] >> 6
    n_bytes = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate >= len(_ADTS_RATES) or n_bytes < 7:
        return None
    return Frame(n_bytes, 1024, _ADTS_RATES[rate], (head[2] >> 6, rate, channels), 0)


Parser = Callable[[bytes], Frame | None]


def has_frames(head: bytes, parse: Parser) -> bool:
    """Return whether three frames in a row begin anywhere in some bytes."""
    content = head + b"."  # fewer frames are enough at the end of a file
    return _find_row(BlockReader(io.BytesIO(content)), 0, parse) is not None


def find_runs(file: BinaryIO, start: int, seconds: float, parse: Parser) -> list[FrameRun]:
    """Return the runs of frames of a file.

    Tags, zeros, and what else is no frame are left out, before, between and behind the frames, and so is a last frame
    that is not whole.

    Parameters
    ----------
    file : binary file
    start : int
        Where to begin.
    seconds : float
        How much of the sound is asked for. The frames behind are not looked at.
    parse : function
        `parse_mpeg` or `parse_adts`.

    Raises
    ------
    DecodeError
        A stream's header counts more frames than there are, or there is more than a tenth of a second of something
        else among the frames.
    """
    reader = BlockReader(file)
    runs: list[FrameRun] = []
    n_seconds = 0.0
    for position, frame in _find_frames(reader, start, parse):
        announced = _read_announced(reader, position, frame)
        if announced is not None or not runs or frame.key != runs[-1].first.key:
            runs.append(FrameRun(frame, reader.read(position, 4)))
        if announced is not None:
            runs[-1].announced, is_xing = announced
            runs[-1].info = reader.read(position, frame.n_bytes) if is_xing else b""
            continue
        runs[-1].add(reader, position, frame)
        n_seconds += frame.n_samples / frame.rate
        if n_seconds > seconds + MORE_SECONDS:
            runs[-1].extend(position + frame.n_bytes, reader.size)
            break
    for run in runs:
        # Some encoders count the frame with the header too.
        if run.announced is not None and run.announced > run.n_frames + 1:
            raise DecodeError(
                f"is cut short: its header counts {run.announced:,} frames, and {run.n_frames:,} are there; get it "
                "whole, or write what is left again: ffmpeg -i in out.wav"
            )
    return [run for run in runs if run.n_frames]


def _find_frames(reader: BlockReader, position: int, parse: Parser) -> Iterator[tuple[int, Frame]]:
    """Yield the frames from a position on, each with its place."""
    last: Frame | None = None
    while True:
        frame = parse(reader.read(position, _HEADER_BYTES))
        if frame is None or last is None or frame.key != last.key:
            behind = skip_tags(reader, position)
            found = _find_row(reader, behind, parse)
            if found is None and (reader.size - behind <= _MAX_JUNK or behind - position >= MAX_FILLERS):
                return
            gap = (reader.size if found is None else found[0]) - behind
            if last is not None and gap * last.n_samples > _MAX_GAP_SECONDS * last.rate * last.n_bytes:
                raise DecodeError(
                    f"is damaged: at byte {behind:,} there are {gap:,} bytes that are no frames; to do without them, "
                    "write it again: ffmpeg -i in out.wav"
                )
            if found is None:
                return
            position, frame = found
        if position + frame.n_bytes > reader.size:
            return
        yield position, frame
        position += frame.n_bytes
        last = frame


def _find_row(reader: BlockReader, position: int, parse: Parser) -> tuple[int, Frame] | None:
    """Return where frames in a row begin, and the first; None where there are none."""
    end = min(reader.size, position + _MAX_JUNK)
    n_short = 0
    while (position := reader.find(b"\xff", position, end)) >= 0:
        frame, row_end = _read_row(reader, position, parse)
        if frame is not None and row_end is not None:  # at the end of a file fewer than three are enough
            behind = skip_tags(reader, row_end) if n_short < _MAX_SHORT_ROWS else row_end
            n_short += behind > row_end
            frame = frame if behind == reader.size else None
        if frame is not None:
            return position, frame
        position += 1
    return None


def _read_row(reader: BlockReader, position: int, parse: Parser) -> tuple[Frame | None, int | None]:
    """Return the first of three frames of one stream at a position, or of fewer and where those end."""
    first = frame = parse(reader.read(position, _HEADER_BYTES))
    for _ in range(2):
        if first is None or frame is None or frame.key != first.key or position + frame.n_bytes > reader.size:
            return None, None
        position += frame.n_bytes
        frame = parse(reader.read(position, _HEADER_BYTES))
        if frame is None:
            return first, position
    return (first if first and frame and frame.key == first.key else None), None


def _read_announced(reader: BlockReader, position: int, frame: Frame) -> tuple[int | None, bool] | None:
    """Return the number of frames by a header of the stream, and whether it is Xing's; None if this frame has none."""
    place = frame.info_offset
    if not place:
        return None
    content = reader.read(position, place + 12)
    # http://gabriel.mp3-tech.org/mp3infotag.html; VBRI stands behind 32 bytes, whatever the side information takes, and
    # counts at its byte 14
    if content[place : place + 4] in (b"Xing", b"Info"):
        has_count = content[place + 7] & 1  # without one it is of no use
        return (int.from_bytes(content[place + 8 :], "big"), True) if has_count else (None, False)
    content = reader.read(position, 54)
    if content[36:40] == b"VBRI":
        return int.from_bytes(content[50:54], "big"), False
    return None
