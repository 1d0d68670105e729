# SPDX-License-Identifier: Apache-2.0
"""Batches: which sequences are computed together."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["make_batches", "make_portions"]

# A call is not cut into batches of fewer tokens for the sake of more devices: so many llama.cpp computes together by
# default (n_ubatch of llama_context_default_params), and fewer leave an accelerator idle.
_MIN_TOKENS = 512


def make_batches(lengths: Sequence[int], max_tokens: int, n_devices: int = 1) -> list[list[int]]:
    """Return the indices of each batch, longest sequences first.

    Sequences of similar length share a batch, and a lack of memory shows in the first one. A batch holds at most
    `max_tokens` tokens, or a single sequence that is longer. For several devices batches are smaller, so that each
    device gets as many and as much, but not of under 512 tokens.

    Examples
    --------
    >>> make_batches([2, 9, 3, 4], max_tokens=8)
    [[1], [3, 2], [0]]
    >>> make_batches([600, 600, 600, 600], max_tokens=4096, n_devices=2)
    [[0, 1], [2, 3]]
    """
    n_enough = _count_enough(sum(lengths), max_tokens, n_devices)
    batches: list[list[int]] = []
    n_tokens = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or n_tokens >= n_enough or n_tokens + lengths[index] > max_tokens:
            batches.append([])
            n_tokens = 0
        batches[-1].append(index)
        n_tokens += lengths[index]
    return batches


def _count_enough(n_tokens: int, max_tokens: int, n_devices: int) -> int:
    """Return the number of tokens with which a batch is full."""
    if n_devices == 1:
        return max_tokens
    n_rounds = math.ceil(n_tokens / max_tokens / n_devices)
    n_batches = max(1, min(n_rounds * n_devices, n_tokens // _MIN_TOKENS))
    return min(max_tokens, math.ceil(n_tokens / n_batches))


def make_portions(batches: Sequence[list[int]], n_devices: int) -> list[list[list[int]]]:
    """Return consecutive batches in portions, each for the device that is idle next.

    The first are large, so that media are decoded while the batches before them are computed, and the last are a batch
    each, so that all devices end at about the same time: half of an equal part of what is left, as LLVM's OpenMP has it
    for ``schedule(guided)``.

    Examples
    --------
    >>> make_portions([[0], [1], [2], [3], [4], [5], [6], [7]], n_devices=2)
    [[[0], [1]], [[2]], [[3]], [[4]], [[5]], [[6]], [[7]]]
    """
    portions: list[list[list[int]]] = []
    n_taken = 0
    while n_taken < len(batches):
        n = max(1, (len(batches) - n_taken) // (2 * n_devices))
        portions.append(list(batches[n_taken : n_taken + n]))
        n_taken += n
    return portions
