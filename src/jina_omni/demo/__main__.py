# SPDX-License-Identifier: Apache-2.0
"""Embed a few packaged texts and pictures and print how alike their vectors are."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import jina_omni

_PICTURES = ("red-circle.png", "blue-square.png", "green-triangle.png")
_TEXTS = ("a red circle", "a blue square", "a green triangle", "what is the weather like?")


def main() -> None:
    """Run the demonstration."""
    with as_file(files(__package__) / "data") as data:
        inputs: list[Any] = [*_TEXTS, *(jina_omni.Image(data / name) for name in _PICTURES)]
        inputs.append([_TEXTS[0], jina_omni.Image(data / _PICTURES[0])])
        labels = [*_TEXTS, *_PICTURES, f"[{_TEXTS[0]!r}, {_PICTURES[0]}]"]
        with jina_omni.Model(data / "text.gguf", mmproj=data / "vision-mmproj.gguf", device="cpu") as model:
            vectors = model.encode(inputs)
            print(model.info, end="\n\n")
    width = max(map(len, labels))
    print(f"{len(vectors)} vectors of {vectors.shape[1]} dimensions, and the cosine of each pair:\n")
    cosine_table = jina_omni.cosine_similarity(vectors, vectors)
    print(" " * width, *(f"{column:>5}" for column in range(len(labels))))
    for row, (label, cosines) in enumerate(zip(labels, cosine_table, strict=True)):
        print(f"{label:<{width}}", *(f"{cosine:5.2f}" for cosine in cosines), f" {row}")
    print(
        "\nThis checkpoint is tiny and has RANDOM weights: its vectors mean nothing, they only show that it all runs."
        "\nFor vectors with meaning, pass the published files to jina_omni.Model; the README says which."
    )


if __name__ == "__main__":
    main()
