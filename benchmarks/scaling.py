"""Scaling: tokens per second over the length of the inputs, their number, and the threads."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks import report, text
from benchmarks.checkpoint import Checkpoints
from benchmarks.opponents import Sides
from benchmarks.report import Figures


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    text.add_shared_options(parser, types="Q4_K_M")
    parser.add_argument("--axes", default="length,batch,threads", help="which of them (default: %(default)s)")
    lengths = "16,32,64,128,256,512,1024,2048,4096,8192"
    parser.add_argument("--lengths", default=lengths, help="as many as make 2048 tokens of each (default: %(default)s)")
    parser.add_argument("--batches", default="1,2,4,8,16,32,64,128,256", help="of 32 tokens (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark. The opponents' settings are those that the text benchmark found before, if it did."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(shape=files.describe(), turns=args.repeats, clock=args.clock, pack=args.pack)
    results: list[dict[str, Any]] = []
    for ftype in args.types.split(","):
        for axis, value, lengths, threads in _points(args):
            row = f"{len(lengths)} x {lengths[0]} tokens, {threads} threads"
            print(f"{ftype}, {row}", flush=True)
            here = argparse.Namespace(**{**vars(args), "threads": threads})
            like = text.ROWS["a" if lengths[0] > 64 else "b" if len(lengths) > 1 else "c"]
            inputs = text.Row(row, lambda _, lengths=lengths: lengths, 1).inputs(files.shape.text.n_vocab)
            try:
                found = _measure(Sides(here, files, ftype), row, like, inputs, args.repeats)
            except RuntimeError as error:
                # such as libllama without the memory for a row of logits per token
                print(f"  ours alone, since {str(error).splitlines()[-1]}", flush=True)
                alone = argparse.Namespace(**{**vars(here), "against": []})
                found = _measure(Sides(alone, files, ftype), row, like, inputs, args.repeats)
            results += [{"type": ftype, "axis": axis, "value": value, **r} for r in found]
            report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


def _measure(sides: Sides, row: str, like: text.Row, inputs: text.TokenLists, repeats: int) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        settings = sides.recall_settings(like.name, inputs)
        return text.measure(row, sides.open(stack, settings, inputs), inputs, repeats)


def _points(args: argparse.Namespace) -> Iterator[tuple[str, int, list[int], int]]:
    axes = args.axes.split(",")
    if "length" in axes:
        for n in map(int, args.lengths.split(",")):
            yield "length", n, [n] * max(1, 2048 // n), args.threads
    if "batch" in axes:
        for n in map(int, args.batches.split(",")):
            yield "batch", n, [32] * n, args.threads
    if "threads" in axes:
        for n in range(1, args.threads + 1):
            yield "threads", n, [512] * 4, n
