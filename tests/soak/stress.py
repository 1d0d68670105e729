"""Calls, cancels, errors, closes and forks at random lose nothing and hang nowhere: ``python -m tests.soak.stress``.

All threads end now and then, all models are closed, and what the process has is measured as in `tests.soak.soak`. At
the end an idle model must take no processor time.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import jina_omni
from testing.checkpoints.writer import Checkpoint
from tests.native import small_pictures
from tests.soak import soak
from tests.soak.inputs import mixed

N_WORKERS = 8
N_MODELS = 2
N_PHASES = 20
TOLERANCE = 0.05  # of resident memory
PATIENCE = 120.0  # seconds; a call or a child that takes longer hangs
IDLE = 5.0  # seconds
M_ARENA_MAX = -8  # of glibc's malloc.h
DAMAGED = (b"no picture", jina_omni.Image(b"no picture"), Path("missing.png"), "")


class Stress:
    """Models that threads use, close and open again, and what became of the calls."""

    def __init__(self, files: Checkpoint, seed: int, *, with_pages: bool) -> None:
        self.inputs = mixed(27, with_pages=with_pages)
        self.seed = seed
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[object] = []
        self._files = files
        self._models: list[jina_omni.Model] = []
        with self.open() as model:
            self._expected = [model.encode(one) for one in self.inputs]
        self._counting = threading.Lock()
        self._began: dict[int, float] = {}  # when each worker's present call began

    def open(self) -> jina_omni.Model:
        return jina_omni.Model(self._files.text, self._files.combined, n_threads=random.Random(self.seed).randint(1, 3))

    def count(self, what: str) -> None:
        with self._counting:
            self.counts[what] += 1

    def run(self, seconds: float) -> None:
        """Let the threads live for a while; afterwards none of them is left, nor a model."""
        self.seed += 1  # other calls each time
        self._models = [self.open() for _ in range(N_MODELS)]
        end = time.monotonic() + seconds
        jobs: list[Callable[[random.Random], None]] = [self._call] * N_WORKERS + [self._reopen]
        if hasattr(os, "fork"):
            jobs.append(self._fork)
        threads = [threading.Thread(target=self._repeat, args=(i, job, end)) for i, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            began = [moment for moment in list(self._began.values()) if moment]
            if began and time.monotonic() - min(began) > PATIENCE:
                raise AssertionError(f"a call hangs; {dict(self.counts)}")
        assert not self.wrong, self.wrong
        for model in self._models:
            model.close()
        self._models = []
        ends = ("right", "cancelled", "closed", "refused")
        assert self.counts["calls"] == sum(self.counts[end] for end in ends), dict(self.counts)

    def _repeat(self, number: int, job: Callable[[random.Random], None], end: float) -> None:
        rng = random.Random(1000 * self.seed + number)
        try:
            while time.monotonic() < end and not self.wrong:
                self._began[number] = time.monotonic()
                job(rng)
                self._began[number] = 0.0
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self.wrong.append(error)
        finally:
            self._began[number] = 0.0

    def _call(self, rng: random.Random) -> None:
        model = rng.choice(self._models)
        options: dict[str, Any] = {"priority": rng.choice((None, "interactive", "background"))}
        timer: threading.Timer | None = None
        if rng.random() < 0.25:
            options["cancel"] = token = jina_omni.CancelToken()
            timer = threading.Timer(rng.choice((0.0, rng.random() * 0.2)), token.cancel)
            timer.start()
        i = rng.randrange(len(self.inputs))
        is_damaged = rng.random() < 0.1
        self.count("calls")
        try:
            found = model.encode(rng.choice(DAMAGED) if is_damaged else self.inputs[i], **options)
        except jina_omni.Cancelled:
            assert timer is not None
            self.count("cancelled")
        except jina_omni.ClosedError:
            self.count("closed")
        except (jina_omni.InputError, TypeError):
            assert is_damaged
            self.count("refused")
        else:
            assert not is_damaged
            assert np.array_equal(found, self._expected[i]), f"input {i}"
            self.count("right")
        if timer is not None:
            timer.join()

    def _reopen(self, rng: random.Random) -> None:
        time.sleep(rng.random())
        i = rng.randrange(N_MODELS)
        closed, self._models[i] = self._models[i], self.open()
        closed.close()
        self.count("reopened")

    def _fork(self, rng: random.Random) -> None:
        time.sleep(rng.random())
        model = rng.choice(self._models)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about threads and fork
            child = os.fork()
        if child == 0:
            self._end_child(model, closes=rng.random() < 0.5)
        end = time.monotonic() + PATIENCE / 2
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.01)
        assert ended == (child, 0), f"a child ended with {ended[1]}"
        self.count("children")

    @staticmethod
    def _end_child(model: jina_omni.Model, *, closes: bool) -> None:
        """Exit with 0 after the error that a forked child must get."""
        status = 1
        try:
            try:
                model.encode("a text")
            except jina_omni.NativeError as error:
                status = 0 if "fork" in str(error) else 2
            except jina_omni.ClosedError:
                status = 0
            if closes:
                model.close()
        finally:
            os._exit(status)


def check(taken: list[soak.Point]) -> None:
    """Compare the means of the second quarter and of the last one; caches fill in the first.

    Raises
    ------
    AssertionError
        The process has more of something.
    """
    quarter = len(taken) // 4
    early, late = taken[quarter : 2 * quarter], taken[-quarter:]
    print(f"resident memory in MiB: {', '.join(str(point.resident >> 20) for point in taken)}")
    before, after = (sum(point.resident for point in some) / quarter for some in (early, late))
    assert after / before - 1 < TOLERANCE
    for name in ("n_files", "n_threads"):  # the fewest: threads that read ahead may still be ending when a call returns
        assert min(getattr(point, name) for point in late) <= min(getattr(point, name) for point in early), name


def idle_time(files: Checkpoint) -> float:
    """Return the processor time in seconds that a model takes in `IDLE` seconds without a call."""
    with jina_omni.Model(files.text, files.combined, n_threads=2) as model:
        threads = [threading.Thread(target=model.encode, args=(f"text {i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.5)
        before = time.process_time()
        time.sleep(IDLE)
        return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if sys.platform == "linux":
        # Each of glibc's arenas, of which threads make many, keeps the most that it ever had: they fill for long.
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    process = psutil.Process()
    taken: list[soak.Point] = []
    with tempfile.TemporaryDirectory() as folder:
        files = small_pictures.write(Path(folder), "small")
        stress = Stress(files, args.seed, with_pages=True)
        for _ in range(N_PHASES):
            stress.run(60 * args.minutes / N_PHASES)
            taken.append(soak.measure(process, stress.counts["calls"], stress.counts["reopened"]))
        print(", ".join(f"{n:,} {what}" for what, n in stress.counts.items()))
        took = idle_time(files)
        print(f"an idle model takes {1000 * took:.1f} ms of processor time in {IDLE:g} s")
        assert took < 0.01 * IDLE
        check(taken)


if __name__ == "__main__":
    sys.exit(main())
