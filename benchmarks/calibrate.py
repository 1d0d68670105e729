"""Finds an engine's best settings for one file and one kind of input, by trying, and remembers them beside the file."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare import Engine, Side
from benchmarks.engines import Tokens
from benchmarks.report import cpu
from benchmarks.settings import Settings

# The number of fastest settings that run once more in turn, since the load of the machine changes by the minute.
_FINALISTS = 4


@dataclass(frozen=True)
class Tuning:
    """An engine whose best settings are found by trying.

    Attributes
    ----------
    name
        What the report calls it.
    make
        Makes the engine.
    settings
        The class of its settings.
    """

    name: str
    make: Callable[..., Engine]
    settings: type[Settings]


@dataclass(frozen=True)
class Conditions:
    """What settings are the best for.

    Attributes
    ----------
    ftype
        The type of our text file.
    path
        The file that the engine reads, or is made of.
    n_threads
        Its threads.
    passive
        Whether processor time is measured, so that waiting threads have to sleep.
    """

    ftype: str
    path: Path
    n_threads: int
    passive: bool

    def arguments(self) -> dict[str, Any]:
        """Return what every `Side` of them takes."""
        cpu_of_threads = self.n_threads if self.passive else None
        return {"path": self.path, "n_threads": self.n_threads, "cpu_of_threads": cpu_of_threads}


def _seconds(
    tuning: Tuning, conditions: Conditions, candidates: Sequence[Settings], sample: Tokens, repeats: int
) -> list[float]:
    lengths = [len(ids) for ids in sample]
    seconds: list[list[float]] = [[] for _ in candidates]
    with ExitStack() as stack:
        sides = [
            stack.enter_context(Side(tuning.name, tuning.make, **conditions.arguments(), **settings.arguments(lengths)))
            for settings in candidates
        ]
        for side in sides:
            side.run(sample[:1])
        for _ in range(repeats):
            for taken, side in zip(seconds, sides, strict=True):
                taken.append(side.run(sample)[0])
    return [statistics.median(taken) for taken in seconds]


def calibrate(tuning: Tuning, conditions: Conditions, sample: Tokens, repeats: int = 3) -> Settings:
    """Return the fastest settings that were tried, and print all that were.

    Parameters
    ----------
    tuning
        The engine.
    conditions
        The file, the threads and the clock.
    sample
        Token ids: a part of the row's input that has its mixture of lengths.
    repeats
        Timings of which the median counts.

    Returns
    -------
    Settings
        The best ones.
    """
    n_tokens = sum(len(ids) for ids in sample)
    lengths = [len(ids) for ids in sample]
    tried: dict[Settings, float] = {}

    def time(candidates: Sequence[Settings]) -> None:
        taken = _seconds(tuning, conditions, candidates, sample, repeats)
        for settings, seconds in zip(candidates, taken, strict=True):
            tried[settings] = seconds
            print(f"    {n_tokens / seconds:8.1f} tokens/s  {settings}", flush=True)

    given = {"passive": conditions.passive}
    best = tuning.settings.first(conditions.ftype, lengths, **given)
    time([best])
    for knob in tuning.settings.knobs(conditions.ftype, **given):
        for change in knob:
            settings = best.change(change, lengths)
            if settings is not None and settings not in tried:
                time([settings])
        best = min(tried, key=tried.__getitem__)
    print("    the fastest in turn:", flush=True)
    finalists = sorted(tried, key=tried.__getitem__)[:_FINALISTS]
    time(finalists)
    return min(finalists, key=tried.__getitem__)


class Memory:
    """The settings that were found before, in ``calibration.json`` beside the model files; delete it to forget them.

    Parameters
    ----------
    tuning, conditions
        As in `calibrate`. Settings are remembered for the machine and for these.
    """

    def __init__(self, tuning: Tuning, conditions: Conditions) -> None:
        self._settings = tuning.settings
        self._file = conditions.path.with_name("calibration.json")
        clock = "cpu" if conditions.passive else "wall"
        what = f"{conditions.path.name} for {conditions.ftype}, {conditions.n_threads} threads, {clock} time"
        self._key = f"{platform.node()}, {cpu()}, {tuning.name}, {what}"

    def find(self, row: str, repeats: int = 1) -> Settings | None:
        """Return the settings for a row that were found with at least so many repeats, or None."""
        found = self._all().get(f"{self._key}, {row}")
        return self._settings(**found["settings"]) if found and found["repeats"] >= repeats else None

    def keep(self, row: str, repeats: int, settings: Settings) -> None:
        """Remember settings."""
        known = self._all() | {f"{self._key}, {row}": {"repeats": repeats, "settings": asdict(settings)}}
        self._file.write_text(json.dumps(known, indent=1) + "\n")

    def _all(self) -> dict[str, Any]:
        return json.loads(self._file.read_text()) if self._file.exists() else {}
