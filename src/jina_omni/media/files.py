# SPDX-License-Identifier: Apache-2.0
"""Untrusted files: open them without blocking, whether they come as a path or as bytes."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np

from jina_omni.errors import DecodeError, InputError, naming_file
from jina_omni.media.decoders import find_lacking
from jina_omni.media.file_types import HEAD_BYTES, detect_media_type
from jina_omni.media.open_files import OpenFile

__all__ = [
    "BYTES_LIKE",
    "FileSource",
    "describe_options",
    "describe_source",
    "open_path",
    "open_source",
    "read_media_type",
]

FileSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | OpenFile
"""What a file may come as: a path, its bytes, or open."""

BYTES_LIKE = (bytes, bytearray, memoryview)


def open_path(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading.

    Raises
    ------
    InputError
        It can't be read, or is a folder, a pipe or a device. The error has the path as its `file`.
    """
    with naming_file(path):
        return _open_path(path)


def open_source(source: FileSource) -> BinaryIO:
    """Open a file that comes as a path or as its bytes; errors are those of `open_path`."""
    if isinstance(source, (str, os.PathLike)):
        return open_path(source)
    return io.BytesIO(cast(bytes, source))  # the inputs have read what came open


def read_media_type(file: BinaryIO) -> str:
    """Return the media type of an open file, as `detect_media_type` does; the file is at its start again.

    Raises
    ------
    DecodeError
        It is empty.
    InputError
        It can't be read.
    """
    try:
        head = file.read(HEAD_BYTES)
    except OSError as error:  # of a disk, or of a file in /proc
        raise InputError(f"can't be read: {error.strerror}; check the file") from None
    file.seek(0)
    if not head:
        raise DecodeError("is an empty file")
    return detect_media_type(head)


def describe_source(source: Any) -> str:
    """Return the short repr of a medium's source.

    Examples
    --------
    >>> describe_source("a.jpg"), describe_source(bytes(5000))
    ("'a.jpg'", '<5,000 bytes>')
    """
    if isinstance(source, BYTES_LIKE):
        return f"<{len(source):,} bytes>"
    if isinstance(source, np.ndarray):
        return f"<array {source.shape}>"
    return repr(source)


def describe_options(medium: Any, *names: str) -> str:
    """Return those options of a medium that are not None, as its repr shows them."""
    return "".join(f", {name}={value!r}" for name in names if (value := getattr(medium, name)) is not None)


def _open_without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _open_path(path: str | os.PathLike[str]) -> BinaryIO:
    file = Path(path)
    try:
        if stat.S_ISREG(file.stat().st_mode):  # opening a pipe or a device could block indefinitely
            opened = open(path, "rb", opener=_open_without_blocking)  # noqa: SIM115 - Path.open has no opener
            if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # still, if it was replaced meanwhile
                return opened
            opened.close()
    except (OSError, ValueError) as error:  # a ValueError is a NUL character in the path
        is_url = isinstance(path, str) and path.lower().startswith(("http:", "https:", "data:", "file:"))
        advice = "URLs are not fetched; pass the file's bytes" if is_url else "check the path"
        if find_lacking(error):
            advice = "try again"
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"can't be read: {reason}; {advice}") from None
    raise InputError("is not a regular file; pass the path of a file")
