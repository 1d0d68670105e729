# SPDX-License-Identifier: Apache-2.0
"""Checks of what callers of the native layer pass; their errors name the argument and what it takes."""

from __future__ import annotations

import reprlib
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_T = TypeVar("_T")


def require(name: str, value: object, expected: type[_T], advice: str = "") -> _T:
    """Return the value of an argument that must be of a class."""
    if not isinstance(value, expected):
        raise TypeError(f"{name} is {reprlib.repr(value)}, expected a {expected.__name__}{advice}")
    return value


def encode(name: str, value: object) -> bytes:
    """Return an argument that must be a str as UTF-8."""
    text = require(name, value, str)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} has a lone surrogate at position {error.start}, expected Unicode text") from None


def as_floats(name: str, value: object) -> Floats:
    """Return an argument as a contiguous array of float32."""
    return np.ascontiguousarray(_as_array(name, value, "biuf", "numbers"), np.float32)


def as_ints(name: str, value: object) -> Ints:
    """Return an argument as a contiguous array of int32."""
    array = _as_array(name, value, "iu", "integers")
    limits = np.iinfo(np.int32)
    if array.dtype != np.int32 and array.size and not (limits.min <= array.min() and array.max() <= limits.max):
        raise ValueError(f"{name} has a number beyond 32 bits")
    return np.ascontiguousarray(array, np.int32)


def _as_array(name: str, value: object, kinds: str, what: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of unequal length
        raise ValueError(f"{name} can't be an array: {error}") from None
    if array.dtype.kind not in kinds and array.size:
        raise TypeError(f"{name} is an array of {array.dtype}, expected one of {what}")
    return array
