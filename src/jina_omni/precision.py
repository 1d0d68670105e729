# SPDX-License-Identifier: Apache-2.0
"""Embeddings in fewer bits, as sentence-transformers defines them."""

from __future__ import annotations

import warnings
from typing import Any, Literal, TypeAlias, get_args, overload

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import check_choice, hint_at_unknown_arguments

__all__ = [
    "CALIBRATED",
    "PRECISIONS",
    "Embeddings",
    "Precision",
    "check_precision",
    "quantize_embeddings",
    "restore_embeddings",
]

Precision = Literal["float32", "float16", "int8", "uint8", "binary", "ubinary"]
Embeddings: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float16] | npt.NDArray[np.int8] | npt.NDArray[np.uint8]
"""Embeddings of any precision."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

CALIBRATED: tuple[Precision, ...] = ("int8", "uint8")
"""Precisions whose codes depend on the range of each dimension."""

_FEW = 100  # embeddings; fewer are too few samples for reliable ranges


def check_precision(precision: str, n_embeddings: int) -> None:
    """Check a precision, and that this number of embeddings gives ranges for it, before they are computed.

    Raises
    ------
    ValueError
        The precision is unknown, or a single embedding would have to give the ranges.
    """
    check_choice("precision", precision, PRECISIONS)
    if precision in CALIBRATED and n_embeddings == 1:
        raise ValueError(
            f"precision is {precision!r}, but a single embedding gives no ranges for it; take float32 and pass it to "
            "jina_omni.quantize_embeddings with ranges or calibration_embeddings"
        )


@overload
def quantize_embeddings(
    embeddings: npt.ArrayLike,
    precision: Literal["float32"],
    ranges: npt.ArrayLike | None = None,
    calibration_embeddings: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float32]: ...


@overload
def quantize_embeddings(
    embeddings: npt.ArrayLike,
    precision: Literal["int8", "binary"],
    ranges: npt.ArrayLike | None = None,
    calibration_embeddings: npt.ArrayLike | None = None,
) -> npt.NDArray[np.int8]: ...


@overload
def quantize_embeddings(
    embeddings: npt.ArrayLike,
    precision: Literal["uint8", "ubinary"],
    ranges: npt.ArrayLike | None = None,
    calibration_embeddings: npt.ArrayLike | None = None,
) -> npt.NDArray[np.uint8]: ...


@overload
def quantize_embeddings(
    embeddings: npt.ArrayLike,
    precision: Precision,
    ranges: npt.ArrayLike | None = None,
    calibration_embeddings: npt.ArrayLike | None = None,
) -> Embeddings: ...


@hint_at_unknown_arguments({})
def quantize_embeddings(
    embeddings: npt.ArrayLike,
    precision: Precision,
    ranges: npt.ArrayLike | None = None,
    calibration_embeddings: npt.ArrayLike | None = None,
) -> Embeddings:
    """Return embeddings in a precision.

    Parameters
    ----------
    embeddings : array of floats, shape (n, dim) or (dim,)
        Rows that hold a NaN, as those of failed inputs do, become zeros where the precision is one of integers, and
        give no range.
    precision : {"float32", "float16", "int8", "uint8", "binary", "ubinary"}
        ``uint8`` numbers 256 equal steps over the range of each dimension from 0, ``int8`` from -128; values outside
        the range are clipped. ``ubinary`` packs eight dimensions into a byte, the first in its highest
        bit, set where a value is over 0; ``binary`` is that byte minus 128.
    ranges : array, shape (2, dim), optional
        Minima and maxima of each dimension, for ``int8`` and ``uint8``. Keep them with an index: only codes of the
        same ranges compare.
    calibration_embeddings : array, shape (m, dim), optional
        Their minima and maxima are the ranges. Without both, the embeddings give their own.

    Returns
    -------
    array, shape as the embeddings'
        The last axis is an eighth, rounded up, in ``binary`` and ``ubinary``.

    Raises
    ------
    ValueError
        The precision is unknown; embeddings are not floats or of another shape; a single one would have to give ranges.

    Warns
    -----
    UserWarning
        Fewer than 100 embeddings give their own ranges.

    Notes
    -----
    The codes are those of ``quantize_embeddings`` of sentence-transformers 6.2: ``floor((x - minimum) / step)``,
    clipped, where a step is ``(maximum - minimum) / 255``, or 1 where that is 0. It has no float16 and no rule for NaN.

    Examples
    --------
    >>> quantize_embeddings([[-1.0, 0.5], [0.0, 9.0]], "uint8", ranges=[[-1.0, 0.0], [1.0, 1.0]])
    array([[  0, 127],
           [127, 255]], dtype=uint8)
    >>> quantize_embeddings([0.1, -0.1, 0.0, 0.2, 0.3, -0.3, -0.2, 0.1], "ubinary")
    array([153], dtype=uint8)
    """
    check_precision(precision, 0)
    values = np.asarray(embeddings)
    if values.dtype.kind != "f" or values.ndim not in (1, 2):
        raise ValueError(
            f"embeddings to quantize are {values.dtype} of the shape {values.shape}, expected floats of the shape "
            "(n, dim) or (dim,)"
        )
    if precision in ("float32", "float16"):
        return values.astype(precision)
    rows = np.atleast_2d(values)
    valid = _find_valid(rows)
    kept = rows[valid]
    if precision in CALIBRATED:
        low, _, step = _find_steps(_choose_ranges(kept, precision, ranges, calibration_embeddings))
        codes = np.clip(np.floor((kept - low) / step), 0, 255).astype(np.uint8)
    else:
        codes = np.packbits(kept > 0, axis=1)
    if precision in ("int8", "binary"):
        codes = (codes ^ 0x80).view(np.int8)  # minus 128
    out = np.zeros((len(rows), codes.shape[1]), codes.dtype)
    out[valid] = codes
    return out if values.ndim == 2 else out[0]


def restore_embeddings(
    codes: npt.NDArray[Any], precision: Precision, ranges: npt.ArrayLike | None = None
) -> npt.NDArray[np.float32]:
    """Return the embeddings that codes stand for, as far as they say it.

    Parameters
    ----------
    codes : array, shape (n, dim) or (n, dim / 8)
        As `quantize_embeddings` returns them.
    precision : {"int8", "uint8", "binary", "ubinary"}
    ranges : array, shape (2, dim), optional
        Those that the codes were made with; needed for ``int8`` and ``uint8``.

    Returns
    -------
    array, shape (n, dim), float32
        Of packed bits 1 or -1. Of a code of a range the middle of its step, within the range.

    Raises
    ------
    ValueError
        Ranges are missing or of another shape.
    """
    if precision in ("int8", "binary"):
        codes = codes.view(np.uint8) ^ 0x80  # plus 128
    if precision not in CALIBRATED:
        signs: npt.NDArray[np.float32] = np.unpackbits(codes, axis=-1).astype(np.float32) * 2 - 1
        return signs
    if ranges is None:
        raise ValueError(
            f"codes of {precision} mean nothing without the ranges that they were made with; pass ranges=, or take the "
            "embeddings in float32"
        )
    low, high, step = _find_steps(_check_ranges(ranges, codes.shape[-1]))
    middles: npt.NDArray[np.float32] = np.minimum(low + (codes + np.float32(0.5)) * step, high)
    return middles


def _find_steps(ranges: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], ...]:
    """Return the minimum, the maximum and the step of each dimension."""
    low, high = ranges.astype(np.float32)
    step = (high - low) / 255
    step[step == 0] = 1
    return low, high, step


def _check_ranges(ranges: npt.ArrayLike, dim: int) -> npt.NDArray[Any]:
    bounds = np.asarray(ranges)
    if bounds.shape != (2, dim):
        raise ValueError(f"ranges have the shape {bounds.shape}, expected minima and maxima of (2, {dim})")
    if not (bounds[0] <= bounds[1]).all() or not np.isfinite(bounds.astype(np.float64)).all():
        raise ValueError("ranges hold NaN, infinity or a minimum above its maximum; pass minima, then maxima")
    return bounds


def _choose_ranges(
    kept: npt.NDArray[Any], precision: str, ranges: npt.ArrayLike | None, calibration: npt.ArrayLike | None
) -> npt.NDArray[Any]:
    """Return the minima and maxima of each dimension: as given, of the calibration, or of the embeddings."""
    dim = kept.shape[1]
    if ranges is not None:
        return _check_ranges(ranges, dim)
    if calibration is not None:
        rows = np.asarray(calibration)
        if rows.ndim != 2 or rows.shape[1] != dim or not _find_valid(rows).any():
            raise ValueError(
                f"calibration_embeddings have the shape {rows.shape}, expected (m, {dim}) with a row without NaN"
            )
        rows = rows[_find_valid(rows)]
        return np.stack([rows.min(axis=0), rows.max(axis=0)])
    check_precision(precision, len(kept))
    if not len(kept):
        return np.zeros((2, dim))
    if len(kept) < _FEW:
        warnings.warn(
            f"{len(kept)} embeddings give the ranges of {precision} themselves, which will not fit others; pass ranges "
            "or calibration_embeddings to jina_omni.quantize_embeddings",
            stacklevel=4,
        )
    return np.stack([kept.min(axis=0), kept.max(axis=0)])


def _find_valid(rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows without NaN."""
    valid: npt.NDArray[np.bool_] = ~np.isnan(rows).any(axis=1)
    return valid
