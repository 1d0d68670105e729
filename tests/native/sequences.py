"""What the tests of the towers share: running spans through the native layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jina_omni.native import Context, TextModel

Span = list[int] | NDArray[np.float32]


def pooled(context: Context, text: TextModel, sequences: Sequence[Sequence[Span]]) -> NDArray[np.float32]:
    """Return the unit-length pooled rows of sequences of token ids and rows, run together."""
    tokens, rows, lengths = [], [np.empty((0, text.n_embd), np.float32)], []
    for spans in sequences:
        ids = [span if isinstance(span, list) else [-1] * len(span) for span in spans]
        rows += [span for span in spans if not isinstance(span, list)]
        tokens += [token for run in ids for token in run]
        lengths.append(sum(map(len, ids)))
    out = context.encode_sequences(text, np.array(tokens, np.int32), np.array(lengths, np.int32), np.concatenate(rows))
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each row of `a` with the same row of `b`, in float64."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
