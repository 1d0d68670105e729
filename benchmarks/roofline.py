"""Roofline: the linear layers of the text tower against the measured peaks of the machine's products.

A run embeds M inputs of one token each: M rows go through all linear layers, and there is next to no attention. What is
printed is the linear layers' operations over the time of the whole run, so it is a lower bound: norms, activations and
the reading of the token table count as if they were linear layers.

F16 and BF16 weights are multiplied in integers of 16 bits where the processor is faster at that: above the peak of
float32, then, and below that of int16.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tests.checkpoints.shapes import TextShape

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Side, Spread
from benchmarks.engines import OursText
from benchmarks.report import Figures
from benchmarks.text import common

_SOURCE = Path(__file__).with_name("peak.c")
_FLOATS = ("F32", "F16", "BF16")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    parser.add_argument("--types", default="F16,Q8_0,Q4_K_M", help="file types (default: %(default)s)")
    parser.add_argument("--rows", default="256,1024", help="values of M (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    shape = files.shape.text
    program = _compile(args.cache)
    peaks = {n: _peak(program, n) for n in range(1, args.threads + 1)}
    facts = report.heading(
        threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock, peaks=peaks
    )
    results: list[dict[str, Any]] = []
    rng = np.random.default_rng(0)
    for ftype in args.types.split(","):
        wanted = ("float32", "int16") if ftype in _FLOATS else ("int8",)
        kinds = [kind for kind in wanted if kind in peaks[1]]
        if not kinds:
            print(f"{ftype}: benchmarks/peak.c knows no instruction for the int8 peak of this processor")
            continue
        with Side("jina_omni", OursText, **common(args, files.text(ftype))) as side:
            for m in map(int, args.rows.split(",")):
                # ordinary tokens: the special ones are the last of the vocabulary
                work = rng.integers(0, shape.n_vocab - 1000, (m, 1)).tolist()
                amount = m * flop_per_row(shape) / 1e9
                side.run(work)
                rates: list[float] = []
                shares: dict[str, list[float]] = {kind: [] for kind in kinds}
                for _ in range(args.repeats):
                    # in turn, since a core's clock changes with what runs on the others
                    peak = _peak(program, args.threads)
                    rates.append(amount / side.run(work)[0])
                    for kind in kinds:
                        shares[kind].append(rates[-1] / peak[kind])
                rate = Spread.of(rates)
                for kind in kinds:
                    share = Spread.of(shares[kind])
                    print(f"  {ftype}, M = {m}: {rate} GFLOP/s, at least {share} of the {kind} peak", flush=True)
                    found = {"rate": asdict(rate), "ratio": asdict(share), "unit": "GFLOP/s"}
                    results.append({"type": ftype, "row": f"M = {m}", "side": f"{kind} peak", **found})
                report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


def flop_per_row(shape: TextShape) -> int:
    """Return the operations of all linear layers for one row; a multiply-add is two."""
    q, kv = shape.n_head * shape.head_dim, shape.n_head_kv * shape.head_dim
    # q and output, k and v, gate, up and down
    return 2 * shape.n_layer * shape.n_embd * (2 * q + 2 * kv + 3 * shape.n_ff)


def _compile(folder: Path) -> Path:
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        raise SystemExit("the peak is measured by a C program: install a C compiler, or name yours in CC")
    # -march=native: another processor needs another program
    program = folder / f"peak-{hashlib.sha256(_SOURCE.read_bytes() + report.cpu().encode()).hexdigest()[:12]}"
    if not program.exists():
        options = ["-O3", "-march=native", "-ffp-contract=fast", "-pthread"]
        subprocess.run([compiler, *options, str(_SOURCE), "-o", str(program)], check=True)
    return program


def _peak(program: Path, n_threads: int) -> dict[str, Any]:
    return json.loads(subprocess.run([str(program), str(n_threads)], stdout=subprocess.PIPE, check=True).stdout)
