# SPDX-License-Identifier: Apache-2.0
"""Embed texts, a picture and both with the installed jina_omni, and say what computed.

    python smoke_wheel.py [VECTORS.npy [INSTRUCTION_SET]]

Vectors that are there already must agree with the new ones; else they are written. INSTRUCTION_SET is what the CPU must
have chosen.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import jina_omni


def main(vectors: Path | None, instruction_set: str | None) -> None:
    """Run the check."""
    circle = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(circle).ellipse((12, 12, 52, 52), fill="red")
    picture = jina_omni.Image(circle)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with jina_omni.demo_model() as model:
            found = model.encode(["a red circle", picture, ["a caption", picture]])
            info = model.info
    print(f"{info.device} ({info.instruction_set}), {jina_omni.__file__}")
    for warning in caught:
        print(f"{warning.category.__name__}: {warning.message}")
    if info.no_accelerator:
        try:
            jina_omni.native.find_device("cuda")
        except jina_omni.ModelLoadError as error:
            print(f"device='cuda': {error}")
    if instruction_set and info.instruction_set != instruction_set:
        raise SystemExit(f"expected the instruction set {instruction_set}")
    if vectors and vectors.is_file():
        cosines = (np.load(vectors) * found).sum(axis=1)
        print(f"cosines with {vectors.name}: {cosines}")
        if cosines.min() < 0.99999:
            raise SystemExit("the vectors differ")
    elif vectors:
        np.save(vectors, found)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None, sys.argv[2] if sys.argv[2:] else None)
