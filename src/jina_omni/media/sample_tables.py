# SPDX-License-Identifier: Apache-2.0
"""MP4 files that announce more samples than they hold: FFmpeg keeps an entry in memory for every sample.

Each sample of an undamaged file takes a few bytes. A crafted file of a kilobyte made FFmpeg take gigabytes and hours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from jina_omni.errors import DecodeError
from jina_omni.media.limits import MAX_EDITED_SAMPLES, MAX_USUAL_EDITS

__all__ = ["check_samples"]

_PARENTS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
_COUNTED = {b"stsz": 8, b"trun": 4, b"elst": 4}  # offset of the count in the box: ISO 14496-12, 8.7.3.2, 8.8.8, 8.6.6


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
    for name, content, end in _boxes(file, 0, length):
        file.seek(content + _COUNTED[name])
        count = int.from_bytes(file.read(4), "big") if content + _COUNTED[name] < end else 0
        if name == b"elst":
            n_edits = max(n_edits, count)
        else:
            n_samples += count
    file.seek(0)
    if n_samples > length:
        raise DecodeError(f"announces {n_samples:,} samples in {length:,} bytes; it is damaged")
    if n_edits > MAX_USUAL_EDITS and n_edits * n_samples > MAX_EDITED_SAMPLES:
        raise DecodeError(f"has an edit list of {n_edits:,} edits; write it again: ffmpeg -i in.mp4 out.mp4")


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes with a count in a range: name, start and end of the content (ISO 14496-12, 4.2)."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(8)
        size, name, content = int.from_bytes(head[:4], "big"), head[4:], start + 8
        if size == 1:
            size, content = int.from_bytes(file.read(8), "big"), start + 16
        box_end = min(start + size, end) if size else end
        if name in _PARENTS:
            yield from _boxes(file, content, box_end)
        elif name in _COUNTED:
            yield name, content, box_end
        if box_end < content:  # no box is smaller than its head
            return
        start = box_end
