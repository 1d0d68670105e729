# SPDX-License-Identifier: Apache-2.0
"""The similarity of embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["cosine_similarity", "scale_to_unit_length"]

Floats = npt.NDArray[np.float32]


def scale_to_unit_length(vectors: Floats) -> Floats:
    """Return vectors (..., dim) divided by their Euclidean length; a zero vector stays zero."""
    length: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    out: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return out


def cosine_similarity(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the cosine of each pair of embeddings.

    Parameters
    ----------
    a, b : array, shape (n, dim) or (dim,)
        Of any length; they need not be normalised.

    Returns
    -------
    array, shape (n_a, n_b), float32

    Raises
    ------
    ValueError
        The two have different numbers of dimensions.

    Examples
    --------
    >>> cosine_similarity([[1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0]])
    array([[0., 1.]], dtype=float32)
    """
    left, right = (np.atleast_2d(np.asarray(x, np.float32)) for x in (a, b))
    if left.shape[-1] != right.shape[-1]:
        raise ValueError(f"embeddings of {left.shape[-1]} and {right.shape[-1]} dimensions can't be compared")
    cosines: Floats = scale_to_unit_length(left) @ scale_to_unit_length(right).T
    return cosines
