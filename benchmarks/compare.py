"""Sides in processes of their own that run in turn, and their results."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import resource
import statistics
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

# Thread pools spin for a while after their last work, which would slow down the next side.
_PAUSE = 0.3


class Engine(Protocol):
    """What runs in a side's process. One that works in a child process has its `pid`, and a `close` that ends it."""

    def run(self, work: Any) -> Any:
        """Do the work once and return the embeddings."""


def peak_mib(pid: int | None = None) -> float:
    """Return the most resident memory that this process, or `pid`, has had, in MiB, mapped files included."""
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        # not ru_maxrss: on Linux it begins with what the parent had when it started this process
        kib = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kib.split()[1]) / 1024
    return math.nan if pid else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _serve(
    pipe: Connection, make: Callable[..., Engine], arguments: dict[str, Any], cpu_of_threads: int | None
) -> None:
    def now() -> float:
        return time.process_time() / cpu_of_threads if cpu_of_threads else time.perf_counter()

    engine: Any = None
    try:
        start = time.perf_counter()
        engine = make(**arguments)
        pipe.send(("ready", time.perf_counter() - start))
        while (work := pipe.recv()) is not None:
            start = now()
            result = engine.run(work)
            pipe.send(("done", (now() - start, peak_mib(getattr(engine, "pid", None)), result)))
    except EOFError:
        pass  # the parent has ended
    except Exception:  # noqa: BLE001 - it is raised again in the parent
        pipe.send(("failed", traceback.format_exc()))
    finally:
        if hasattr(engine, "close"):
            engine.close()


class Side:
    """An engine in a process of its own.

    Parameters
    ----------
    name
        What the report calls it.
    make
        Makes the engine there; must be importable.
    cpu_of_threads
        Measure processor time over this many threads instead of wall time, with OpenMP's threads asleep while they
        wait: what the wall time would be on a machine that nobody else uses, if no thread ever waited for another.
    timeout_s
        Seconds that making the engine, and each turn of it, may take before its process is ended.
    arguments
        The engine's keyword arguments.
    """

    def __init__(
        self,
        name: str,
        make: Callable[..., Engine],
        *,
        cpu_of_threads: int | None = None,
        timeout_s: float | None = None,
        **arguments: Any,
    ) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self.peak_mib = 0.0
        if cpu_of_threads:
            # A child process begins with this environment; a spinning thread would count as a working one. LLVM's and
            # Intel's OpenMP take the second before the first, and ggml makes it 200 ms where it is unset.
            os.environ |= {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments, cpu_of_threads), daemon=True)
        self._process.start()
        theirs.close()
        self.load_s: float = self._receive("ready")

    def run(self, work: Any) -> tuple[float, Any]:
        """Do the work once.

        Returns
        -------
        seconds : float
            As the process itself measured it, on the clock of `cpu_of_threads`.
        result
            What the engine returned.
        """
        with contextlib.suppress(BrokenPipeError):  # the answer is then that the process has ended
            self._pipe.send(work)
        seconds, self.peak_mib, result = self._receive("done")
        return seconds, result

    def _receive(self, wanted: str) -> Any:
        if not self._pipe.poll(self._timeout_s):
            self._end(now=True)
            raise RuntimeError(f"{self.name}: no answer within {self._timeout_s:g} s")
        try:
            kind, value = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"{self.name}: its process ended with status {self._process.exitcode}") from None
        if kind != wanted:
            raise RuntimeError(f"{self.name}:\n{value}")
        return value

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(None)
        self._end()

    def _end(self, *, now: bool = False) -> None:
        self._process.join(0 if now else self._timeout_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Side:  # noqa: PYI034 - typing.Self is newer than the oldest Python here
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class Spread:
    """Median, least and most of some figures."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of `values`."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        digits = 1 if self.median >= 100 else 2 if self.median >= 1 else 4
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}..{self.most:.{digits}f})"


@dataclass
class Result:
    """One side of one row.

    Attributes
    ----------
    rate
        Units per second.
    ratio
        The first side's speed over this one's, turn by turn; above 1 the first side is faster.
    cosine
        The least cosine between an embedding of the first side and this one's; None where they don't compare.
    accuracy
        The least cosine between an embedding of the reference and this side's; None without one.
    """

    row: str
    side: str
    unit: str
    seconds: Spread
    rate: Spread
    ratio: Spread
    cosine: float | None
    accuracy: float | None
    load_s: float
    peak_mib: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return asdict(self)


def least_cosine(a: Any, b: Any) -> float:
    """Return the least cosine between rows of two arrays."""
    import numpy as np

    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    dots = (a * b).sum(axis=1)
    return float((dots / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def take_turns(
    sides: Sequence[Side], work: Any, repeats: int, *, pause: float = _PAUSE, until: float = math.inf
) -> list[list[float]]:
    """Run the sides in turn (A B A B ...).

    Parameters
    ----------
    sides
        They have run before.
    work
        Goes to every side as it is.
    repeats
        Turns of each.
    pause
        Seconds before each turn.
    until
        A time of `time.monotonic`, after which each side that has had one turn gets no other.

    Returns
    -------
    list of list of float
        The seconds of the turns, by side.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    for turn in range(repeats):
        if turn > 0 and time.monotonic() > until:
            break
        for taken, side in zip(seconds, sides, strict=True):
            time.sleep(pause)
            taken.append(side.run(work)[0])
    return seconds


def compare(
    row: str,
    sides: Sequence[Side],
    work: Any,
    amount: float,
    unit: str,
    repeats: int,
    *,
    comparable: bool = True,
    reference: Any = None,
    pause: float = _PAUSE,
    until: float = math.inf,
) -> list[Result]:
    """Run the sides in turn (A B A B ...) after one turn that isn't counted.

    Parameters
    ----------
    row
        What the report calls the work.
    sides
        The first is the one that the others are compared with.
    work
        Goes to every side as it is.
    amount
        How many units the work is.
    unit
        Their name.
    repeats
        Turns that count.
    comparable
        Whether the sides compute the same, so that the cosine between what they return says something.
    reference
        The embeddings that all sides approximate, if there are any.
    pause, until
        As in `take_turns`.

    Returns
    -------
    list of Result
        One per side.
    """
    outputs = [side.run(work)[1] for side in sides]
    seconds = take_turns(sides, work, repeats, pause=pause, until=until)
    return [
        Result(
            row,
            side.name,
            unit,
            Spread.of(taken),
            Spread.of([amount / s for s in taken]),
            # other work on the machine slows down neighbouring turns alike, so the ratio is taken turn by turn
            Spread.of([s / first for s, first in zip(taken, seconds[0], strict=True)]),
            least_cosine(outputs[0], output) if comparable else None,
            None if reference is None else least_cosine(reference, output),
            side.load_s,
            side.peak_mib,
        )
        for side, taken, output in zip(sides, seconds, outputs, strict=True)
    ]
