# SPDX-License-Identifier: Apache-2.0
"""Batches: which sequences are computed together."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["make_batches"]


def make_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Return the indices of each batch, longest sequences first.

    Sequences of similar length share a batch, and a lack of memory shows in the first one. A batch holds at most
    `max_tokens` tokens, or a single sequence that is longer.

    Examples
    --------
    >>> make_batches([2, 9, 3, 4], max_tokens=8)
    [[1], [3, 2], [0]]
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or lengths[index] > room:
            batches.append([])
            room = max_tokens
        batches[-1].append(index)
        room -= lengths[index]
    return batches
