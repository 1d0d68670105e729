"""Accelerator: the kernels that texts launch there, and the compute memory that they take, counted without a device."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.report import Figures
from testing.accelerator import count_texts

_LENGTHS = "12,8..64*256,512*8,1024*16,32768"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    parser.add_argument("--count", action="store_true", required=True, help="count, which needs no device")
    parser.add_argument("--lengths", default=_LENGTHS, help="of texts in tokens (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = {"shape": files.describe(), "type": "F16"}
    with tempfile.TemporaryDirectory() as folder:
        counts = count_texts(files.shape, args.lengths.split(","), Path(folder))
    results = []
    for name, (n_kernels, n_bytes) in counts.items():
        print(
            f"texts of {name} tokens: {n_kernels:,} kernels, {n_bytes / 2**20:,.1f} MiB of compute memory", flush=True
        )
        results.append({"row": name, "side": "jina_omni", "n_kernels": n_kernels, "n_bytes": n_bytes})
    figures = report.figures(facts, results)
    report.save(args.json, figures)
    return figures
