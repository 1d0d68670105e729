# SPDX-License-Identifier: Apache-2.0
"""Check an installed jina_omni on an accelerator, and measure it there beside llama.cpp and torch.

    python tools/check_gpu.py --device cuda:0 --full    # under ten minutes
    python tools/check_gpu.py --device cpu              # a dry run: every part, with tiny files; minutes

It runs in a checkout, with the Python that has the wheel and ``pip install '.[test]'``'s packages, and builds nothing.
Compared with are, where they are installed: libllama and libmtmd, of ``python -m testing.engine.build --backend cuda``;
llama-cpp-python; torch with transformers. Each part has a time of its own, after which its other rows are left out.
check_gpu.md and check_gpu.json are written after every row, so that a run that is killed keeps what it found. The exit
status is 1 if the suite failed, or if anything of jina_omni did.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jina_omni
from benchmarks import report
from benchmarks.checkpoint import Checkpoints, default_cache
from benchmarks.device_figures import DeviceFigures
from benchmarks.device_work import DRY_RUN, FULL
from benchmarks.on_device import DeviceBench
from benchmarks.options import make_choices_parser
from jina_omni.native import Device, find_device, usable_cpus
from testing.accelerator import count_inputs
from testing.checkpoints import shapes
from testing.engine.build import EngineError, program_path

TYPES = ("Q4_K_M", "F16", "Q8_0")

# Of each part, in seconds, and of all together: a side that hangs takes some more, and then the later parts have less.
SECONDS = {"suite": 150.0, "text": 270.0, "image": 50.0, "sound": 50.0, "counts": 20.0}
ALL_SECONDS = 570.0
# Of each part of a dry run: Mesa's software device compiles shaders for minutes.
DRY_RUN_SECONDS = 600.0


class Check:
    """One run.

    Parameters
    ----------
    device
        What computes.
    files
        The checkpoints.
    figures
        Takes what is found.
    is_full
        Whether there is work for a large device.
    """

    def __init__(self, device: Device, files: Any, figures: Any, *, is_full: bool) -> None:
        self._device, self._files, self._figures = device, files, figures
        self._work = FULL if is_full else DRY_RUN
        self._bench = DeviceBench(device, files, self._work, figures, usable_cpus())

    def check_suite(self, seconds: float) -> None:
        """Run the part of the suite for devices, in a process of its own."""
        log = self._figures.page.with_name("check_gpu_suite.log")
        command = [sys.executable, "-m", "pytest", "-v", "-rs", "-m", "device", "--device", self._device.name]
        with log.open("w") as output:
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
            try:
                status = f"exit status {process.wait(seconds)}"
            except subprocess.TimeoutExpired:
                status = f"stopped after {seconds:g} s"
            finally:
                with contextlib.suppress(ProcessLookupError):  # the processes of its tests too
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        found = re.findall(r" (PASSED|FAILED|ERROR|SKIPPED)\b", log.read_text())
        counts = ", ".join(f"{found.count(word)} {word.lower()}" for word in dict.fromkeys(sorted(found)))
        passed = status == "exit status 0"
        text = f"{counts or 'no test ran'}; {status}; see {log.name}"
        self._figures.add("suite", "tests marked device", [{"text": text, "failed": not passed}])

    def measure_texts(self, seconds: float) -> None:
        """Measure all types of text file, which share the time."""
        until = time.monotonic() + seconds
        for number, ftype in enumerate(TYPES):
            try:
                self._files.text(ftype)
            except (EngineError, OSError) as error:  # the latter for a library of CUDA that is missing
                self._figures.leave_out("text", ftype, "all", str(error))
                continue
            self._bench.measure_texts(ftype, (until - time.monotonic()) / (len(TYPES) - number))

    def count_kernels(self, _seconds: float) -> None:
        """Count what inputs launch and hold, which needs the program of tests/device, but no device."""
        program = program_path("device", "device_test")
        if not program.exists():
            why = "tests/device is not built: python -m benchmarks accelerator --count builds it"
            self._figures.leave_out("counts", "inputs", "all", why)
            return
        with tempfile.TemporaryDirectory() as folder:
            counts = count_inputs(self._files.shape, list(self._work.counts), Path(folder), program)
        for name, (n_kernels, n_bytes) in counts.items():
            text = f"{n_kernels:,} kernels, {n_bytes / 2**20:,.1f} MiB of compute memory"
            self._figures.add("counts", name, [{"text": text, "n_kernels": n_kernels, "n_bytes": n_bytes}])

    @property
    def parts(self) -> dict[str, Callable[[float], None]]:
        """What is run, by name, the most important first."""
        return {
            "suite": self.check_suite,
            "text": self.measure_texts,
            "image": self._bench.measure_images,
            "sound": self._bench.measure_sounds,
            "counts": self.count_kernels,
        }


def describe_device(device: Device, files: Any) -> dict[str, object]:
    """Return the facts that the figures depend on."""
    facts: dict[str, object] = {"device": f"{device.name}, {device.description}", "cpu": report.cpu()}
    if device.compute_capability:
        facts["compute capability"] = device.compute_capability / 10
    if not device.is_cpu:
        facts["memory"] = f"{device.memory_total / 2**20:,.0f} MiB, {device.memory_free / 2**20:,.0f} free"
    facts |= {package: find_version(package) for package in ("jina-omni", "torch", "transformers", "llama-cpp-python")}
    # such as those that switch CUDA's graphs
    facts["environment"] = {k: v for k, v in os.environ.items() if k.startswith(("GGML_", "JINA_OMNI_"))}
    return {**facts, "shape": files.describe()}


def find_version(package: str) -> str:
    """Return the version of an installed package, or that it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="auto", help="cuda:0, cpu, ... (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help="files of the published shapes, and work for a large GPU")
    parser.add_argument("--size", choices=("small", "nano"), default="small")
    names = ",".join(SECONDS)
    parser.add_argument("--parts", type=make_choices_parser(SECONDS), default=names, help="(default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="keeps the files (default: %(default)s)")
    output = ROOT / "build" / "check_gpu"
    parser.add_argument("--output", type=Path, default=output, help="a folder (default: build/check_gpu)")
    options = parser.parse_args(arguments)

    # Sides take turns without a pause, so the threads of one must not spin while another computes.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    start = time.monotonic()
    try:
        device = find_device(options.device)
    except jina_omni.ModelLoadError as error:
        print(error, file=sys.stderr)
        return 1
    files = Checkpoints(options.cache, options.size, shapes.FULL if options.full else shapes.TINY)
    figures = DeviceFigures(options.output, describe_device(device, files))
    check = Check(device, files, figures, is_full=options.full)
    for name in options.parts:
        left = start + ALL_SECONDS - time.monotonic()
        check.parts[name](min(SECONDS[name], left) if options.full else DRY_RUN_SECONDS)
    print(f"{time.monotonic() - start:.0f} s; see {figures.page}")
    return int(any(r.get("failed") or (r.get("side") == "jina_omni" and "left_out" in r) for r in figures.results))


if __name__ == "__main__":
    raise SystemExit(main())
