# SPDX-License-Identifier: Apache-2.0
"""Token-budget batches: how inputs of all lengths share runs."""

from __future__ import annotations

from collections.abc import Sequence


def plan_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return the indices of each batch, longest inputs first.

    Inputs of like length run together, and a lack of memory shows at once. A batch holds at most `budget` tokens, or a
    single input that is longer.

    Examples
    --------
    >>> plan_batches([2, 9, 3, 4], budget=8)
    [[1], [3, 2], [0]]
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or lengths[index] > room:
            batches.append([])
            room = budget
        batches[-1].append(index)
        room -= lengths[index]
    return batches
