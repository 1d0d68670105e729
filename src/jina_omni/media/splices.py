# SPDX-License-Identifier: Apache-2.0
"""A file made of parts of another: what a decoder gets to see of a file with something around or between its sound."""

from __future__ import annotations

import bisect
import errno
import io
import itertools
import os
from collections.abc import Iterable
from typing import BinaryIO, TypeAlias

from jina_omni.errors import InputError

__all__ = ["MORE_SECONDS", "BlockReader", "Span", "SplicedFile", "add_range", "find_size"]

Span: TypeAlias = bytes | range
"""Bytes as they are, or the range of a file's positions that has them."""

MORE_SECONDS = 2
"""Of a sound, beyond what is asked for, that are looked at: for what a resampler takes and encoders fill up."""


def add_range(spans: list[Span], start: int, end: int) -> None:
    """Add a range of a file to spans; it joins one that it follows."""
    last = spans[-1] if spans else None
    if isinstance(last, range) and last.stop == start:
        spans[-1] = range(last.start, end)
    else:
        spans.append(range(start, end))


def find_size(file: BinaryIO) -> int:
    """Return the number of bytes of an open file, whose position changes."""
    return file.seek(0, os.SEEK_END)


class SplicedFile(io.RawIOBase):
    """Pieces of a file and other bytes, one behind the other, as a file for reading.

    Closing it leaves the file open. Several may read from one file, but not from several threads. What reads raises an
    InputError where the file can't be read.

    Parameters
    ----------
    file : binary file
    spans : iterable of bytes or range
        In order.

    Examples
    --------
    >>> SplicedFile(io.BytesIO(b"0123456789"), [range(2, 5), b"abc", range(9, 10)]).read()
    b'234abc9'
    """

    def __init__(self, file: BinaryIO, spans: Iterable[Span]) -> None:
        self._file = file
        self._spans = [span for span in spans if len(span)]
        self._ends = list(itertools.accumulate(map(len, self._spans)))
        self._position = 0

    def readable(self) -> bool:  # noqa: D102 - as of any file
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:  # noqa: D102
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._ends[-1] if self._ends else 0}[whence]
        if base + offset < 0:  # as where FFmpeg looks for a tag in a shorter file; it takes this for its own error
            return -errno.EINVAL
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer as far as there is content: libsndfile takes fewer bytes for the end."""
        view = memoryview(buffer).cast("B")
        n_read = 0
        while n_read < len(view):
            i = bisect.bisect_right(self._ends, self._position)
            if i == len(self._spans):
                break
            span = self._spans[i]
            offset = self._position - (self._ends[i] - len(span))
            wanted = min(len(view) - n_read, len(span) - offset)
            if isinstance(span, bytes):
                content = span[offset : offset + wanted]
            else:
                content = _read(self._file, span[offset], wanted)
                if not content:  # the file has become shorter
                    break
            view[n_read : n_read + len(content)] = content
            n_read += len(content)
            self._position += len(content)
        return n_read


class BlockReader:
    """Short reads anywhere in a file, most of them near the last: a block of it is kept.

    Parameters
    ----------
    file : binary file
    """

    _BLOCK = 1 << 18

    def __init__(self, file: BinaryIO) -> None:
        self.size = find_size(file)
        self._file = file
        self._start = 0
        self._block = b""

    def read(self, position: int, n: int) -> bytes:
        """Return n bytes from a position on; fewer at the end of the file, and none behind it."""
        if position >= self.size:
            return b""
        offset = position - self._start
        if offset < 0 or offset + n > len(self._block):
            self._start, self._block, offset = position, _read(self._file, position, max(n, self._BLOCK)), 0
        return self._block[offset : offset + n]

    def find(self, what: bytes, start: int, end: int) -> int:
        """Return the first position of some bytes in a range; -1 where they are not."""
        while start < end:
            block = self.read(start, min(self._BLOCK, end - start))
            offset = block.find(what)
            if offset >= 0:
                return start + offset
            if len(block) < len(what):
                break
            start += len(block) - len(what) + 1
        return -1


def _read(file: BinaryIO, position: int, n: int) -> bytes:
    """Read from a file, whose failure is not the content's."""
    try:
        file.seek(position)
        return file.read(n)
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror or error}; check the file") from None
