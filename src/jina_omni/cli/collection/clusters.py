# SPDX-License-Identifier: Apache-2.0
"""Clusters of embeddings, and a place for each embedding on a map.

Both are a few lines of linear algebra, so no other package is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.cosines import scale_to_unit_length

__all__ = ["choose_number", "cluster", "find_positions", "subtract_kinds"]

Floats: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int64]

_MAX_CLUSTERS = 12  # colours that the eye tells apart
_MAX_ROUNDS = 100
_N_STARTS = 8


def choose_number(n_vectors: int) -> int:
    """Return a number of clusters: the root of half the number of embeddings (Mardia et al. 1979), at most 12."""
    return max(1, min(round(math.sqrt(n_vectors / 2)), _MAX_CLUSTERS))


def subtract_kinds(vectors: Floats, kinds: Sequence[str]) -> Floats:
    """Return embeddings (n, dim) of unit length without what those of a kind have in common.

    Embeddings of texts, images and sounds lie in different regions whatever they show (Liang et al. 2022, "Mind the
    gap"). Without the mean of their kind, those of the same content come together. A kind of a single embedding has no
    mean of its own; from it, that of all is subtracted.
    """
    names = np.asarray(kinds)
    out = vectors - vectors.mean(axis=0)
    for name in set(kinds):
        chosen = names == name
        if chosen.sum() > 1:
            out[chosen] = vectors[chosen] - vectors[chosen].mean(axis=0)
    return scale_to_unit_length(out)


def cluster(vectors: Floats, n_clusters: int) -> Integers:
    """Return the number of the cluster of each embedding, from 0; each number has one.

    The algorithm is k-means by cosine (Dhillon and Modha 2001), started several times from centres that k-means++
    (Arthur and Vassilvitskii 2007) draws; the best result counts. The same embeddings have always the same clusters.

    Parameters
    ----------
    vectors : array, shape (n, dim)
        Of unit length.
    n_clusters : int
        At most n. Fewer are returned where fewer embeddings differ.
    """
    rng = np.random.default_rng(0)
    best, labels = -math.inf, np.zeros(len(vectors), np.int64)
    for _ in range(_N_STARTS):
        centres = _draw_centres(vectors, n_clusters, rng)
        found = (vectors @ centres.T).argmax(axis=1)
        for _ in range(_MAX_ROUNDS):
            centres = scale_to_unit_length(_sum_clusters(vectors, found, len(centres)))
            before, found = found, (vectors @ centres.T).argmax(axis=1)
            if np.array_equal(before, found):
                break
        total = float(np.einsum("ij,ij->", vectors, centres[found]))
        if total > best:
            best, labels = total, found
    numbers: Integers = np.unique(labels, return_inverse=True)[1]  # without those that became empty
    return numbers


def find_positions(vectors: Floats, labels: Integers) -> Floats:
    """Return a position (n, 2) within 0 to 1 for each embedding (n, dim), by the numbers that `cluster` returns.

    The plane is that in which the centres of the clusters lie furthest apart, by their principal components weighted by
    size. Where two clusters or fewer leave it open, it is that of the embeddings themselves.
    """
    centred = vectors - vectors.mean(axis=0)
    sizes = np.bincount(labels)
    # A centre is the sum divided by the size; the square of its weight is the size.
    weighted = _sum_clusters(centred, labels, len(sizes)) / np.sqrt(sizes)[:, None]
    spread = weighted if len(sizes) > 2 else centred
    _, axes = np.linalg.eigh(spread.T @ spread)  # by rising eigenvalues
    axes = axes[:, [-1, -2]]
    axes *= np.where(axes.sum(axis=0) < 0, -1, 1)  # eigenvectors have no sign of their own
    positions = centred @ axes
    low, high = positions.min(axis=0), positions.max(axis=0)
    out: Floats = np.divide(positions - low, high - low, out=np.full_like(positions, 0.5), where=high > low)
    return out


def _sum_clusters(vectors: Floats, labels: Integers, n_clusters: int) -> Floats:
    """Return the sum of the embeddings of each cluster, shape (n_clusters, dim)."""
    members = labels[:, None] == np.arange(n_clusters)
    sums: Floats = members.T.astype(np.float32) @ vectors
    return sums


def _draw_centres(vectors: Floats, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Return different embeddings, each the more likely the further it is from those before it (k-means++)."""
    chosen = [int(rng.integers(len(vectors)))]
    distances = np.maximum(1 - vectors @ vectors[chosen[0]], 0).astype(np.float64)
    while len(chosen) < n_clusters and distances.sum() > 1e-6 * len(vectors):
        chosen.append(int(rng.choice(len(vectors), p=distances / distances.sum())))
        distances = np.minimum(distances, np.maximum(1 - vectors @ vectors[chosen[-1]], 0))
    return vectors[chosen]
