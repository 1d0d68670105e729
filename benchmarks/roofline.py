"""Roofline: the linear layers of the text tower against the measured peaks of the machine's products.

The peaks are those of the products that the best instruction set has, as the package measures them.

M rows go through all linear layers, each with its own weights, in the kernels by themselves (linear_rate.cpp). What is
printed is the number of operations of the layers divided by their time, which includes quantizing the rows.

F16 and BF16 weights are multiplied in 14 bits, as 16-bit integers, where the processor is faster at that. The rate then
can be above the peak of float32, and is below that of int16.
"""

from __future__ import annotations

import argparse
import subprocess
from dataclasses import asdict
from typing import Any

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Spread
from benchmarks.report import Figures
from jina_omni.native import instruction_sets, linear_products, measure_multiply_adds
from testing.checkpoints.shapes import TextShape
from testing.engine import build

_FLOATS = ("f32", "f16", "bf16")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    names = "weight types, as ggml names them (default: %(default)s)"
    parser.add_argument("--types", default="f16,q8_0,q4_K", help=names)
    parser.add_argument("--rows", default="256,1024", help="values of M (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    shape = files.shape.text
    linear = build.build_program("kernels", "linear_rate")
    peaks = {n: _peak(n) for n in range(1, args.threads + 1)}
    facts = report.heading(threads=args.threads, shape=files.describe(), turns=args.repeats, clock="wall", peaks=peaks)
    results: list[dict[str, Any]] = []
    for kind in args.types.split(","):
        wanted = ("float32", "int16") if kind in _FLOATS else ("int8",)
        units = [unit for unit in wanted if unit in peaks[1]]
        if not units:
            print(f"{kind}: there is no product of 8-bit integers for this processor")
            continue
        for m in map(int, args.rows.split(",")):
            command = [linear, kind, str(m), str(args.threads), str(shape.n_layer), *_matrices(shape)]
            rates: list[float] = []
            shares: dict[str, list[float]] = {unit: [] for unit in units}
            for _ in range(args.repeats):
                # in turn, since a core's clock changes with what runs on the others
                peak = _peak(args.threads)
                rates.append(float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
                for unit in units:
                    shares[unit].append(rates[-1] / peak[unit])
            rate = Spread.of(rates)
            for unit in units:
                share = Spread.of(shares[unit])
                print(f"  {kind}, M = {m}: {rate} GFLOP/s, {share} of the {unit} peak", flush=True)
                found = {"rate": asdict(rate), "ratio": asdict(share), "unit": "GFLOP/s"}
                results.append({"type": kind, "row": f"M = {m}", "side": f"{unit} peak", **found})
            report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


def _matrices(shape: TextShape) -> list[str]:
    """Return IN:OUT of the linear layers of a block: q, k, v, output, gate, up, down."""
    n, q, kv, ff = shape.n_embd, shape.n_head * shape.head_dim, shape.n_head_kv * shape.head_dim, shape.n_ff
    return [f"{n}:{q}", f"{n}:{kv}", f"{n}:{kv}", f"{q}:{n}", f"{n}:{ff}", f"{n}:{ff}", f"{ff}:{n}"]


def _peak(n_threads: int) -> dict[str, float]:
    """Return GFLOP/s by product; a multiply-add counts as two operations."""
    best = instruction_sets()[0]  # which linear_rate takes
    return {name: 2e-9 * measure_multiply_adds(best, name, n_threads) for name in linear_products(best)}
