"""What the benchmarks of text compare ours with."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import onnx_text, openvino_text
from benchmarks.calibrate import Conditions, Memory, Tuning, calibrate
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Engine, Side
from benchmarks.engines import LlamaPython, LlamaSettings, LlamaText, OursText, Tokens, TorchText
from benchmarks.server import LlamaServer
from benchmarks.settings import Settings
from testing.engine import llama
from testing.engine.server import build_server


@dataclass(frozen=True)
class Export:
    """How a runtime that reads no GGUF files gets the weights.

    Attributes
    ----------
    make
        Makes its files of the F16 text file, for a type of ours.
    types
        The types that it has something to compare with.
    """

    make: Callable[[Path, str], None]
    types: Collection[str]


@dataclass(frozen=True)
class Opponent:
    """What ours is compared with.

    Attributes
    ----------
    packages
        What has to be installed for it.
    tuning
        How its settings are found, if it has any.
    export
        For a runtime that doesn't read our file.
    has_openmp
        Whether its threads are OpenMP's, for one built with them or without.
    """

    make: Callable[..., Engine]
    packages: Collection[str] = ()
    tuning: Tuning | None = None
    export: Export | None = None
    has_openmp: Callable[[], bool] = lambda: True


def _llama_python_has_openmp() -> bool:
    # in another process, since this one has loaded another libllama
    program = "import llama_cpp; print(llama_cpp.llama_print_system_info())"
    return b"OPENMP = 1" in subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout


_LIBLLAMA = Tuning("libllama", LlamaText, LlamaSettings)
_OPENVINO = Tuning("openvino", openvino_text.OpenVinoText, openvino_text.OpenVinoSettings)
_ONNX = Tuning("onnxruntime", onnx_text.OnnxText, onnx_text.OnnxSettings)

OPPONENTS = {
    "libllama": Opponent(LlamaText, tuning=_LIBLLAMA, has_openmp=llama.has_openmp),
    "llama-server": Opponent(LlamaServer, tuning=_LIBLLAMA),
    "llama-cpp-python": Opponent(LlamaPython, ("llama_cpp",), _LIBLLAMA, has_openmp=_llama_python_has_openmp),
    "openvino": Opponent(
        openvino_text.OpenVinoText,
        ("openvino", "nncf", "torch", "transformers"),
        _OPENVINO,
        Export(openvino_text.export, openvino_text.WEIGHTS),
    ),
    "onnxruntime": Opponent(
        onnx_text.OnnxText, ("onnxruntime", "onnx", "onnx_ir"), _ONNX, Export(onnx_text.export, onnx_text.WEIGHTS)
    ),
    "torch": Opponent(TorchText, ("torch", "transformers")),
    "torch-bf16": Opponent(partial(TorchText, bfloat16=True), ("torch", "transformers")),
}


class Sides:
    """Ours and the opponents of the command line, for one type of our text file.

    Parameters
    ----------
    args
        Of the command line.
    files
        The checkpoints.
    ftype
        The type.
    """

    def __init__(self, args: argparse.Namespace, files: Checkpoints, ftype: str) -> None:
        self.path = files.text(ftype)
        self._args, self._ftype = args, ftype
        self._paths: dict[str, Path] = {}
        for name in args.against:
            opponent = OPPONENTS[name]
            if hindrance := self._find_hindrance(opponent, files.shape.text.architecture):
                print(f"  {name}: left out, since {hindrance}", flush=True)
                continue
            self._paths[name] = files.text("F16") if opponent.export else self.path
            if opponent.export:
                opponent.export.make(self._paths[name], ftype)
            if opponent.make is LlamaServer:
                build_server()

    def _find_hindrance(self, opponent: Opponent, architecture: str) -> str | None:
        if missing := [package for package in opponent.packages if importlib.util.find_spec(package) is None]:
            return f"{', '.join(missing)} is not installed"
        if opponent.export and self._ftype not in opponent.export.types:
            return f"it is exported for {', '.join(opponent.export.types)} alone"
        if opponent.export and architecture != "qwen3":
            return "the exports are those of causal towers"
        if self._args.clock == "cpu" and opponent.make is LlamaServer:
            return "its processor time is another process's"
        if self._args.clock == "cpu" and not opponent.has_openmp():
            return "it was built without OpenMP, and its threads spin while they wait, which would count"
        return None

    def find_settings(self, row: str, inputs: Tokens, sample: Tokens, repeats: int) -> dict[str, Settings]:
        """Return the best settings of each opponent for a row, from memory or by trying.

        Parameters
        ----------
        row
            Its name.
        inputs
            Token ids.
        sample
            A part of them to try settings on.
        repeats
            Turns of each trial.

        Returns
        -------
        dict
            By opponent, without those that have none. Where the command line wants no calibration, the settings that it
            would begin with.
        """
        if self._args.no_calibration:
            return self.recall_settings(None, inputs)
        for tuning, conditions in self._tunings():
            memory = Memory(tuning, conditions)
            if memory.find(row, repeats) is None:
                print(f"  {tuning.name}'s settings:", flush=True)
                memory.keep(row, repeats, calibrate(tuning, conditions, sample, repeats))
        return self.recall_settings(row, inputs)

    def recall_settings(self, row: str | None, inputs: Tokens) -> dict[str, Settings]:
        """Return the settings that were found before for a row, or those that calibration begins with.

        Parameters
        ----------
        row
            Its name; None for the latter.
        inputs
            Token ids, perhaps others than those of the row.
        """
        lengths = [len(ids) for ids in inputs]
        found = {}
        for tuning, conditions in self._tunings():
            best = Memory(tuning, conditions).find(row) if row else None
            best = best or tuning.settings.first(self._ftype, lengths, passive=conditions.passive)
            # another text may be longer
            found[tuning.name] = best.change({}, lengths)
            print(f"  {tuning.name}'s settings: {found[tuning.name]}", flush=True)
        tuned = {name: OPPONENTS[name].tuning for name in self._paths}
        return {name: found[tuning.name] for name, tuning in tuned.items() if tuning}

    def _tunings(self) -> Iterator[tuple[Tuning, Conditions]]:
        paths = {OPPONENTS[name].tuning: path for name, path in self._paths.items()}
        for tuning, path in paths.items():
            if tuning:
                yield tuning, self._conditions(path)

    def _conditions(self, path: Path) -> Conditions:
        return Conditions(self._ftype, path, self._args.threads, passive=self._args.clock == "cpu")

    def open(self, stack: ExitStack, settings: dict[str, Settings], inputs: Tokens) -> list[Side]:
        """Start the sides.

        Parameters
        ----------
        stack
            Ends them.
        settings
            By opponent.
        inputs
            For whose lengths libllama's context is made.

        Returns
        -------
        list of Side
            Ours first.
        """
        lengths = [len(ids) for ids in inputs]
        ours = self._conditions(self.path).arguments() | {"pack": self._args.pack}
        sides = [stack.enter_context(Side("jina_omni", OursText, **ours))]
        for name, path in self._paths.items():
            arguments = self._conditions(path).arguments()
            if name in settings:
                arguments |= settings[name].arguments(lengths)
            sides.append(stack.enter_context(Side(name, OPPONENTS[name].make, **arguments)))
        return sides
