"""Many callers of one model: queries beside bulk work, callers that wait together, and latency over load."""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import media, plot, report
from benchmarks.callers import (
    N_QUERIES,
    N_TOKENS,
    Bulk,
    Done,
    OursCallers,
    OursQuery,
    ServerCallers,
    TorchCallers,
    Work,
)
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Side, Spread
from benchmarks.load import Load
from benchmarks.options import make_choices_parser
from benchmarks.report import Figures
from testing.checkpoints import writer
from testing.engine.server import build_server

_TYPE = "Q4_K_M"

_OPPONENTS: dict[str, Callable[..., Any]] = {"llama-server": ServerCallers, "torch": TorchCallers}

_SHARES = (0.3, 0.6, 0.9)
"""Of the capacity, for the rates at which queries come."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    names = ",".join(_PARTS)
    parser.add_argument("--parts", type=make_choices_parser(_PARTS), default=names, help=f"of {names} (default: all)")
    kinds = ",".join(_BULK)
    parser.add_argument("--bulk", type=make_choices_parser(_BULK), default=kinds, help=f"of {kinds} (default: all)")
    against = ",".join(_OPPONENTS)
    parser.add_argument(
        "--against", type=make_choices_parser(_OPPONENTS), default=against, help=f"of {against} (default: all)"
    )
    parser.add_argument("--queries", type=int, default=100, help="of a turn (default: %(default)s)")
    parser.add_argument("--plot", type=Path, help="draw latency over load into this file")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(
        threads=args.threads, shape=files.describe(), type=_TYPE, turns=args.repeats, queries=args.queries
    )
    results: list[dict[str, Any]] = []
    for part in args.parts:
        results += _PARTS[part](args, files)
        report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)


# ---- queries beside bulk work ----------------------------------------------------------------------------------------


def _write_texts(_folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(500)]
    return [" ".join(rng.choice(words, 119)) for _ in range(100)]  # about 450 tokens each


def _write_images(folder: Path) -> list[Path]:
    from PIL import Image

    paths = [folder / f"{i}.jpg" for i in range(4)]
    for path in paths:
        Image.fromarray(media.draw(path.name, 800, 600)).save(path)
    return paths


_BULK: dict[str, tuple[str, Callable[[Path], Sequence[str | Path]]]] = {
    "texts": ("100 texts of 450 tokens", _write_texts),
    "images": ("4 images of 800 x 600", _write_images),
    "sounds": (
        "4 sounds of 25 s",
        lambda folder: [media.write_sound(folder / f"{i}.flac", 25, seed=i) for i in range(4)],
    ),
    "film": ("a film of 8 frames", lambda folder: [media.write_video(folder / "film.mp4", 8, 640, 480)]),
    "pages": ("a PDF of 2 pages", lambda folder: [media.write_pdf(folder / "pages.pdf", 2)]),
}


def _measure_beside(args: argparse.Namespace, files: Checkpoints) -> list[dict[str, Any]]:
    alone = Work(Load(args.queries, pause=0.05))
    results = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = _open(stack, args, "jina_omni", OursCallers, files, projectors=(files.vision(), files.audio()))
        for kind in args.bulk:
            name, write = _BULK[kind]
            (folder / kind).mkdir()
            bulk = write(folder / kind)
            beside = replace(alone, bulk=bulk)
            turns = [(_run(ours, alone), _run(ours, beside)) for _ in range(args.repeats)]
            found = {"part": "beside", "work": f"a query of {N_TOKENS} tokens beside {name}"}
            for p in (50, 99):
                ratio = Spread.of([b.served.percentile(p) / a.served.percentile(p) for a, b in turns])
                at = statistics.median(a.served.percentile(p) for a, _ in turns)
                print(f"  {found['work']}: p{p} {ratio} times that of an idle model ({1000 * at:.0f} ms)", flush=True)
                found[f"p{p}"] = asdict(ratio)
            results.append(found)
            if kind == "texts":
                results.append(_measure_bulk(args, ours, name, bulk))
    return results


def _measure_bulk(args: argparse.Namespace, ours: Side, name: str, bulk: Sequence[str | Path]) -> dict[str, Any]:
    turns = [
        (_run(ours, Bulk(bulk)).served.seconds, _run(ours, Bulk(bulk, pause=1.0)).served.seconds)
        for _ in range(args.repeats)
    ]
    ratio = Spread.of([b / a for a, b in turns])
    print(f"  {name} with a query a second: {ratio} times as long as without", flush=True)
    return {"part": "beside", "work": f"{name} with a query a second", "seconds": asdict(ratio)}


# ---- callers that wait together --------------------------------------------------------------------------------------


def _measure_together(args: argparse.Namespace, files: Checkpoints) -> list[dict[str, Any]]:
    ways = {
        f"{N_QUERIES} queries from 16 threads": Work(Load(N_QUERIES, n_callers=16)),
        f"{N_QUERIES} queries from {N_QUERIES} tasks": Work(Load(N_QUERIES), way="tasks"),
    }
    one_call = Work(Load(N_QUERIES), way="one call")
    results = []
    with ExitStack() as stack:
        ours = _open(stack, args, "jina_omni", OursCallers, files)
        for name, work in ways.items():
            turns = [(_run(ours, one_call), _run(ours, work)) for _ in range(2 * args.repeats)]
            ratio = Spread.of([b.served.seconds / a.served.seconds for a, b in turns])
            slowest = Spread.of([b.served.percentile(100) / b.served.percentile(50) for _, b in turns])
            print(f"  {name}: {ratio} times one call; the slowest {slowest} times the median", flush=True)
            results.append({"part": "together", "work": name, "seconds": asdict(ratio), "slowest": asdict(slowest)})
    return results


# ---- latency over load -----------------------------------------------------------------------------------------------


def _measure_load(args: argparse.Namespace, files: Checkpoints) -> list[dict[str, Any]]:
    results = []
    with ExitStack() as stack:
        sides = [_open(stack, args, "jina_omni", OursCallers, files)]
        for name in args.against:
            if name == "torch" and importlib.util.find_spec("transformers") is None:
                print("  torch: not installed", flush=True)
                continue
            if name == "llama-server":
                build_server()
            sides.append(_open(stack, args, name, _OPPONENTS[name], files))
        capacity = {side.name: _measure_capacity(args, side) for side in sides}
        least = min(capacity.values())
        # At shares of the least capacity every side keeps up; ours is measured at those of its own too.
        points = [(share * least, side) for share in _SHARES for side in sides]
        points += [(share * capacity["jina_omni"], sides[0]) for share in _SHARES]
        for rate, side in points:
            work = Work(Load(args.queries, rate=rate))
            found = [_run(side, work).served for _ in range(args.repeats)]
            at = {f"p{p}": statistics.median(served.percentile(p) for served in found) for p in (50, 95, 99, 100)}
            shown = ", ".join(f"{name} {1000 * value:.0f} ms" for name, value in at.items())
            print(f"  {rate:.1f} queries/s ({rate / capacity[side.name]:.0%} of its capacity), {side.name}: {shown}")
            results.append({"part": "load", "side": side.name, "rate": rate, **at})
    _show_ratios(results)
    if args.plot:
        plot.draw_latencies(results, args.plot)
    return results


def _measure_capacity(args: argparse.Namespace, side: Side) -> float:
    work = Work(Load(args.queries, n_callers=16))
    _run(side, work)
    rate = statistics.median(args.queries / _run(side, work).served.seconds for _ in range(args.repeats))
    print(f"  {side.name}: {rate:.1f} queries/s from 16 callers", flush=True)
    return rate


def _show_ratios(results: list[dict[str, Any]]) -> None:
    ours = {r["rate"]: r for r in results if r["side"] == "jina_omni"}
    for r in results:
        if r["side"] != "jina_omni":
            r["ratio"] = r["p99"] / ours[r["rate"]]["p99"]
            print(f"  {r['rate']:.1f} queries/s: p99 of {r['side']} is {r['ratio']:.2f} times ours", flush=True)


# ---- what surrounds a query ------------------------------------------------------------------------------------------


def _measure_query(args: argparse.Namespace, files: Checkpoints) -> list[dict[str, Any]]:
    """Measure a query less its towers, on layers so narrow that the difference is not lost in what they take."""
    text = replace(files.shape.text, n_embd=64, n_ff=64, n_head=1, n_head_kv=1, head_dim=64)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = writer.write_text(Path(folder, "narrow.gguf"), replace(files.shape, text=text))
        narrow = stack.enter_context(Side("jina_omni", OursQuery, n_threads=1, text=path))
        turns = [narrow.run(1000)[1] for _ in range(args.repeats)]
    around = Spread.of([1000 * (query - towers) for query, towers in turns])
    print(f"  a query of {N_TOKENS} tokens: {around} ms are not the tower's", flush=True)
    return [{"part": "query", "work": f"a query of {N_TOKENS} tokens, less the tower", "ms": asdict(around)}]


def _open(
    stack: ExitStack, args: argparse.Namespace, name: str, make: Callable[..., Any], files: Checkpoints, **more: Any
) -> Side:
    return stack.enter_context(Side(name, make, n_threads=args.threads, text=files.text(_TYPE), **more))


def _run(side: Side, work: Work | Bulk) -> Done:
    time.sleep(0.3)  # what spins after its last work has gone to sleep
    done: Done = side.run(work)[1]
    return done


_PARTS: dict[str, Callable[[argparse.Namespace, Checkpoints], list[dict[str, Any]]]] = {
    "beside": _measure_beside,
    "together": _measure_together,
    "load": _measure_load,
    "query": _measure_query,
}
