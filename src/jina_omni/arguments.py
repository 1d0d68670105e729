# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments: each error names the argument and what it takes."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from jina_omni.describe import short_repr, suggest

__all__ = [
    "check_argument_names",
    "check_bool",
    "check_choice",
    "check_int",
    "check_str",
    "hint_at_unknown_arguments",
    "suggest_arguments",
]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def hint_at_unknown_arguments(
    hints: Mapping[str, str], options: Iterable[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function raise a TypeError with a hint where it gets an argument of another library.

    Parameters
    ----------
    hints : mapping of str to str
        From the name of an argument that the function does not have to what to do instead.
    options : iterable of str
        The names that a function with ``**options`` takes there.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters.values()
        named = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD and one.name not in {"self", "cls"}]
        known = [*named, *options]
        name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

        if inspect.iscoroutinefunction(function):  # a wrapper of another kind would hide that it is one

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                check_argument_names(name, kwargs, known, hints)
                return await function(*args, **kwargs)

            return cast("Callable[P, R]", awaited)

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check_argument_names(name, kwargs, known, hints)
            return function(*args, **kwargs)

        return checked

    return decorate


def suggest_arguments(cls: C) -> C:
    """Make a class raise a TypeError with its arguments, and the one that was meant, where it gets an unknown one."""
    cls.__init__ = hint_at_unknown_arguments({})(cls.__init__)  # type: ignore[misc]  # no subclass is meant
    return cls


def check_argument_names(function: str, given: Iterable[str], known: Collection[str], hints: Mapping[str, str]) -> None:
    """Check the names of keyword arguments.

    Parameters
    ----------
    function : str
        Its name, for the error.
    given, known : collection of str
    hints : mapping of str to str
        See `hint_at_unknown_arguments`.

    Raises
    ------
    TypeError
        One is not known.
    """
    for argument in given:
        if argument not in known:
            hint = hints.get(argument) or f"it takes {', '.join(known) or 'none'}{suggest(argument, known)}"
            raise TypeError(f"{function}() has no argument {argument!r}; {hint}")


def check_bool(name: str, value: object) -> None:
    """Check an argument that takes True or False; a text such as "false" would count as true.

    Raises
    ------
    TypeError
        It is neither.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {short_repr(value)}; it takes True or False")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Check an argument that takes one of a few names.

    Raises
    ------
    ValueError
        It is another.
    """
    if not isinstance(value, str) or value not in choices:
        suggestion = suggest(value, choices) if isinstance(value, str) else ""
        raise ValueError(f"{name} is {short_repr(value)}; it is one of {', '.join(choices)}{suggestion}")


def check_int(name: str, value: object, low: int, high: int | None = None) -> int:
    """Check an argument that takes a whole number from `low` to `high`, and return it.

    Raises
    ------
    TypeError
        It is not a whole number.
    ValueError
        It is out of range.
    """
    expected = f"a whole number from {low}" + (" on" if high is None else f" to {high}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # which is what this finds out
    except TypeError:
        raise TypeError(f"{name} is {short_repr(value)}; it takes {expected}") from None
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} is {short_repr(value)}; it takes {expected}")
    return number


def check_str(name: str, value: object) -> None:
    """Check an argument that takes text.

    Raises
    ------
    TypeError
        It is not a str.
    ValueError
        It is not Unicode.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {short_repr(value)}; it takes a str")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"{name} is {short_repr(value)}; it takes a str without lone surrogates")
