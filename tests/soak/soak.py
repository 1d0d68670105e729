"""Calls and loads without end take no more at the end: ``python -m tests.soak.soak --encodes 100000 --loads 1000``.

Writes a line of CSV for each hundredth of the run, and a plot where matplotlib is installed. Memory is compared after a
first tenth, in which caches fill; both as it is and after malloc_trim, since glibc keeps what was freed between blocks
in use, for later calls, and the holes that loading a model leaves are megabytes that nobody holds.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

import jina_omni
from testing.checkpoints.writer import Checkpoint
from tests.native import small_pictures
from tests.soak.inputs import mixed

TOLERANCE = 0.02  # of resident memory
N_POINTS = 100


class Point(NamedTuple):
    """What the process has at a moment."""

    n_encodes: int
    n_loads: int
    with_freed: int  # resident memory before malloc_trim
    resident: int
    n_files: int
    n_threads: int


def measure(process: psutil.Process, n_encodes: int, n_loads: int) -> Point:
    """Return what the process has now."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    gc.collect()
    with_freed = process.memory_info().rss
    if trim is not None:
        trim(0)
    return Point(n_encodes, n_loads, with_freed, process.memory_info().rss, process.num_fds(), process.num_threads())


def points(files: Checkpoint, n_encodes: int, n_loads: int) -> Iterator[Point]:
    """Encode mixed inputs, and load, use and close a model in between; yield what the process has now and then."""
    process = psutil.Process()
    inputs = mixed(90)
    done = loads = 0
    with jina_omni.Model(files.text, files.combined, n_threads=2) as model:
        for step in range(N_POINTS):
            while done < n_encodes * (step + 1) // N_POINTS:
                model.encode(inputs[done % len(inputs)])
                done += 1
            while loads < n_loads * (step + 1) // N_POINTS:
                with jina_omni.Model(files.text, files.combined, n_threads=2) as other:
                    other.encode("a text")
                loads += 1
            yield measure(process, done, loads)


def check(taken: list[Point]) -> None:
    """Compare the means of the second tenth and of the last one, since single moments differ by what is in use.

    Raises
    ------
    AssertionError
        The process has more of something.
    """
    early, late = taken[len(taken) // 10 : len(taken) // 5], taken[-len(taken) // 10 :]
    print(
        f"{taken[-1].n_encodes:,} encodes, {taken[-1].n_loads:,} loads: files {early[0].n_files} to "
        f"{late[-1].n_files}, threads {early[0].n_threads} to {late[-1].n_threads}"
    )
    for name in ("with_freed", "resident"):
        before, after = (sum(getattr(point, name) for point in some) / len(some) for some in (early, late))
        growth = after / before - 1
        print(f"{name}: {before / 2**20:.1f} MiB to {after / 2**20:.1f} MiB ({growth:+.2%})")
        assert growth < TOLERANCE, name
    # The fewest: threads that read ahead may still be ending when a call returns.
    assert min(point.n_files for point in late) <= min(point.n_files for point in early)
    assert min(point.n_threads for point in late) <= min(point.n_threads for point in early)


def plot(taken: list[Point], path: Path) -> None:
    """Draw memory, files and threads over the calls."""
    import matplotlib.pyplot as plt

    figure, (memory, counts) = plt.subplots(2, sharex=True, figsize=(8, 5))
    calls = [point.n_encodes for point in taken]
    memory.plot(calls, [point.with_freed / 2**20 for point in taken], label="resident")
    memory.plot(calls, [point.resident / 2**20 for point in taken], label="without what was freed")
    memory.set(ylabel="MiB", ylim=(0, None))
    memory.legend()
    counts.plot(calls, [point.n_files for point in taken], label="open files")
    counts.plot(calls, [point.n_threads for point in taken], label="threads")
    counts.set(xlabel="encodes", ylim=(0, None))
    counts.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encodes", type=int, default=100_000)
    parser.add_argument("--loads", type=int, default=1_000)
    parser.add_argument("--csv", type=Path, default=Path("soak.csv"))
    parser.add_argument("--plot", type=Path, help="write a plot there, by matplotlib")
    args = parser.parse_args()
    taken: list[Point] = []
    with tempfile.TemporaryDirectory() as folder, args.csv.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Point._fields)
        for point in points(small_pictures.write(Path(folder), "small"), args.encodes, args.loads):
            writer.writerow(point)
            file.flush()
            taken.append(point)
    if args.plot:
        plot(taken, args.plot)
    check(taken)


if __name__ == "__main__":
    main()
