# SPDX-License-Identifier: Apache-2.0
"""Decoders that extras of this library install, and what they raise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType

from jina_omni.errors import DecodeError, JinaOmniError, UnsupportedMediaError
from jina_omni.optional_packages import import_optional

__all__ = ["as_decode_error", "describe_cause", "import_decoder"]


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
    """
    try:
        return import_optional(module, extra)
    except ImportError as error:
        raise UnsupportedMediaError(f"is {what}, which needs {error}") from error


@contextlib.contextmanager
def as_decode_error(what: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a `DecodeError`; errors of this library pass as they are.

    Decoders raise errors of many classes for damaged files: OSError, SyntaxError, ValueError, struct.error, EOFError
    and more. A MemoryError comes from sizes in damaged headers, a Warning where the caller's filters make it an error.

    Parameters
    ----------
    what : str
        What was expected, such as "an image".
    """
    try:
        yield
    except JinaOmniError:
        raise
    except Exception as error:
        raise DecodeError(
            f"can't be decoded as {what} ({describe_cause(error)}); it is damaged or cut short"
        ) from error


def describe_cause(error: Exception) -> str:
    """Return the class and the text of a decoder's error.

    Errors of FFmpeg and libsndfile print the name of a file that they were not given, but keep the text apart.
    """
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
    return f"{type(error).__name__}: {text}"
