"""Writes parameters as the files of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from testing.checkpoints.vocabulary import Vocabulary
from testing.checkpoints.writer import Edits, write_audio, write_text, write_vision

from .shape import SHAPE

NAME = "toy-retrieval"


def export(directory: Path, parameters: dict[str, np.ndarray], vocabulary: Vocabulary) -> None:
    """Write the text file and both projectors."""
    directory.mkdir(parents=True, exist_ok=True)
    named = {"general.name": NAME, "general.license": "Apache-2.0"}

    def edits(*prefixes: str) -> Edits:
        return Edits(metadata=named, tensors={k: v for k, v in parameters.items() if k.startswith(prefixes)})

    text = edits("token_embd", "output_norm", "blk.")
    write_text(directory / f"{NAME}-F16.gguf", SHAPE, edits=text, vocabulary=vocabulary)
    write_vision(directory / f"{NAME}-vision-mmproj-F16.gguf", SHAPE, edits=edits("v.", "mm.0", "mm.2"))
    write_audio(directory / f"{NAME}-audio-mmproj-F16.gguf", SHAPE, edits=edits("a.", "mm.a"))
