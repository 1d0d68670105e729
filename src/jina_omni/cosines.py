# SPDX-License-Identifier: Apache-2.0
"""The similarity of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.precision import Precision, check_precision, restore_embeddings

__all__ = ["cosine_similarity", "scale_to_unit_length"]

Floats = npt.NDArray[np.float32]


def scale_to_unit_length(vectors: Floats) -> Floats:
    """Return vectors (..., dim) divided by their Euclidean length; a zero vector stays zero."""
    length: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    out: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return out


@hint_at_unknown_arguments({})
def cosine_similarity(
    a: npt.ArrayLike, b: npt.ArrayLike, *, precision: Precision | None = None, ranges: npt.ArrayLike | None = None
) -> Floats:
    """Return the cosine of each pair of embeddings.

    Parameters
    ----------
    a, b : array, shape (n, dim) or (dim,)
        Of any length; they need not be normalised. Either may be codes, as `quantize_embeddings` returns them.
    precision : {"int8", "uint8", "binary", "ubinary"}, optional
        That of the codes. Their type does not say it: packed bits and codes of a range are both integers of 8 bits.
    ranges : array, shape (2, dim), optional
        Minima and maxima of each dimension that ``int8`` and ``uint8`` were made with.

    Returns
    -------
    array, shape (n_a, n_b), float32
        Of two packed embeddings it is 1 - 2 h / n, where h of their n bits differ (the Hamming distance): the cosine of
        their signs. Codes of a range count as the middle of their step.

    Raises
    ------
    ValueError
        The two have different numbers of dimensions; they are not numbers; they are integers of 8 bits without
        `precision`, or not those of `precision`; ranges are missing or of another shape.

    Examples
    --------
    >>> cosine_similarity([[1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0]])
    array([[0., 1.]], dtype=float32)
    >>> packed = np.array([[0b11110000], [0b11110011], [0b00001111]], np.uint8)
    >>> cosine_similarity(packed[0], packed, precision="ubinary").round(4)
    array([[ 1. ,  0.5, -1. ]], dtype=float32)
    """
    if precision is not None:
        check_precision(precision, 0)
    if precision in ("float32", "float16"):
        precision = None  # these are no codes
    arrays = [_read_array(x) for x in (a, b)]
    if precision is not None and not any(array.dtype.kind in "iu" for array in arrays):
        raise ValueError(
            f"precision={precision!r} is that of codes, but the embeddings to compare are {arrays[0].dtype} and "
            f"{arrays[1].dtype}; pass the codes as the integers that they are"
        )
    left, right = (_read_embeddings(array, precision, ranges) for array in arrays)
    if left.shape[-1] != right.shape[-1]:
        raise ValueError(f"embeddings of {left.shape[-1]} and {right.shape[-1]} dimensions can't be compared")
    cosines: Floats = scale_to_unit_length(left) @ scale_to_unit_length(right).T
    return cosines


def _read_array(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return embeddings as an array of numbers, shape (n, dim)."""
    array = np.atleast_2d(np.asarray(values))
    if array.dtype.kind in "fiu":
        return array
    try:
        return array.astype(np.float32)
    except (TypeError, ValueError):
        raise ValueError(
            f"embeddings to compare are {array.dtype}, not numbers; embed texts and media first: pass m.encode(a) and "
            "m.encode(b)"
        ) from None


def _read_embeddings(values: npt.NDArray[Any], precision: Precision | None, ranges: npt.ArrayLike | None) -> Floats:
    if precision is None:
        if values.dtype.kind in "iu":  # those of a list are int64
            kinds = {"i": "'binary', or 'int8'", "u": "'ubinary', or 'uint8'"}[values.dtype.kind]
            raise ValueError(
                f"embeddings to compare are {values.dtype}, which are packed bits or codes of a range; pass precision="
                f"{kinds} with ranges=, or floats"
            )
        return values.astype(np.float32, copy=False)
    if values.dtype.kind not in "iu":
        return values.astype(np.float32, copy=False)
    codes = values.astype(np.int8 if precision in ("int8", "binary") else np.uint8)  # those of a list are int64
    is_byte = values.dtype in (np.int8, np.uint8)
    if (is_byte and codes.dtype != values.dtype) or not np.array_equal(codes, values):
        raise ValueError(
            f"embeddings to compare are {values.dtype}, but codes of precision={precision!r} are {codes.dtype}"
        )
    return restore_embeddings(codes, precision, ranges)
