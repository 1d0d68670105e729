"""Text: ours against libllama's embedding context with its best settings, and against torch float32."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.calibrate import calibrate
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Side, compare
from benchmarks.engines import LlamaSettings, LlamaText, OursText, TorchText

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
    parser.add_argument("--types", default="F16,Q8_0,Q4_K_M", help="file types (default: %(default)s)")
    parser.add_argument("--rows", default="a,b,c", help=", ".join(f"{k}: {row.name}" for k, row in ROWS.items()))
    parser.add_argument("--inputs", type=int, help="at most this many inputs of a row, for a machine that is too slow")
    parser.add_argument("--torch", action="store_true", help="compare with torch float32 too")
    parser.add_argument("--no-llama", action="store_true", help="leave libllama out")
    parser.add_argument("--no-calibration", action="store_true", help="take libllama's settings as they come")
    parser.add_argument(
        "--only-calibration", action="store_true", help="find libllama's best settings and its speed, no more"
    )


def run(args: argparse.Namespace) -> None:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock)
    results: list[dict[str, Any]] = []
    for ftype in args.types.split(","):
        path = files.text(ftype)
        for row in (ROWS[key] for key in args.rows.split(",")):
            inputs = row.inputs(files.shape.text.n_vocab)[: args.inputs]
            print(f"{ftype}, {row.name} ({sum(map(len, inputs))} tokens), {path.name}", flush=True)
            settings = None if args.no_llama else _settings(args, path, row, inputs)
            found = _compare(args, path, row, inputs, settings)
            results += [{"type": ftype, **r, "settings": settings and asdict(settings)} for r in found]
            # after every row: a long run that breaks off has still measured something
            report.save(args.json, facts, results)


def _settings(args: argparse.Namespace, path: Path, row: Row, inputs: TokenLists) -> LlamaSettings:
    if args.no_calibration:
        return LlamaSettings(n_batch=max(512, *map(len, inputs)))
    print("  libllama's settings:", flush=True)
    best = calibrate(_common(args, path), inputs[: row.sample], repeats=args.repeats * row.repeats)
    print(f"  best: {best}", flush=True)
    return best


def _common(args: argparse.Namespace, path: Path) -> dict[str, Any]:
    return {"path": path, "n_threads": args.threads, "cpu_of_threads": args.threads if args.clock == "cpu" else None}


def _compare(
    args: argparse.Namespace, path: Path, row: Row, inputs: TokenLists, settings: LlamaSettings | None
) -> list[dict[str, Any]]:
    sides: list[Side] = []
    common = _common(args, path)
    try:
        if not args.only_calibration:
            sides.append(Side("jina_omni", OursText, **common))
        if settings is not None:
            sides.append(Side("libllama", LlamaText, **common, settings=settings, lengths=[len(ids) for ids in inputs]))
        if args.torch:
            sides.append(Side("torch", TorchText, **common))
        amount = sum(map(len, inputs))
        found = compare(row.name, sides, inputs, amount, "tokens", args.repeats * row.repeats)
        report.show(found)
        return [r.as_dict() for r in found]
    finally:
        for side in sides:
            side.close()
