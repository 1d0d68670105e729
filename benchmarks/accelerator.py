"""Accelerator: the kernels that inputs launch there, and their compute memory, counted without a device."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.report import Figures
from testing.accelerator import count_inputs

# A query and texts in tokens; an image of 512 x 512 and four of different sizes in patches; sounds of 11 s and of
# 3.1 to 3.8 s in mel frames.
_INPUTS = (
    "texts:12",
    "texts:8..64*256",
    "texts:512*8",
    "texts:1024*16",
    "texts:32768",
    "images:32x32",
    "images:32x32,30x26,20x44,24x36",
    "sounds:1100",
    "sounds:310..380*8",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    parser.add_argument("--count", action="store_true", required=True, help="count, which needs no device")
    parser.add_argument(
        "--inputs",
        nargs="+",
        default=_INPUTS,
        metavar="KIND:SHAPES",
        help="texts:TOKENS, sounds:FRAMES or images:PATCHESxPATCHES (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = {"shape": files.describe(), "type": "F16"}
    with tempfile.TemporaryDirectory() as folder:
        counts = count_inputs(files.shape, args.inputs, Path(folder))
    results = []
    for name, (n_kernels, n_bytes) in counts.items():
        print(f"{name}: {n_kernels:,} kernels, {n_bytes / 2**20:,.1f} MiB of compute memory", flush=True)
        results.append({"row": name, "side": "jina_omni", "n_kernels": n_kernels, "n_bytes": n_bytes})
    figures = report.figures(facts, results)
    report.save(args.json, figures)
    return figures
