# SPDX-License-Identifier: Apache-2.0
"""All errors of this library, under one root.

Every message names the item it is about and says what to do. An error of an input also holds its location as data, so
that callers never have to read it out of a message. Errors survive pickling with their attributes, so they reach the
caller from worker processes too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = [
    "Cancelled",
    "ClosedError",
    "DecodeError",
    "InputError",
    "InputTooLongError",
    "JinaOmniError",
    "LocatedError",
    "Location",
    "ModalityNotLoadedError",
    "ModelLoadError",
    "NativeError",
    "UnsupportedMediaError",
    "located",
    "naming_file",
]

Location: TypeAlias = tuple[tuple[str, int | str | None], ...]
"""Where in a call something is, from the outside in, such as ``(("input", 3), ("part", 1), ("page", 0))``."""


_MAX_PATH = 200  # characters of a path in a message, whose end says the most


class JinaOmniError(Exception):
    """The root of this library's errors, never raised itself."""


class ModelLoadError(JinaOmniError):
    """A model file is missing, damaged, refused, changed or not of the same model; or a device is not there."""


class LocatedError(JinaOmniError):
    """The root of the errors that concern one input of a call; never raised itself.

    Parameters
    ----------
    problem : str
        What is wrong and what to do, as the rest of a sentence whose subject is the input.
    location : tuple of (str, int or str or None)
        See the attribute.

    Attributes
    ----------
    problem : str
        The message without the location.
    location : tuple of (str, int or str or None)
        Where the error happened, from the outside in: the input by its index in the caller's list (None for a single
        input), then the part of a fused input, the page or frame, or the key of a request. The code that meets the
        error knows its own step only; `located` adds the others while the error passes.
    file : str or None
        The path of the file that the error is about, as the caller passed it; None where the input is not a file.
        `naming_file` sets it, and the message contains it.

    Examples
    --------
    >>> print(InputError("is an empty text; leave it out", location=(("input", 3), ("part", 1))))
    input 3, part 1 is an empty text; leave it out
    """

    _subject = "input"

    # Pickling calls the class with `args` and then restores the attributes: all but the problem must be optional.
    def __init__(self, problem: str, *, location: Location = ()) -> None:
        super().__init__(problem)
        self._problem = problem
        self.location = location
        self.file: str | None = None

    @property
    def problem(self) -> str:
        """The message without the location."""
        return self._problem

    @property
    def index(self) -> int | None:
        """Position of the input in the caller's list, from 0; None for a single input."""
        for name, place in self.location[:1]:
            if name == "input" and isinstance(place, int):
                return place
        return None

    def message_for(self, name: str) -> str:
        """Return the message with a name of the caller's, such as a path, in the place of the input's index.

        Examples
        --------
        >>> InputError("is damaged", location=(("input", 3), ("page", 0))).message_for("a.pdf")
        'a.pdf, page 0 is damaged'
        """
        inner = self.location[1:] if self.location[:1] and self.location[0][0] == "input" else self.location
        subject = ", ".join([name, *map(_format_step, inner)])
        file = "" if self.file == name else self._describe_file(subject)
        return f"{subject}{file} {self.problem}"

    def __str__(self) -> str:
        if self.args != (self._problem,):  # other code has put a longer message there, as Chroma does
            return super().__str__()
        subject = ", ".join(map(_format_step, self.location)) or self._subject
        return f"{subject}{self._describe_file(subject)} {self.problem}"

    def _describe_file(self, subject: str) -> str:
        """Return the file in brackets, as a repr, since a name may have line breaks or bytes that are not Unicode.

        Nothing where the rest of the message has it already.
        """
        if self.file is None:
            return ""
        shown = repr(self.file[-_MAX_PATH:])
        return "" if shown in subject or shown in self.problem else f" ({shown})"


class InputError(LocatedError, ValueError):
    """An input is not one that this library can embed.

    Examples
    --------
    >>> InputError("is an empty text", location=(("input", 3),)).index
    3
    """


