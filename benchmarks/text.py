"""Text: ours against libllama's embedding context with its best settings, and against other ways to run the weights."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Side, compare
from benchmarks.engines import Rows
from benchmarks.opponents import OPPONENTS, Sides
from benchmarks.options import make_choices_parser
from benchmarks.reference import find_reference
from benchmarks.report import Figures
from benchmarks.settings import Settings

TokenLists = list[list[int]]


@dataclass(frozen=True)
class Row:
    """One kind of input.

    Attributes
    ----------
    sample
        How many inputs the calibration takes.
    repeats
        Turns of the row for one of the command line: a short row needs more for a steady median.
    """

    name: str
    lengths: Callable[[np.random.Generator], list[int]]
    sample: int
    repeats: int = 1

    def inputs(self, n_vocab: int) -> TokenLists:
        """Return the token ids, the same in every run."""
        rng = np.random.default_rng(0)
        # ordinary tokens: the special ones are the last of the vocabulary
        return [rng.integers(0, n_vocab - 1000, n).tolist() for n in self.lengths(rng)]


ROWS = {
    "a": Row("8 inputs of 512 tokens", lambda _: [512] * 8, 2),
    "b": Row("256 inputs of 8 to 64 tokens", lambda rng: rng.integers(8, 65, 256).tolist(), 64),
    "c": Row("one query of 12 tokens", lambda _: [12], 1, 7),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    add_shared_options(parser, types="F16,Q8_0,Q4_K_M")
    parser.add_argument("--rows", default="a,b,c", help=", ".join(f"{k}: {row.name}" for k, row in ROWS.items()))
    parser.add_argument("--inputs", type=int, help="at most this many inputs of a row, for a machine that is too slow")


def add_shared_options(parser: argparse.ArgumentParser, types: str, against: str = "libllama") -> None:
    """Declare the options that the benchmarks of text share.

    Parameters
    ----------
    parser
        Takes them.
    types, against
        The file types, and the opponents, when the command line names none.
    """
    parser.add_argument("--types", default=types, help="file types (default: %(default)s)")
    names = f"any of {', '.join(OPPONENTS)} (default: %(default)s)"
    parser.add_argument("--against", type=make_choices_parser(OPPONENTS), default=against, help=names)
    parser.add_argument("--pack", action="store_true", help="ours packs its weights, as most of the others do")
    parser.add_argument(
        "--no-calibration",
        action="store_true",
        help="take the settings that calibration begins with, and don't look for the best, which are remembered",
    )


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(
        threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock, pack=args.pack
    )
    results: list[dict[str, Any]] = []
    for ftype in args.types.split(","):
        sides = Sides(args, files, ftype)
        for row in (ROWS[key] for key in args.rows.split(",")):
            inputs = row.inputs(files.shape.text.n_vocab)[: args.inputs]
            print(f"{ftype}, {row.name} ({sum(map(len, inputs))} tokens), {sides.path.name}", flush=True)
            repeats = args.repeats * row.repeats
            settings = sides.find_settings(row.name, inputs, inputs[: row.sample], repeats)
            reference = find_reference(files.text("F16"), inputs, args.threads)
            with ExitStack() as stack:
                found = measure(row.name, sides.open(stack, settings, inputs), inputs, repeats, reference)
            results += [{"type": ftype, **r, "settings": describe(settings, r["side"])} for r in found]
            # after every row: a long run that breaks off has still measured something
            report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


def describe(settings: Mapping[str, Settings], side: str) -> dict[str, Any] | None:
    """Return a side's settings for JSON, or None where it has none."""
    return asdict(settings[side]) if side in settings else None


def measure(
    row: str, sides: list[Side], inputs: TokenLists, repeats: int, reference: Rows | None = None
) -> list[dict[str, Any]]:
    """Run sides in turn, print what comes of it, and return that."""
    found = compare(row, sides, inputs, sum(map(len, inputs)), "tokens", repeats, reference=reference)
    report.show(found)
    return [r.as_dict() for r in found]
