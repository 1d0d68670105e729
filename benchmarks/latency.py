"""Latency: one query of 12 tokens, in process and over HTTP, on an idle machine and beside busy processes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from benchmarks import report, text
from benchmarks.checkpoint import Checkpoints
from benchmarks.report import Figures

_ROW = text.ROWS["c"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    text.add_shared_options(parser, types="Q4_K_M", against="libllama,llama-server")
    parser.add_argument("--busy", type=int, default=2, help="busy foreign processes (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock)
    inputs = _ROW.inputs(files.shape.text.n_vocab)
    results: list[dict[str, Any]] = []
    for ftype in args.types.split(","):
        path = files.text(ftype)
        print(f"{ftype}, {_ROW.name}, {path.name}", flush=True)
        settings = text.best_settings(args, path, _ROW, inputs)
        with ExitStack() as stack:
            sides = text.open_sides(stack, args, path, inputs, settings)
            idle = text.measure(_ROW.name, sides, inputs, args.repeats * _ROW.repeats)
            beside = f"beside {args.busy} busy processes"
            print(f"  {beside}", flush=True)
            with _busy(args.busy):
                busy = text.measure(f"{_ROW.name} {beside}", sides, inputs, args.repeats * _ROW.repeats)
        for a, b in zip(idle, busy, strict=True):
            p50 = a["seconds"]["median"]
            b["times_idle"] = b["seconds"]["median"] / p50
            print(f"  {a['side']:<16} p50 {1000 * p50:.1f} ms, {beside} {b['times_idle']:.2f} times that", flush=True)
        results += [{"type": ftype, **r, "settings": asdict(settings)} for r in idle + busy]
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
