"""Batches of sequences padded on the right, for modules that take a matrix of token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """Sequences of similar length.

    Attributes
    ----------
    rows
        Their indices in what was cut into batches.
    ids
        Shape (len(rows), the longest length); 0 where a sequence has ended.
    last
        The position of each one's last token.
    """

    rows: list[int]
    ids: NDArray[np.int64]
    last: NDArray[np.int64]


def make_padded_batches(sequences: Sequence[Sequence[int]], count: Callable[[int], int]) -> Iterator[Batch]:
    """Yield batches, the longest sequences first.

    Parameters
    ----------
    sequences
        Token ids.
    count
        Returns how many sequences, at least one, are computed together when the longest has the given length.
    """
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    while order:
        longest = len(sequences[order[0]])
        n = count(longest)
        rows, order = order[:n], order[n:]
        ids = np.zeros((len(rows), longest), np.int64)
        for k, i in enumerate(rows):
            ids[k, : len(sequences[i])] = sequences[i]
        yield Batch(rows, ids, np.array([len(sequences[i]) - 1 for i in rows]))


def embed_in_batches(
    sequences: Sequence[Sequence[int]],
    count: Callable[[int], int],
    width: int,
    embed: Callable[[Batch], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return the embeddings of sequences, in their order.

    Parameters
    ----------
    sequences, count
        As in `make_padded_batches`.
    width
        Of an embedding.
    embed
        Returns those of a batch.
    """
    out = np.empty((len(sequences), width), np.float32)
    for batch in make_padded_batches(sequences, count):
        out[batch.rows] = embed(batch)
    return out
