# SPDX-License-Identifier: Apache-2.0
"""The settings of the CPU that ``jina-omni bench`` tries: numbers of threads, and instruction sets."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.cli.machine import Setting, measure_peak
from jina_omni.cli.workloads import make_text
from jina_omni.info import ModelInfo
from jina_omni.native import Context, TextModel, find_device, instruction_sets, usable_cpus

__all__ = ["Trials", "advise", "try_settings"]

T = TypeVar("T", bound=Hashable)

_ROUNDS = 3  # each tries the settings in turn, so that other work on the machine meets none of them alone
_SECONDS = 0.2  # in a round, for the calls of one input; there is at least one
_HOPELESS = 1.5  # times as slow as the fastest: not tried again
_WORTH_IT = 1.05  # times as fast as the default, since two runs of one setting differ by a few percent


@dataclass(frozen=True)
class Trials:
    """The least seconds that a query and a long text took, by setting.

    Attributes
    ----------
    query, text : dict of Setting to float
    text_at_peak : dict of Setting to float
        What the multiply-adds of its linear layers would take at the peak. A setting is missing in `text` where
        another was faster than that.
    n_text_tokens : int
    """

    query: dict[Setting, float]
    text: dict[Setting, float]
    text_at_peak: dict[Setting, float]
    n_text_tokens: int


def try_settings(info: ModelInfo, in_use: Setting) -> Trials:
    """Measure 1, 2, 4, ... threads up to all, and the other instruction sets, with the text tower alone.

    Parameters
    ----------
    info : ModelInfo
        Of a model on the CPU.
    in_use : Setting
    """
    device = find_device("cpu")
    rng = np.random.default_rng(0)
    with closing(TextModel(info.path, device)) as model:
        query, text = (model.tokenize(make_text(rng, n_words)) for n_words in (10, 300))
        trials = Trials({}, {}, {}, len(text))
        for _ in range(_ROUNDS):
            for setting in _list_settings(in_use):
                name, exact = setting.instruction_set, info.compute == "exact"
                with closing(Context(device, setting.n_threads, instruction_set=name, exact=exact)) as context:
                    _compute(context, model, query)  # starts the threads
                    if setting not in trials.text_at_peak:
                        at_peak = _compute_seconds_at_peak(setting, context.count_multiply_adds())
                        trials.text_at_peak[setting] = at_peak * len(text) / len(query)
                    if _may_be_fastest(setting, trials.query):
                        _try(context, model, query, setting, trials.query)
                    exceeds_peak = trials.text_at_peak[setting] > min(trials.text.values(), default=math.inf)
                    if _may_be_fastest(setting, trials.text) and not exceeds_peak:
                        _try(context, model, text, setting, trials.text)
    return trials


def advise(trials: Trials, in_use: Setting) -> str:
    """Return in one sentence which settings to take."""
    query, text = (_describe_fastest(seconds, in_use) for seconds in (trials.query, trials.text))
    if query == text:
        return f"Take {query}, for queries and for long texts."
    return f"Take {query} for queries, and {text} for long texts."


def _list_settings(in_use: Setting) -> list[Setting]:
    n_max = usable_cpus()
    counts = {1 << i for i in range(n_max.bit_length())} | {n_max, in_use.n_threads}
    others = [name for name in instruction_sets() if name != in_use.instruction_set]
    return [
        *(Setting(n, in_use.instruction_set) for n in sorted(counts)),
        *(Setting(in_use.n_threads, name) for name in others),
    ]


def _may_be_fastest(setting: Setting, seconds: Mapping[Setting, float]) -> bool:
    return setting not in seconds or seconds[setting] < _HOPELESS * min(seconds.values())


def _try(
    context: Context, model: TextModel, tokens: npt.NDArray[np.int32], setting: Setting, seconds: dict[Setting, float]
) -> None:
    """Compute an embedding again and again, and note the least seconds."""
    end = time.perf_counter() + _SECONDS
    while (start := time.perf_counter()) < end:
        _compute(context, model, tokens)
        seconds[setting] = min(seconds.get(setting, math.inf), time.perf_counter() - start)


def _compute(context: Context, model: TextModel, tokens: npt.NDArray[np.int32]) -> None:
    context.encode_sequences(model, tokens, np.array([len(tokens)], np.int32))


def _compute_seconds_at_peak(setting: Setting, multiply_adds: Mapping[str, int]) -> float:
    return sum(n / measure_peak(setting, product) for product, n in multiply_adds.items() if n)


def _describe_fastest(seconds: Mapping[Setting, float], in_use: Setting) -> str:
    default = Setting(usable_cpus(), instruction_sets()[0])
    by_threads = {s.n_threads: x for s, x in seconds.items() if s.instruction_set == in_use.instruction_set}
    by_name = {s.instruction_set: x for s, x in seconds.items() if s.n_threads == in_use.n_threads}
    n_threads, name = _choose(by_threads, default.n_threads), _choose(by_name, default.instruction_set)
    threads = [f"--threads {n_threads}"] * (n_threads != default.n_threads)
    names = [f"JINA_OMNI_INSTRUCTION_SET={name}"] * (name != default.instruction_set)
    return " and ".join(threads + names) or f"the defaults ({default})"


def _choose(seconds: Mapping[T, float], default: T) -> T:
    """Return the default, or what is faster by more than chance."""
    fastest = min(seconds, key=seconds.__getitem__)
    return fastest if seconds[fastest] * _WORTH_IT < seconds.get(default, math.inf) else default
