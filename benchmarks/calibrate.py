"""Finds libllama's best settings for one file and one kind of input, by trying, and remembers them beside the file."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.compare import Side
from benchmarks.engines import LlamaSettings, LlamaText, Tokens
from benchmarks.report import cpu

# One after the other, each with the best of those before it. n_batch goes with n_ubatch: a larger one only makes the
# mask larger.
_KNOBS: Sequence[Sequence[dict[str, Any]]] = (
    ({"use_extra_bufts": False},),
    ({"kv_unified": False},),
    (
        {"n_batch": 128, "n_ubatch": 128},
        {"n_batch": 256, "n_ubatch": 256},
        {"n_batch": 1024, "n_ubatch": 1024},
        {"n_batch": 2048, "n_ubatch": 2048},
        {"n_batch": 2048, "n_ubatch": 256},
    ),
    ({"flash_attn": False},),
    ({"kv_unified": False},),
)

# The number of fastest settings that run once more in turn, since the load of the machine changes by the minute.
_FINALISTS = 4


def _seconds(common: dict[str, Any], candidates: Sequence[LlamaSettings], sample: Tokens, repeats: int) -> list[float]:
    lengths = [len(ids) for ids in sample]
    seconds: list[list[float]] = [[] for _ in candidates]
    with ExitStack() as stack:
        sides = [
            stack.enter_context(Side("libllama", LlamaText, **common, settings=settings, lengths=lengths))
            for settings in candidates
        ]
        for side in sides:
            side.run(sample[:1])
        for _ in range(repeats):
            for taken, side in zip(seconds, sides, strict=True):
                taken.append(side.run(sample)[0])
    return [statistics.median(taken) for taken in seconds]


def calibrate(common: dict[str, Any], sample: Tokens, repeats: int = 3) -> LlamaSettings:
    """Return the fastest settings that were tried, and print all that were.

    Parameters
    ----------
    common
        The file, the threads and the clock: arguments of `Side` for `LlamaText`.
    sample
        Token ids: a part of the row's input that has its mixture of lengths.
    repeats
        Timings of which the median counts.

    Returns
    -------
    LlamaSettings
        The best ones.
    """
    n_tokens = sum(len(ids) for ids in sample)
    longest = max(len(ids) for ids in sample)
    tried: dict[LlamaSettings, float] = {}

    def time(candidates: Sequence[LlamaSettings]) -> None:
        for settings, seconds in zip(candidates, _seconds(common, candidates, sample, repeats), strict=True):
            tried[settings] = seconds
            print(f"    {n_tokens / seconds:8.1f} tokens/s  {settings}", flush=True)

    best = LlamaSettings(n_batch=max(512, longest))
    time([best])
    for knob in _KNOBS:
        for change in knob:
            settings = replace(best, **change)
            settings = replace(settings, n_batch=max(settings.n_batch, longest))
            # a batch that holds the whole sample already can't get better by being larger
            if settings not in tried and not settings.n_batch > best.n_batch >= n_tokens:
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
    common
        As in `calibrate`. Settings are remembered for the machine, the file, the threads and the clock.
    """

    def __init__(self, common: dict[str, Any]) -> None:
        path: Path = common["path"]
        self._file = path.with_name("calibration.json")
        clock = "cpu" if common["cpu_of_threads"] else "wall"
        self._key = f"{platform.node()}, {cpu()}, {path.name}, {common['n_threads']} threads, {clock} time"

    def find(self, row: str, repeats: int = 1) -> LlamaSettings | None:
        """Return the settings for a row that were found with at least so many repeats, or None."""
        found = self._all().get(f"{self._key}, {row}")
        return LlamaSettings(**found["settings"]) if found and found["repeats"] >= repeats else None

    def keep(self, row: str, repeats: int, settings: LlamaSettings) -> None:
        """Remember settings."""
        known = self._all() | {f"{self._key}, {row}": {"repeats": repeats, "settings": asdict(settings)}}
        self._file.write_text(json.dumps(known, indent=1) + "\n")

    def _all(self) -> dict[str, Any]:
        return json.loads(self._file.read_text()) if self._file.exists() else {}
