# SPDX-License-Identifier: Apache-2.0
"""Ogg files (RFC 3533): their pages, and the sounds that follow each other in one.

libsndfile reads the first of several sounds only, and leaves out pages that are damaged or missing without a word. So
the pages are looked through here, as far as the sound is asked for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from jina_omni.errors import DecodeError, UnsupportedMediaError
from jina_omni.media.splices import MORE_SECONDS, BlockReader, Span, add_range

__all__ = ["OGG_PICTURES", "find_links"]

_NAME = b"OggS"
_HEADER_BYTES = 27  # RFC 3533, 6; as many bytes as its last one says follow, which are the sizes of the content
_BEGINS = 2  # flag of the first page of a stream
_MAX_JUNK = 1 << 24  # bytes in which the next page is looked for
_UNFINISHED = (1 << 64) - 1  # the position of a page on which no packet ends

# What the first packet of a sound begins with, and where its rate stands: Vorbis I, 4.2.2, and Speex' SpeexHeader
_SOUNDS: tuple[tuple[bytes, int], ...] = ((b"\x01vorbis", 12), (b"Speex   ", 36))

OGG_PICTURES = (b"\x80theora", b"OVP80", b"BBCD\0", b"\x01video")
"""What the first packet of a stream of pictures begins with: Theora (its specification, 6.2), VP8, Dirac, and OGM."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    """A page: where it stands, its flags, the samples up to its end, its stream and number there, and its content."""

    position: int
    end: int
    flags: int
    granule: int
    stream: int
    number: int
    content: bytes


@dataclass
class _Link:
    """A sound of a file: its stream, the samples of a second, its pages, and what the last ones were."""

    stream: int
    rate: int
    spans: list[Span] = field(default_factory=list)
    number: int = 0
    first: int | None = None
    last: int = 0

    @property
    def seconds(self) -> float:
        return (self.last - (self.first or 0)) / self.rate

    def add(self, page: _Page) -> None:
        # Who joins a live stream gets its headers, and then pages from any number on.
        if self.first is not None and page.number != self.number + 1:
            raise DecodeError(
                f"is damaged: pages are missing before byte {page.position:,}; to do without them, write it again: "
                "ffmpeg -i in.ogg out.ogg"
            )
        self.number = page.number
        if page.granule not in (0, _UNFINISHED):
            self.first = page.granule if self.first is None else self.first
            self.last = page.granule
        add_range(self.spans, page.position, page.end)


def find_links(file: BinaryIO, start: int, seconds: float) -> list[list[Span]]:
    """Return the sounds that follow each other in an Ogg file.

    Of streams side by side the first that is a sound is taken.

    Parameters
    ----------
    file : binary file
    start : int
        Where to begin.
    seconds : float
        How much of the sound is asked for. The pages behind are not looked at.

    Returns
    -------
    list of list of range
        The pages of each sound.

    Raises
    ------
    DecodeError
        A page is cut short, damaged or missing.
    UnsupportedMediaError
        It has neither sound nor pictures of a known codec.
    """
    reader = BlockReader(file)
    links: list[_Link] = []
    link: _Link | None = None
    names: list[bytes] = []
    begins = False
    seconds_before = 0.0  # of all sounds but the last
    for page in _find_pages(reader, start):
        if page.flags & _BEGINS:
            if not begins:  # all streams that are side by side begin before their other pages
                link = None
            names.append(page.content[:8])
            if link is None and (rate := _read_rate(page.content)):
                seconds_before += links[-1].seconds if links else 0
                link = _Link(page.stream, rate)
                links.append(link)
        begins = bool(page.flags & _BEGINS)
        if link is not None and page.stream == link.stream:
            link.add(page)
            if seconds_before + link.seconds > seconds + MORE_SECONDS:
                add_range(link.spans, page.end, reader.size)
                break
    if not links and names and not any(name.startswith(OGG_PICTURES) for name in names):
        raise UnsupportedMediaError(
            f"is an Ogg file with a stream of an unknown codec, which begins with {names[0]!r}; convert it: "
            "ffmpeg -i in.ogg out.wav"
        )
    return [link.spans for link in links]


def _find_pages(reader: BlockReader, position: int) -> Iterator[_Page]:
    """Yield the pages from a position on; what is between them and behind them is no page."""
    while (position := reader.find(_NAME, position, min(reader.size, position + _MAX_JUNK))) >= 0:
        head = reader.read(position, _HEADER_BYTES)
        sizes = reader.read(position + _HEADER_BYTES, head[-1] if len(head) == _HEADER_BYTES else 0)
        n_bytes = _HEADER_BYTES + len(sizes) + sum(sizes)
        page = reader.read(position, n_bytes)
        if len(head) < _HEADER_BYTES or len(sizes) < head[-1] or len(page) < n_bytes:
            raise DecodeError(
                f"is cut short within its last page, at byte {position:,}; get it whole, or write what is left again: "
                "ffmpeg -i in.ogg out.ogg"
            )
        if _compute_checksum(page) != int.from_bytes(page[22:26], "little"):
            raise DecodeError(
                f"is damaged: the page at byte {position:,} has another checksum; to do without it, write it again: "
                "ffmpeg -i in.ogg out.ogg"
            )
        granule, stream, number = struct.unpack_from("<QII", page, 6)
        end = position + n_bytes
        yield _Page(position, end, page[5], granule, stream, number, page[_HEADER_BYTES + len(sizes) :])
        position = end


def _read_rate(packet: bytes) -> int:
    """Return the samples of a second that a stream counts in its pages, by its first packet; 0 where it is no sound."""
    for name, place in _SOUNDS:
        if packet.startswith(name):
            return int.from_bytes(packet[place : place + 4], "little") or 1
    if packet.startswith(b"OpusHead"):
        return 48_000  # whatever the rate of its input was: RFC 7845, 4
    if packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(packet[27:30], "big") >> 4 or 1  # STREAMINFO of https://xiph.org/flac/ogg_mapping.html
    return 0


def _compute_checksum(page: bytes) -> int:
    """Return the checksum of a page: the polynomial of zlib's, from the other end of each byte (RFC 3533, 6)."""
    blank = page[:22] + bytes(4) + page[26:]
    # zlib begins and ends with an exclusive or that Ogg does not have
    found = zlib.crc32(blank.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(found.to_bytes(4, "little").translate(_REVERSED), "big")
