# SPDX-License-Identifier: Apache-2.0
"""All errors of this library, under one root.

Every message names the item it is about and says what to do. Errors survive pickling with their attributes, so they
reach the caller from worker processes too.
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "ClosedError",
    "DecodeError",
    "InputError",
    "InputTooLongError",
    "JinaOmniError",
    "ModalityNotLoadedError",
    "ModelLoadError",
    "NativeError",
    "UnsupportedMediaError",
]


class JinaOmniError(Exception):
    """The root of this library's errors, never raised itself.

    .. versionadded:: 0.1.0
    """


class ModelLoadError(JinaOmniError):
    """A model file is missing, damaged, refused or does not belong to the others, or its device is not there.

    .. versionadded:: 0.1.0
    """


class InputError(JinaOmniError, ValueError):
    """An input is not one that this library can embed.

    Parameters
    ----------
    message : str
        Names the input and says what to do.
    index : int, optional
        See the attribute.

    Attributes
    ----------
    index : int or None
        Position of the input in the caller's list, from 0; None for a single input. Whoever holds the list sets it,
        since the code that meets the fault sees one input only.

    Examples
    --------
    >>> InputError("input 3 is an empty text", index=3).index
    3

    .. versionadded:: 0.1.0
    """

    # Pickling calls the class with `args` and then restores the attributes: all but the message must be optional.
    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class UnsupportedMediaError(InputError):
    """A file is of a kind that this version or this installation does not read.

    .. versionadded:: 0.1.0
    """


class DecodeError(InputError):
    """A file is of a kind that this version reads, but its bytes are damaged or cut short.

    .. versionadded:: 0.1.0
    """


class InputTooLongError(InputError):
    """An input has more tokens than the model takes, and was not to be cut.

    Attributes
    ----------
    tokens : int or None
        How many tokens the input has.
    limit : int or None
        How many the model takes.

    Examples
    --------
    >>> error = InputTooLongError("input has 9,000 tokens", tokens=9000, limit=8192)
    >>> error.tokens - error.limit
    808

    .. versionadded:: 0.1.0
    """

    def __init__(
        self, message: str, *, tokens: int | None = None, limit: int | None = None, index: int | None = None
    ) -> None:
        super().__init__(message, index=index)
        self.tokens = tokens
        self.limit = limit


class ModalityNotLoadedError(JinaOmniError):
    """An input needs a tower whose file was not passed to the model.

    .. versionadded:: 0.1.0
    """


class NativeError(JinaOmniError):
    """Native code failed: a device reported an error, memory ran out, or a result was not finite.

    .. versionadded:: 0.1.0
    """


class Cancelled(JinaOmniError):  # noqa: N818 - it tells what the caller asked for, not of a fault
    """The caller cancelled the computation.

    .. versionadded:: 0.1.0
    """


class ClosedError(JinaOmniError):
    """The object was closed before this call.

    .. versionadded:: 0.1.0
    """
