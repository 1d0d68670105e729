# SPDX-License-Identifier: Apache-2.0
"""Open files as sources of media: they are read at once, since they may be closed, moved or read by others later."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
from typing import Any, Protocol, TypeVar

from jina_omni.describe import describe_type
from jina_omni.errors import InputError

__all__ = ["OpenFile", "is_open_file", "read_if_open", "read_open_file"]

T = TypeVar("T")


class OpenFile(Protocol):
    """A file that is open for reading in binary mode, as `io.BytesIO` is."""

    def read(self) -> bytes:
        """Return what is left of it."""
        ...


def is_open_file(value: object) -> bool:
    """Return whether a value can be read as a file. Some paths can too, but they are paths."""
    return callable(getattr(value, "read", None)) and not isinstance(value, (os.PathLike, type))


def read_if_open(source: T) -> T | bytes:
    """Return the content of an open file, and any other source as it is; errors are those of `read_open_file`."""
    return read_open_file(source) if is_open_file(source) else source


def read_open_file(file: Any) -> bytes:
    """Return the content of an open file, from its start, or what is left of one that can't go back, such as a pipe.

    Raises
    ------
    InputError
        It is closed, can't be read, or gives text instead of bytes.
    """
    if inspect.iscoroutinefunction(file.read):
        raise InputError(f"is {describe_type(file)}, which is read asynchronously; pass its bytes: await file.read()")
    data = None if isinstance(file, io.TextIOBase) else _read(file)
    if isinstance(file, io.TextIOBase) or isinstance(data, str):
        raise InputError("is a file that is open for text; open it in binary mode, 'rb', or pass its text: file.read()")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"is {describe_type(file)}, whose read() returns {describe_type(data)}, expected bytes")
    return bytes(data)


def _read(file: Any) -> Any:
    try:
        with contextlib.suppress(AttributeError, OSError):  # of what can't go back
            file.seek(0)
        return file.read()
    except Exception as error:  # of any class, as the file is: zlib.error, zipfile.BadZipFile, those of networks
        cause = str(error) or type(error).__name__
        raise InputError(f"is a file that can't be read: {cause}; open it again, or pass its path") from error
