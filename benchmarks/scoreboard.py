"""The scoreboard: one table of this library against every other way to run the files, each line by another benchmark.

A line that is run again by its name replaces the result of the earlier run in the same JSON file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.checkpoint import Checkpoints
from benchmarks.options import make_choices_parser
from benchmarks.scores import Score, read_scores


@dataclass(frozen=True)
class Line:
    """One line of the scoreboard.

    Attributes
    ----------
    work
        In words.
    command
        The benchmark that measures it, and its options.
    targets
        The least ratio by opponent; the others have no target.
    """

    work: str
    command: str
    targets: dict[str, float]


_TORCH = "torch,torch-bf16"
_LLAMA = "libllama,llama-server,llama-cpp-python"
_RUNTIMES = "openvino,onnxruntime"

LINES = {
    "text-q8": Line(
        "8 texts of 512 tokens, Q8_0",
        f"text --types Q8_0 --rows a --pack --against libllama,{_RUNTIMES}",
        {"libllama": 4.0, "openvino": 1.2, "onnxruntime": 1.2},
    ),
    "text-q4": Line(
        "8 texts of 512 tokens, Q4_K_M",
        f"text --types Q4_K_M --rows a --pack --against libllama,{_RUNTIMES}",
        {"libllama": 2.5, "openvino": 1.2, "onnxruntime": 1.2},
    ),
    "text-f16": Line(
        "8 texts of 512 tokens, F16",
        f"text --types F16 --rows a --pack --against libllama,{_TORCH},{_RUNTIMES}",
        {"libllama": 2.0, "torch": 1.2, "torch-bf16": 1.2},
    ),
    "short-q8": Line(
        "256 texts of 8 to 64 tokens, Q8_0",
        f"text --types Q8_0 --rows b --pack --against libllama,{_RUNTIMES}",
        {"openvino": 1.15, "onnxruntime": 1.15},
    ),
    "short": Line(
        "256 texts of 8 to 64 tokens, Q4_K_M",
        f"text --types Q4_K_M --rows b --pack --against {_LLAMA},{_RUNTIMES}",
        {"libllama": 3.0, "openvino": 1.15, "onnxruntime": 1.15},
    ),
    "query-q8": Line(
        "a query of 12 tokens, Q8_0, p50",
        f"text --types Q8_0 --rows c --pack --against libllama,{_RUNTIMES}",
        {"openvino": 1.2, "onnxruntime": 1.2},
    ),
    "query": Line(
        "a query of 12 tokens, Q4_K_M, p50",
        f"text --types Q4_K_M --rows c --pack --against {_LLAMA},{_RUNTIMES}",
        {"libllama": 5.0, "llama-server": 2.5, "openvino": 1.2, "onnxruntime": 1.2},
    ),
    "query-mapped": Line(
        "a query of 12 tokens, Q4_K_M, by the mapped file",
        "text --types Q4_K_M --rows c --against libllama",
        {"libllama": 2.0},
    ),
    "image": Line(
        "an image of 512 x 512", "image --rows a --images 1", {"libmtmd": 1.8, "torch": 1.2, "torch-bf16": 1.2}
    ),
    "audio": Line("a sound of 11 s", "audio --seconds 11", {"libmtmd": 4.0, "torch": 1.2, "torch-bf16": 1.2}),
    "linear": Line(
        "linear layers' share of the peak",
        "roofline",
        {"float32 peak": 0.80, "int16 peak": 0.75, "int8 peak": 0.68},
    ),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    names = f"any of {','.join(LINES)}; with none the file's table is printed again (default: all)"
    parser.add_argument("--lines", type=make_choices_parser(LINES), default=",".join(LINES), help=names)
    parser.add_argument("--no-calibration", action="store_true", help="look for no opponent's best settings")
    parser.set_defaults(json=Path("build", "scoreboard.json"))


def run(args: argparse.Namespace) -> None:
    """Run the scoreboard: the table goes to standard output, to `args.json`, and as a plot beside that."""
    lines = _earlier(args)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    for name in args.lines:
        line = LINES[name]
        command = line.command.split()
        if args.no_calibration and command[0] == "text":
            command.append("--no-calibration")
        print(f"== {name}: python -m benchmarks {' '.join(command)}", flush=True)
        options = {"size": args.size, "threads": args.threads, "repeats": args.repeats, "clock": args.clock}
        command += [word for key, value in options.items() for word in (f"--{key}", str(value))]
        part = args.parse([*command, "--cache", str(args.cache)])
        figures = part.run(part)
        measured = {found["side"] for found in figures["results"]}
        lines[name] = {
            "work": line.work,
            "command": f"python -m benchmarks {' '.join(command)}",
            "date": time.strftime("%Y-%m-%d %H:%M"),
            "targets": line.targets,
            "left_out": [name for name in getattr(part, "against", ()) if name not in measured],
            **figures,
        }
        lines = {key: lines[key] for key in LINES if key in lines}
        # after every line: a long run that breaks off has still measured something
        args.json.write_text(json.dumps(lines, indent=1) + "\n")
    scores = list(read_scores(lines.values()))
    _print_table(scores)
    plot.draw([score for score in scores if score.ratio], args.json.with_suffix(".svg"))


def _earlier(args: argparse.Namespace) -> dict[str, Any]:
    lines = json.loads(args.json.read_text()) if args.json.exists() else {}
    here = {"cpu": report.cpu(), "threads": args.threads, "shape": Checkpoints(args.cache, args.size).describe()}
    for name, line in lines.items() if args.lines else ():
        if (there := {key: line["facts"][key] for key in here}) != here:
            raise SystemExit(f"{args.json} has {name} of {there}, this is {here}: name another file with --json")
    return lines


_REACHED = {None: "", True: "yes", False: "no"}


def _print_table(scores: Sequence[Score]) -> None:
    print("| work | against | ratio: median (least..most) | target | reached | cosine to float32: theirs | ours |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for score in scores:
        cells = (score.work, score.against, score.ratio or "left out", score.target or "", _REACHED[score.reached])
        accuracies = ("" if cosine is None else f"{cosine:.6f}" for cosine in (score.accuracy, score.our_accuracy))
        print(f"| {' | '.join(map(str, (*cells, *accuracies)))} |")
