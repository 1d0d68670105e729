# SPDX-License-Identifier: Apache-2.0
"""Files of sound and moving pictures, opened by PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from jina_omni.media.decoders import import_decoder
from jina_omni.media.file_types import FileType
from jina_omni.media.sample_tables import check_samples

__all__ = ["open_container"]


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
    # A title that is not UTF-8 is no reason to refuse a file.
    with av.open(file, mode="r", format=file_type.plugin, metadata_errors="ignore") as container:
        yield container
