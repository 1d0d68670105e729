# SPDX-License-Identifier: Apache-2.0
"""``jina-omni demo``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jina_omni.demo import demo_model
from jina_omni.demo.samples import QUERIES, SAMPLES

HELP = "Find packaged pictures, sounds and clips by texts, with the packaged toy model."
EXAMPLES = """\
examples:
  jina-omni demo
  jina-omni demo --html demo.html

The toy model knows only its toy world: a few coloured shapes, and tones, buzzes and noises. For anything else pass the
published files to the other commands; `jina-omni models` lists them.
"""

Floats = npt.NDArray[np.float32]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with players and a search box, too")


def run(args: argparse.Namespace) -> int:
    """Print the cosines of texts and media."""
    with demo_model(device="cpu") as model:
        print(model.info, end="\n\n")
        media = model.encode_document([sample.medium for sample in SAMPLES])
        scores: Floats = model.similarity(model.encode_query(list(QUERIES)), media)
    for line in table(scores[: len(SAMPLES)]):
        print(line)
    if args.html is not None:
        from jina_omni.cli.demo_page import page_of

        args.html.write_text(page_of(scores), "utf-8")
        print(f"\nwrote {args.html}")
    return 0


def table(scores: Floats) -> Sequence[str]:
    """Return the table of each sample's text (rows) and each medium (columns), the best of a row marked."""
    width = max(len(sample.text) for sample in SAMPLES)
    lines = [
        f"The cosine of {len(scores)} texts and {len(scores)} media; * is the medium nearest to a text:\n",
        " " * (width + 2) + "".join(f"{f'{sample.kind} {i}':>9}" for i, sample in enumerate(SAMPLES)),
    ]
    nearest = scores.argmax(axis=1)
    for i, sample in enumerate(SAMPLES):
        cells = (f"{score:8.2f}{'*' if j == nearest[i] else ' '}" for j, score in enumerate(scores[i]))
        lines.append(f"{i} {sample.text:<{width}}{''.join(cells)}")
    n_right = int((nearest == np.arange(len(SAMPLES))).sum())
    lines += [
        f"\n{n_right} of {len(SAMPLES)} texts are nearest to the picture, sound or clip that they tell of.",
        "This model is a toy: it knows only a few drawn shapes and made sounds, of all else its vectors mean nothing.",
        "For real media pass the published files to jina_omni.Model; the README says which.",
    ]
    return lines
