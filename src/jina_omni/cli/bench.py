# SPDX-License-Identifier: Apache-2.0
"""``jina-omni bench``."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import numpy as np

from jina_omni.cli.model_choice import ModelChoice, open_model
from jina_omni.cli.options import add_model_options
from jina_omni.inputs import Part, Text
from jina_omni.media.audio import Audio
from jina_omni.media.image import Image
from jina_omni.model import Model

HELP = "Measure how fast a model is on this machine."
EXAMPLES = """\
examples:
  jina-omni bench --model small-retrieval
  jina-omni bench --model text.gguf --mmproj vision-mmproj.gguf audio-mmproj.gguf --threads 4
  JINA_OMNI_INSTRUCTION_SET=avx2 jina-omni bench --model model/

Each line is the median of several calls. Other work on the machine slows them down. The inputs are synthetic: their
content does not affect the time.
"""

_MIN_SECONDS = 2.0  # of all calls of a workload together
_MIN_CALLS = 5
_SAMPLING_RATE = 16_000  # Hz, that of the models


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line for each workload that the model takes."""
    with open_model(ModelChoice.from_options(args), args, None) as model:
        print(model.info, end="\n\n")
        print(f"{'work':<28}{'median':>10}  rate")
        for name, inputs, unit in _make_workloads(model):
            seconds = _measure_median(model, inputs)
            amount = len(inputs) if unit == "inputs" else sum(model.count_tokens(inputs))
            print(f"{name:<28}{seconds * 1000:>7.1f} ms  {amount / seconds:.1f} {unit}/s", flush=True)
    return 0


def _make_workloads(model: Model) -> Iterator[tuple[str, list[Part], str]]:
    """Yield the name of each workload, its inputs, and the unit of its rate."""
    rng = np.random.default_rng(0)
    yield "a query of 10 words", [Text(_make_text(rng, 10))], "inputs"
    yield "32 texts of 20 words", [Text(_make_text(rng, 20)) for _ in range(32)], "inputs"
    yield "a text of 300 words", [Text(_make_text(rng, 300))], "tokens"
    if "image" in model.info.modalities:
        yield "an image of 512 x 512", [Image(rng.integers(0, 256, (512, 512, 3), np.uint8))], "inputs"
    if "audio" in model.info.modalities:
        noise = rng.uniform(-0.1, 0.1, 10 * _SAMPLING_RATE).astype(np.float32)
        yield "a sound of 10 s", [Audio(noise, sampling_rate=_SAMPLING_RATE)], "inputs"


def _make_text(rng: np.random.Generator, n_words: int) -> str:
    """Return a text of common words; the published vocabularies have a token for each of them."""
    return " ".join(rng.choice(["cat", "house", "river", "green", "seven", "quick", "music", "paper"], n_words))


def _measure_median(model: Model, inputs: list[Part]) -> float:
    """Return the median of the seconds that a call takes."""
    model.encode(inputs)  # reads the pages of the model's file and allocates memory
    times: list[float] = []
    while len(times) < _MIN_CALLS or sum(times) < _MIN_SECONDS:
        start = time.perf_counter()
        model.encode(inputs)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
