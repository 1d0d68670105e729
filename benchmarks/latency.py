"""Latency: one query of 12 tokens, in process and over HTTP, on an idle machine and beside busy processes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks import report, text
from benchmarks.checkpoint import Checkpoints
from benchmarks.opponents import Sides
from benchmarks.reference import find_reference
from benchmarks.report import Figures

_ROW = text.ROWS["c"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    text.add_shared_options(parser, types="Q4_K_M", against="libllama,llama-server")
    parser.add_argument("--busy", type=int, default=2, help="busy foreign processes (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(
        threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock, pack=args.pack
    )
    inputs = _ROW.inputs(files.shape.text.n_vocab)
    results: list[dict[str, Any]] = []
    for ftype in args.types.split(","):
        opponents = Sides(args, files, ftype)
        print(f"{ftype}, {_ROW.name}, {opponents.path.name}", flush=True)
        repeats = args.repeats * _ROW.repeats
        settings = opponents.find_settings(_ROW.name, inputs, inputs, repeats)
        reference = find_reference(files.text("F16"), inputs, args.threads)
        with ExitStack() as stack:
            sides = opponents.open(stack, settings, inputs)
            idle = text.measure(_ROW.name, sides, inputs, repeats, reference)
            beside = f"beside {args.busy} busy processes"
            print(f"  {beside}", flush=True)
            with _busy(args.busy):
                busy = text.measure(f"{_ROW.name} {beside}", sides, inputs, repeats, reference)
        for a, b in zip(idle, busy, strict=True):
            p50 = a["seconds"]["median"]
            b["times_idle"] = b["seconds"]["median"] / p50
            print(f"  {a['side']:<16} p50 {1000 * p50:.1f} ms, {beside} {b['times_idle']:.2f} times that", flush=True)
        results += [{"type": ftype, **r, "settings": text.describe(settings, r["side"])} for r in idle + busy]
        report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


@contextmanager
def _busy(n: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
