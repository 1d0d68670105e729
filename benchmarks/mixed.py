"""A folder of texts, pictures, sounds, a video and a PDF: ours against torch, from files to pooled rows."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks import media
from benchmarks.report import Figures
from benchmarks.turns import Turns, add_options

__all__ = ["add_options", "run"]


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    turns = Turns(args)
    with tempfile.TemporaryDirectory() as folder:
        paths = media.write_folder(Path(folder))
        kinds = ", ".join(f"{n} {suffix}" for suffix, n in Counter(path.suffix for path in paths).items())
        turns.models(f"{len(paths)} files ({kinds})", paths, len(paths), "items", "vision", "audio")
    return turns.figures
