"""Videos: ours against torch, from a file to pooled rows."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import media
from benchmarks.report import Figures
from benchmarks.turns import Turns, add_options

__all__ = ["add_options", "run"]

_FRAMES, _WIDTH, _HEIGHT = 16, 640, 480


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    turns = Turns(args)
    with tempfile.TemporaryDirectory() as folder:
        path = media.write_video(Path(folder, "clip.mp4"), _FRAMES, _WIDTH, _HEIGHT)
        row = f"an H.264 clip of {_FRAMES} frames of {_WIDTH} x {_HEIGHT}"
        turns.models(row, [path], _FRAMES, "frames", "vision")
    return turns.figures
