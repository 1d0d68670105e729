# SPDX-License-Identifier: Apache-2.0
"""Files of ISO base media format (MP4, M4A, MOV) that follow each other in one."""

from __future__ import annotations

import itertools
from typing import BinaryIO

from jina_omni.media.splices import BlockReader

__all__ = ["find_movies"]


def find_movies(file: BinaryIO, start: int) -> list[list[range]]:
    """Return the files that follow each other in a file, of which FFmpeg reads the first only.

    Parameters
    ----------
    file : binary file
        Of ISO base media format.
    start : int
        Where the first begins.
    """
    reader = BlockReader(file)
    starts, has_index, position = [start], False, start
    # the boxes of a file (ISO 14496-12, 4.2), which begins with its type and has an index
    while position + 8 <= reader.size:
        head = reader.read(position, 16)
        size = int.from_bytes(head[8:] if head[:4] == b"\0\0\0\1" else head[:4], "big")
        if head[4:8] == b"ftyp" and has_index:
            starts.append(position)
        has_index = head[4:8] == b"moov" or (has_index and head[4:8] != b"ftyp")
        position += size if size >= 8 else reader.size
    return [[range(*span)] for span in itertools.pairwise([*starts, reader.size])]
