"""What the graphs of an accelerator take, counted without one by the program of tests/device."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from testing.checkpoints.shapes import ModelShape
from testing.checkpoints.writer import Edits, write_text
from testing.engine import build


class GraphCount(NamedTuple):
    """What the graphs of some inputs take.

    Attributes
    ----------
    n_kernels
        Operations that a device launches: those that are no views.
    n_bytes
        Compute memory.
    """

    n_kernels: int
    n_bytes: int


def count_texts(shape: ModelShape, lengths: list[str], folder: Path) -> dict[str, GraphCount]:
    """Count what texts take together, in F16.

    Parameters
    ----------
    shape
        Of the model.
    lengths
        In tokens: ``12``, ``512*8`` for eight of 512, ``8..64*256`` for 256 evenly from 8 to 64.
    folder
        Where the file is written, which takes no room.

    Returns
    -------
    dict
        By the words of `lengths`.
    """
    program = build.build_program("device", "device_test")
    file = write_text(folder / "hollow.gguf", shape, edits=Edits(is_hollow=True))
    done = subprocess.run([program, "count", file, *lengths], stdout=subprocess.PIPE, text=True, check=True)
    rows = map(str.split, done.stdout.splitlines())
    return {name: GraphCount(int(n_kernels), int(n_bytes)) for name, n_kernels, n_bytes in rows}
