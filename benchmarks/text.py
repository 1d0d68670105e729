"""Text: ours against libllama's embedding context with its best settings, and against other ways to run the file."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.calibrate import Memory, calibrate
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Engine, Side, compare
from benchmarks.engines import LlamaPython, LlamaSettings, LlamaText, OursText, TorchText
from benchmarks.options import make_choices_parser
from benchmarks.report import Figures
from benchmarks.server import LlamaServer
from testing.engine.server import build_server

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


@dataclass(frozen=True)
class Opponent:
    """What ours is compared with.

    Attributes
    ----------
    package
        What has to be installed for it.
    tuned
        Whether it takes libllama's settings.
    """

    make: Callable[..., Engine]
    package: str | None = None
    tuned: bool = True


OPPONENTS = {
    "libllama": Opponent(LlamaText),
    "llama-server": Opponent(LlamaServer),
    "llama-cpp-python": Opponent(LlamaPython, "llama_cpp"),
    "torch": Opponent(TorchText, "transformers", tuned=False),
    "torch-bf16": Opponent(partial(TorchText, bfloat16=True), "transformers", tuned=False),
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
    parser.add_argument(
        "--no-calibration",
        action="store_true",
        help="take libllama's settings as they come, and don't look for the best, which are remembered",
    )


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock)
    results: list[dict[str, Any]] = []
    for ftype in args.types.split(","):
        path = files.text(ftype)
        for row in (ROWS[key] for key in args.rows.split(",")):
            inputs = row.inputs(files.shape.text.n_vocab)[: args.inputs]
            print(f"{ftype}, {row.name} ({sum(map(len, inputs))} tokens), {path.name}", flush=True)
            settings = best_settings(args, path, row, inputs)
            with ExitStack() as stack:
                sides = open_sides(stack, args, path, inputs, settings)
                found = measure(row.name, sides, inputs, args.repeats * row.repeats)
            results += [{"type": ftype, **r, "settings": asdict(settings)} for r in found]
            # after every row: a long run that breaks off has still measured something
            report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


def best_settings(args: argparse.Namespace, path: Path, row: Row, inputs: TokenLists) -> LlamaSettings:
    """Return libllama's best settings for a row, from memory or by trying; others where the command line says so."""
    plain = LlamaSettings(n_batch=max(512, *map(len, inputs)))
    if args.no_calibration or not any(OPPONENTS[name].tuned for name in args.against):
        return plain
    memory = Memory(common(args, path))
    repeats = args.repeats * row.repeats
    best = memory.find(row.name, repeats)
    if best is None:
        print("  libllama's settings:", flush=True)
        best = calibrate(common(args, path), inputs[: row.sample], repeats)
        memory.keep(row.name, repeats, best)
    print(f"  libllama's best settings: {best}", flush=True)
    return best


def open_sides(
    stack: ExitStack, args: argparse.Namespace, path: Path, inputs: TokenLists, settings: LlamaSettings
) -> list[Side]:
    """Start the sides of the command line, which `stack` ends.

    Parameters
    ----------
    stack
        Ends them.
    args
        Of the command line.
    path
        The text file.
    inputs
        For whose lengths libllama's context is made.
    settings
        libllama's.

    Returns
    -------
    list of Side
        Ours first.
    """
    tuned = {"settings": settings, "lengths": [len(ids) for ids in inputs]}
    sides = [stack.enter_context(Side("jina_omni", OursText, **common(args, path)))]
    for name in args.against:
        opponent = OPPONENTS[name]
        if opponent.package and importlib.util.find_spec(opponent.package) is None:
            print(f"  {name}: not installed", flush=True)
        elif name == "llama-server" and args.clock == "cpu":
            print(f"  {name}: left out, since its processor time is another process's", flush=True)
        else:
            if opponent.make is LlamaServer:
                build_server()
            options = common(args, path) | (tuned if opponent.tuned else {})
            sides.append(stack.enter_context(Side(name, opponent.make, **options)))
    return sides


def measure(row: str, sides: list[Side], inputs: TokenLists, repeats: int) -> list[dict[str, Any]]:
    """Run sides in turn, print what comes of it, and return that."""
    found = compare(row, sides, inputs, sum(map(len, inputs)), "tokens", repeats)
    report.show(found)
    return [r.as_dict() for r in found]


def common(args: argparse.Namespace, path: Path) -> dict[str, Any]:
    """Return the arguments that all sides take."""
    return {"path": path, "n_threads": args.threads, "cpu_of_threads": args.threads if args.clock == "cpu" else None}
