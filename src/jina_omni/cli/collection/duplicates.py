# SPDX-License-Identifier: Apache-2.0
"""Near-duplicates: files whose embeddings are nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.cli.collection.database import Content
from jina_omni.cosines import scale_to_unit_length

__all__ = ["Duplicate", "find_duplicates"]

Floats: TypeAlias = npt.NDArray[np.float32]

_ROUNDING = 1e-6  # of a cosine in float32
_BLOCK = 1024  # contents that are compared with all at a time, which bounds the memory of their cosines


class Duplicate(NamedTuple):
    """A file of a group, its kind, and its cosine with the first of the group."""

    path: str
    kind: str
    cosine: float


def find_duplicates(contents: Sequence[Content], threshold: float) -> list[list[Duplicate]]:
    """Return groups of files that are equal, or whose cosine with the first of their group is at least a threshold.

    Two files with pages or excerpts are near-duplicates where they have as many of them, and the lowest cosine of
    these, each with the one of the same number, reaches the threshold. No chain of small differences joins two files
    that are unlike, as every file is compared with the first of its group.

    Parameters
    ----------
    contents : sequence of Content
        A content that comes earlier is the first of a group.
    threshold : float
        A cosine.
    """
    vectors = [scale_to_unit_length(content.embeddings.vectors) for content in contents]
    groups: dict[int, list[tuple[int, float]]] = {i: [(i, 1.0)] for i in range(len(contents))}
    for first, other in _find_candidates(vectors, threshold):
        if first not in groups or other not in groups or vectors[first].shape != vectors[other].shape:
            continue  # one of them is in the group of another
        cosine = float(np.einsum("ij,ij->i", vectors[first], vectors[other]).min())
        if cosine >= threshold - _ROUNDING:
            groups[first].append((other, min(cosine, 1.0)))
            del groups[other]
    found = [
        [
            Duplicate(path, contents[i].embeddings.kind, cosine)
            for i, cosine in sorted(group, key=lambda member: -member[1])
            for path in contents[i].paths
        ]
        for group in groups.values()
    ]
    return [group for group in found if len(group) > 1]


def _find_candidates(vectors: Sequence[Floats], threshold: float) -> Iterator[tuple[int, int]]:
    """Yield the pairs, in order, of which the first embeddings are near enough."""
    if not vectors:
        return
    firsts = np.stack([some[0] for some in vectors])
    for begin in range(0, len(firsts), _BLOCK):
        cosines = firsts[begin : begin + _BLOCK] @ firsts[begin:].T
        for first, other in np.argwhere(np.triu(cosines >= threshold - _ROUNDING, 1)):
            yield begin + int(first), begin + int(other)
