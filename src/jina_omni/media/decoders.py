# SPDX-License-Identifier: Apache-2.0
"""Decoders that extras of this library install, and what they raise."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from types import ModuleType

from jina_omni.errors import DecodeError, InputError, JinaOmniError, UnsupportedMediaError
from jina_omni.optional_packages import import_optional

__all__ = ["as_decode_error", "describe_cause", "find_lacking", "import_decoder"]

# What the system reports of itself, not of a file's bytes.
_SYSTEM_ERRORS = {
    errno.EMFILE: "this process has no file descriptors left",
    errno.ENFILE: "the system has no file descriptors left",
    errno.ENOMEM: "there is not enough memory",
    errno.EAGAIN: "the system has no threads or processes left",
    errno.EIO: "the disk can't be read",
}


def import_decoder(module: str, extra: str, what: str) -> ModuleType:
    """Import a decoder that an extra of this library installs.

    Parameters
    ----------
    module : str
        The package's name in Python.
    extra : str
        The extra that installs it.
    what : str
        What the input is, such as "a PDF".

    Raises
    ------
    UnsupportedMediaError
        It is not installed, or can't be imported.
    InputError
        It can't be imported now, since the process lacks something.
    """
    try:
        return import_optional(module, extra)
    except ImportError as error:
        cause = error.__cause__
        lacking = find_lacking(cause) if isinstance(cause, (OSError, MemoryError)) else ""
        if lacking:
            raise InputError(
                f"is {what}, whose decoder can't be imported now: {lacking} ({cause}); try again"
            ) from None
        raise UnsupportedMediaError(f"is {what}, which needs {error}") from None


@contextlib.contextmanager
def as_decode_error(what: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a `DecodeError`, and what the process lacks into an `InputError`.

    Decoders raise errors of many classes for damaged files: OSError, SyntaxError, ValueError, struct.error, EOFError
    and more, and a Warning where the caller's filters make it an error. Errors of this library pass as they are.

    Parameters
    ----------
    what : str
        What was expected, such as "an image".

    Raises
    ------
    DecodeError
        The decoder complains about the bytes.
    InputError
        The process has no memory, no thread or no file descriptor left, or the system can't read.
    """
    try:
        yield
    except JinaOmniError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        lacking = find_lacking(error)
        if lacking:
            raise InputError(f"can't be decoded as {what}: {lacking} ({describe_cause(error)}); try again") from None
        raise DecodeError(f"can't be decoded as {what} ({describe_cause(error)}); it is damaged or cut short") from None


def describe_cause(error: Exception) -> str:
    """Return the class and the text of a decoder's error.

    Errors of FFmpeg and libsndfile print the name of a file that they were not given, but keep the text apart.
    """
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
    return f"{type(error).__name__}: {text}"


def find_lacking(error: BaseException) -> str:
    """Return what an error says that the process lacks; an empty string where it is about something else."""
    text = str(error).lower()
    # Pillow's codecs (ImageFile.ERRORS), libavif and libheif report it by a text alone.
    if isinstance(error, MemoryError) or "out of memory" in text:
        return "there is not enough memory"
    if isinstance(error, ImportError):
        return "a library that it needs can't be imported"
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return "there are no threads left"
    return _SYSTEM_ERRORS.get(error.errno or 0, "") if isinstance(error, OSError) else ""
