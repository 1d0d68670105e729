"""What the graphs of an accelerator take, counted without one by the program of tests/device."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from testing.checkpoints.shapes import ModelShape
from testing.checkpoints.writer import Edits, write_checkpoint
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


def count_inputs(
    shape: ModelShape, inputs: Iterable[str], folder: Path, program: Path | None = None
) -> dict[str, GraphCount]:
    """Count what inputs take that are computed together, in F16.

    Parameters
    ----------
    shape
        Of the model.
    inputs
        Texts by their tokens, sounds by their mel frames, images by the patches of their sides: ``texts:12``,
        ``texts:512*8`` for eight of 512, ``sounds:310..380*8`` for eight evenly from 310 to 380,
        ``images:32x32,38x28``.
    folder
        Where the files are written, which take no room.
    program
        ``device_test``, where it is not to be built.

    Returns
    -------
    dict
        By the words of `inputs`.
    """
    program = program or build.build_program("device", "device_test")
    files = write_checkpoint(folder, shape, edits=Edits(is_hollow=True))
    command = [program, "count", files.text, files.vision, files.audio, *inputs]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows = map(str.split, done.stdout.splitlines())
    return {name: GraphCount(int(n_kernels), int(n_bytes)) for name, n_kernels, n_bytes in rows}
