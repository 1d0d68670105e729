# SPDX-License-Identifier: Apache-2.0
"""Classify images, audio, videos or PDFs by labels in words, without training a classifier.

    pip install '.[all]'                            # in a checkout of jina_omni
    python examples/zero_shot_classification.py     # the toy model, on a few drawn pictures
    python examples/zero_shot_classification.py cat.jpg purr.wav --labels "a cat" "a dog" --model small-classification

The label with the highest cosine is printed. A cosine is not a probability: compare it with those of other labels.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from toy_pictures import draw_pictures

import jina_omni


def classify(model: jina_omni.Model, paths: list[Path], labels: list[str]) -> list[tuple[str, float]]:
    """Return the label that is closest to each file, with its cosine."""
    cosines = model.similarity(model.encode_document(paths), model.encode_query(labels))
    return [(labels[row.argmax()], float(row.max())) for row in cosines]


def main() -> None:
    """Parse the arguments and print the label of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="files to classify; without any, drawn pictures")
    parser.add_argument(
        "--labels", nargs="+", default=["a star", "a circle", "a triangle", "a ring"], help="what they may show"
    )
    parser.add_argument("--model", help="a file, a folder or a name of a model; without it, the toy model")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as drawn,
        jina_omni.Model(args.model) if args.model else jina_omni.demo_model() as model,
    ):
        paths = args.files or draw_pictures(Path(drawn))
        for path, (label, cosine) in zip(paths, classify(model, paths, args.labels), strict=True):
            print(f"{path}: {label} ({cosine:.2f})")


if __name__ == "__main__":
    main()
