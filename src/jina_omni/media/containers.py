# SPDX-License-Identifier: Apache-2.0
"""Files of sound and moving pictures, opened by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from jina_omni.errors import DecodeError
from jina_omni.media.decoders import import_decoder
from jina_omni.media.file_types import FileType
from jina_omni.media.sample_tables import check_samples

__all__ = ["open_container"]

_UNKNOWN = 0x7FFF0000  # what streams are written with is near the largest number of 31 or 32 bits


@contextlib.contextmanager
def open_container(file: BinaryIO, file_type: FileType) -> Iterator[Any]:
    """Open a file with PyAV for reading.

    Parameters
    ----------
    file : binary file
        At its start. It stays open.
    file_type : FileType
        Of a type that FFmpeg reads: its plugin is the only format that is tried.

    Yields
    ------
    av.container.InputContainer

    Raises
    ------
    UnsupportedMediaError
        PyAV is not installed.
    DecodeError
        The file announces more than it holds.
    Exception
        Whatever PyAV raises where the file is damaged.
    """
    av = import_decoder("av", "video", f"a file of the type {file_type.media_type}")
    if file_type.plugin == "mov":
        check_samples(file)
    if file_type.plugin == "avi":
        _check_size(file)
    # A title that is not UTF-8 is no reason to refuse a file.
    with av.open(file, mode="r", format=file_type.plugin, metadata_errors="ignore") as container:
        yield container


def _check_size(file: BinaryIO) -> None:
    """Check that a RIFF file is as long as its header says, of which FFmpeg takes what is there."""
    announced = int.from_bytes(file.read(8)[4:], "little")
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if length < announced < _UNKNOWN:
        raise DecodeError(
            f"is cut short: its header announces {announced:,} bytes, and {length:,} are there; get it whole, or write "
            "what is left again: ffmpeg -i in.avi out.mp4"
        )
