# SPDX-License-Identifier: Apache-2.0
"""Embed texts, a picture and both with the installed jina_omni, and say what computed.

    python smoke_wheel.py [VECTORS.npy [INSTRUCTION_SET]]

Vectors that are there already must agree with the new ones; else they are written. INSTRUCTION_SET is what the CPU must
have chosen.
"""

from __future__ import annotations

import sys
import warnings
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

import jina_omni


def main(vectors: Path | None, instruction_set: str | None) -> None:
    """Run the check."""
    with as_file(files("jina_omni.demo") / "data") as data, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = jina_omni.Image(data / "red-circle.png")
        with jina_omni.Model(data / "text.gguf", mmproj=data / "vision-mmproj.gguf") as model:
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
