# SPDX-License-Identifier: Apache-2.0
"""Files of sound and moving pictures, opened by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from jina_omni.media.extras import require
from jina_omni.media.sample_tables import check_samples

__all__ = ["DEMUXERS", "open_container"]

# One demuxer for each kind. FFmpeg's own guess could be a playlist, which would open other files and addresses.
DEMUXERS = {
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/flac": "flac",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "video/matroska": "matroska",
    "video/mp4": "mov",
    "video/mpeg": "mpeg",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-flv": "flv",
    "video/x-ms-asf": "asf",
    "video/x-msvideo": "avi",
}
"""FFmpeg's name of the format of each kind that is opened."""


@contextlib.contextmanager
def open_container(file: BinaryIO, kind: str, where: str = "input") -> Iterator[Any]:
    """Open a file with PyAV for reading.

    Parameters
    ----------
    file : binary file
        At its start. It stays open.
    kind : str
        One of `DEMUXERS`.
    where : str
        What messages call the input.

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

    .. versionadded:: 0.1.0
    """
    av = require("av", "video", f"a file of the kind {kind}", where)
    if DEMUXERS[kind] == "mov":
        check_samples(file, where)
    # A title that is no UTF-8 is no reason to refuse a file.
    with av.open(file, mode="r", format=DEMUXERS[kind], metadata_errors="ignore") as container:
        yield container
