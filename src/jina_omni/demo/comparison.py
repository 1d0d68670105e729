# SPDX-License-Identifier: Apache-2.0
"""The toy model's embeddings of its samples: a table of the cosines of texts and media."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jina_omni.demo import demo_model
from jina_omni.demo.samples import QUERIES, SAMPLES

__all__ = ["format_table", "print_comparison"]

Floats = npt.NDArray[np.float32]


def print_comparison() -> Floats:
    """Embed the samples and print the table.

    Returns
    -------
    array, shape (len(QUERIES), len(SAMPLES))
        The cosines.
    """
    with demo_model(device="cpu") as model:
        print(model.info, end="\n\n")
        media = model.encode_document([sample.medium for sample in SAMPLES])
        scores = model.similarity(model.encode_query(list(QUERIES)), media)
    for line in format_table(scores[: len(SAMPLES)]):
        print(line)
    return scores


def format_table(scores: Floats) -> list[str]:
    """Return the lines of the table: one for each text of a sample, with a column for each medium."""
    width = max(len(sample.text) for sample in SAMPLES)
    lines = [
        f"Cosines of {len(scores)} texts and {len(scores)} media; * marks the medium nearest to a text:\n",
        " " * (width + 2) + "".join(f"{f'{sample.kind} {i}':>9}" for i, sample in enumerate(SAMPLES)),
    ]
    nearest = scores.argmax(axis=1)
    for i, sample in enumerate(SAMPLES):
        cells = (f"{score:8.2f}{'*' if j == nearest[i] else ' '}" for j, score in enumerate(scores[i]))
        lines.append(f"{i} {sample.text:<{width}}{''.join(cells)}")
    n_right = int((nearest == np.arange(len(SAMPLES))).sum())
    lines += [
        f"\n{n_right} of {len(SAMPLES)} texts are nearest to the picture, sound or clip that they describe.",
        "This toy model knows only drawn shapes and synthetic sounds. Its embeddings of anything else mean nothing.",
        "For real media pass a published model to jina_omni.Model; `jina-omni models` lists them.",
    ]
    return lines