class UnsupportedMediaError(InputError):
    """A file is of a media type that this version or this installation does not read."""


class DecodeError(InputError):
    """A file is of a media type that this version reads, but its bytes are damaged or cut short."""


class InputTooLongError(InputError):
    """An input has more tokens than the model takes, and was not to be cut.

    Parameters
    ----------
    problem, location
        As in `LocatedError`.
    tokens, limit : int, optional
        See the attributes.
    is_lower_bound : bool
        See the attribute.

    Attributes
    ----------
    tokens : int or None
        Number of tokens of the input, or a lower bound of it.
    limit : int or None
        Largest number that the model takes.
    is_lower_bound : bool
        The input has more than `tokens`: a long text is not tokenised further than needed. `Model.count_tokens` counts
        them all.

    Examples
    --------
    >>> error = InputTooLongError("has 9,000 tokens", tokens=9000, limit=8192)
    >>> error.tokens - error.limit
    808
    """

    def __init__(
        self,
        problem: str,
        *,
        tokens: int | None = None,
        limit: int | None = None,
        is_lower_bound: bool = False,
        location: Location = (),
    ) -> None:
        super().__init__(problem, location=location)
        self.tokens = tokens
        self.limit = limit
        self.is_lower_bound = is_lower_bound


class ModalityNotLoadedError(LocatedError):
    """An input needs a tower whose file was not passed to the model."""


class Cancelled(LocatedError):  # noqa: N818 - the caller asked for it, so it is not a fault
    """The caller cancelled the computation.

    Parameters
    ----------
    problem, location
        As in `LocatedError`.

    Examples
    --------
    >>> print(Cancelled())
    the call was cancelled
    """

    _subject = "the call"

    def __init__(self, problem: str = "was cancelled", *, location: Location = ()) -> None:
        super().__init__(problem, location=location)


class NativeError(JinaOmniError):
    """Native code failed: a device reported an error, memory ran out, or a result was not finite."""


class ClosedError(JinaOmniError):
    """The object was closed before this call."""


@contextmanager
def located(location: Location = (), /, **steps: int | str | None) -> Iterator[None]:
    """Add steps to the location of an error that leaves the block.

    Parameters
    ----------
    location : tuple of (str, int or str or None)
        Steps from the outside in.
    **steps : int, str or None
        More of them, by name; None is a step without number.

    Examples
    --------
    >>> with located(input=3), located(part=1):
    ...     raise InputError("is an empty text; leave it out")
    Traceback (most recent call last):
    jina_omni.errors.InputError: input 3, part 1 is an empty text; leave it out
    """
    try:
        yield
    except LocatedError as error:
        error.location = (*location, *steps.items(), *error.location)
        raise


@contextmanager
def naming_file(source: object) -> Iterator[None]:
    """Record in an error that leaves the block the file that it is about.

    Parameters
    ----------
    source : object
        Where it is a path, as a str or a PathLike, it is the file, unless the error names another already.

    Examples
    --------
    >>> with located(input=3), naming_file("a.pdf"):
    ...     raise InputError("is damaged", location=(("page", 0),))
    Traceback (most recent call last):
    jina_omni.errors.InputError: input 3, page 0 ('a.pdf') is damaged
    """
    try:
        yield
    except LocatedError as error:
        if error.file is None and isinstance(source, (str, os.PathLike)):
            error.file = os.fsdecode(source)
        raise


def _format_step(step: tuple[str, int | str | None]) -> str:
    name, place = step
    return name if place is None else f"{name} {place}"


@contextmanager
def as_thread_error() -> Iterator[None]:
    """Turn the error of a thread that the system refuses into a `NativeError`; others pass as they are."""
    try:
        yield
    except RuntimeError as error:  # of threading, which has no type of its own for it
        if "can't start new thread" not in str(error):
            raise
        raise NativeError(f"the system refused a thread ({error}); end other threads, and try again") from None
