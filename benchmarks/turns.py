"""What the benchmarks of media share: their options, and sides that run in turn, row after row."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Engine, Side, compare
from benchmarks.models import Item, OursModel, TorchModel
from testing.engine import llama
from testing.engine.build import build_mtmd


def add_options(parser: argparse.ArgumentParser, *, mtmd: bool = False) -> None:
    """Declare the options that the benchmarks of media share.

    Parameters
    ----------
    parser
        Takes them.
    mtmd
        Whether the benchmark compares with libmtmd too.
    """
    parser.add_argument("--types", default="F16", help="types of the text file (default: %(default)s)")
    parser.add_argument("--no-torch", action="store_true", help="leave torch out, which is compared with if installed")
    if mtmd:
        parser.add_argument("--no-mtmd", action="store_true", help="leave libmtmd out, built at its first use")


class Turns:
    """One run of a benchmark.

    Parameters
    ----------
    args
        Of the command line.
    facts
        What the heading says besides what all headings say.
    """

    def __init__(self, args: argparse.Namespace, **facts: Any) -> None:
        self._args = args
        self._torch = not args.no_torch and all(map(importlib.util.find_spec, ("torch", "transformers")))
        if not args.no_torch:
            facts["torch"] = importlib.metadata.version("torch") if self._torch else "not installed"
        self._files = files = Checkpoints(args.cache, args.size)
        common = {"threads": args.threads, "shape": files.describe(), "turns": args.repeats, "clock": args.clock}
        self._facts = report.heading(**common, **facts)
        self._results: list[dict[str, Any]] = []

    @property
    def figures(self) -> report.Figures:
        """What was measured so far."""
        return report.figures(self._facts, self._results)

    def models(self, row: str, work: Sequence[Item], amount: float, unit: str, *kinds: str) -> None:
        """Compare whole models, from inputs to pooled rows.

        Parameters
        ----------
        row
            What the report calls the work.
        work
            Inputs.
        amount, unit
            How many units the work is, and their name.
        kinds
            The projectors that it needs: ``vision``, ``audio``.
        """
        for ftype in self._args.types.split(","):
            files = {"text": self._files.text(ftype)} | {kind: self._projector(kind) for kind in kinds}
            engines: dict[str, Callable[..., Engine]] = {"jina_omni": OursModel}
            if self._torch:
                engines |= {"torch": TorchModel, "torch-bf16": partial(TorchModel, bfloat16=True)}
            self._row(row, engines, files, work, amount, unit)

    def towers(
        self,
        row: str,
        engines: dict[str, Callable[..., Engine]],
        kind: str,
        work: Sequence[Any],
        amount: float,
        unit: str,
        *,
        comparable: bool,
    ) -> None:
        """Compare towers with libmtmd's, unless the command line leaves it out.

        Parameters
        ----------
        row, work, amount, unit
            As in `models`.
        engines
            The sides by name, ours first.
        kind
            Of the projector, ``vision`` or ``audio``.
        comparable
            As in `compare`.
        """
        if self._args.no_mtmd:
            return
        build_mtmd()
        if self._args.clock == "cpu" and not llama.has_openmp():
            print("libmtmd is left out, since it was built without OpenMP, and its threads spin while they wait")
            return
        files = {"text": self._files.text("F16"), "projector": self._projector(kind)}
        self._row(row, engines, files, work, amount, unit, comparable=comparable)

    def _projector(self, kind: str) -> Path:
        return {"vision": self._files.vision, "audio": self._files.audio}[kind]()

    def _row(
        self,
        row: str,
        engines: dict[str, Callable[..., Engine]],
        files: dict[str, Path],
        work: Sequence[Any],
        amount: float,
        unit: str,
        *,
        comparable: bool = True,
    ) -> None:
        args = self._args
        print(f"{row}: {', '.join(path.name for path in files.values())}", flush=True)
        cpu_of_threads = args.threads if args.clock == "cpu" else None
        with ExitStack() as stack:
            sides = [
                stack.enter_context(Side(name, make, cpu_of_threads=cpu_of_threads, n_threads=args.threads, **files))
                for name, make in engines.items()
            ]
            found = compare(row, sides, work, amount, unit, args.repeats, comparable=comparable)
        report.show(found)
        self._results += [{"files": [path.name for path in files.values()], **r.as_dict()} for r in found]
        # after every row: a long run that breaks off has still measured something
        report.save(args.json, self.figures)
