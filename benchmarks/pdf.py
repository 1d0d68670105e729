"""PDFs: ours against torch, from a file to pooled rows."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import media
from benchmarks.report import Figures
from benchmarks.turns import Turns, add_options

__all__ = ["add_options", "run"]

_PAGES = 2


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    turns = Turns(args)
    with tempfile.TemporaryDirectory() as folder:
        path = media.write_pdf(Path(folder, "document.pdf"), _PAGES)
        turns.models(f"a document of {_PAGES} A4 pages", [path], _PAGES, "pages", "vision")
    return turns.figures
