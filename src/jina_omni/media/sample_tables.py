# SPDX-License-Identifier: Apache-2.0
"""MP4 files that announce more samples than they hold: FFmpeg keeps an entry in memory for every sample.

Each sample of an undamaged file takes a few bytes. A crafted file of a kilobyte made FFmpeg take gigabytes and hours.

QuickTime counts the samples of a sound as they are before they are compressed. Of such a track FFmpeg keeps an entry
for each packet, or for a thousand samples, whose number `_estimate_entries` finds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np

from jina_omni.errors import DecodeError
from jina_omni.media.limits import MAX_EDITED_SAMPLES, MAX_USUAL_EDITS

__all__ = ["check_samples"]

_PARENTS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
_COUNTED = {b"stsz": 8, b"trun": 4, b"elst": 4}  # offset of the count in the box: ISO 14496-12, 8.7.3.2, 8.8.8, 8.6.6

_LARGEST_TRACK = 1 << 26  # bytes of the tables of a sound that are looked at; 30 minutes take less than 1 MiB

# FFmpeg's mov_build_index (libavformat/mov.c) makes an entry of at least so many samples, or of a chunk that has fewer.
_SAMPLES_PER_ENTRY = 160

_ONE = (1).to_bytes(4, "big")


def check_samples(file: BinaryIO) -> None:
    """Check that a file announces no more samples than it has bytes, and not too many edits.

    Parameters
    ----------
    file : binary file
        Of ISO base media format, at its start, where it is again afterwards.

    Raises
    ------
    DecodeError
        It announces more.
    """
    length = file.seek(0, os.SEEK_END)
    n_samples = n_edits = 0
    for name, start, end in _boxes(file, 0, length, {b"trak", *_COUNTED}):
        boxes = _boxes(file, start, end, _COUNTED) if name == b"trak" else [(name, start, end)]
        counts = [(inner, _read_count(file, place + _COUNTED[inner], end)) for inner, place, end in boxes]
        n_edits = max([n_edits, *(count for inner, count in counts if inner == b"elst")])
        n_announced = sum(count for inner, count in counts if inner != b"elst")
        if name == b"trak" and n_announced > length:
            n_announced = _estimate_entries(file, start, end) or n_announced
        n_samples += n_announced
    file.seek(0)
    if n_samples > length:
        raise DecodeError(f"announces {n_samples:,} samples in {length:,} bytes; it is damaged")
    if n_edits > MAX_USUAL_EDITS and n_edits * n_samples > MAX_EDITED_SAMPLES:
        raise DecodeError(f"has an edit list of {n_edits:,} edits; write it again: ffmpeg -i in.mp4 out.mp4")


def _boxes(file: BinaryIO, start: int, end: int, names: Collection[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes of these names in a range: name, start and end of the content (ISO 14496-12, 4.2)."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(8)
        size, name, content = int.from_bytes(head[:4], "big"), head[4:], start + 8
        if size == 1:
            size, content = int.from_bytes(file.read(8), "big"), start + 16
        box_end = min(start + size, end) if size else end
        if name in names:
            yield name, content, box_end
        elif name in _PARENTS:
            yield from _boxes(file, content, box_end, names)
        if box_end < content:  # no box is smaller than its head
            return
        start = box_end


def _read_count(file: BinaryIO, place: int, end: int) -> int:
    file.seek(place)
    return int.from_bytes(file.read(4), "big") if place < end else 0


def _estimate_entries(file: BinaryIO, start: int, end: int) -> int:
    """Return how many entries FFmpeg makes at most of a track that counts samples of sound; 0 if it is another one."""
    if end - start > _LARGEST_TRACK:
        return 0
    file.seek(start)
    track = file.read(end - start)
    # Wherever these boxes are, FFmpeg may find them, so that they must not contradict each other.
    handlers = {track[place + 8 : place + 12] for place in _find_contents(track, b"hdlr")}  # 8.4.3.2
    times = [track[place + 4 : place + 16] for place in _find_contents(track, b"stts")]  # 8.6.1.2
    chunks = [place for name in (b"stco", b"co64") for place in _find_contents(track, name)]  # 8.7.5
    runs = _find_contents(track, b"stsc")  # 8.7.4
    # One entry of times whose samples last a unit each, which is the unit of the sampling rate.
    is_sound = b"soun" in handlers and not handlers & {b"vide", b"subp", b"clcp"}
    if not is_sound or len(chunks) != 1 or len(runs) != 1 or [(time[:4], time[8:]) for time in times] != [(_ONE, _ONE)]:
        return 0
    n_chunks, n_runs = (int.from_bytes(track[place + 4 : place + 8], "big") for place in (*chunks, *runs))
    table = track[runs[0] + 8 :][: 12 * n_runs]
    rows = np.frombuffer(table[: len(table) // 12 * 12], ">u4").reshape(-1, 3).astype(np.float64)
    n_each = np.diff(rows[:, 0], append=n_chunks + 1).clip(0)
    return int(n_each @ (rows[:, 1] // _SAMPLES_PER_ENTRY + 1))


def _find_contents(track: bytes, name: bytes) -> list[int]:
    return [match.end() for match in re.finditer(re.escape(name), track)]
