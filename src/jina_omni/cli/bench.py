# SPDX-License-Identifier: Apache-2.0
"""``jina-omni bench``."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import numpy as np

from jina_omni.cli.options import Choice, add_model_options, open_model
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

Each row is the median of several calls; other work on the machine slows them. Inputs are made up: what they hold does
not matter to the time.
"""

_SECONDS = 2.0  # that a row is measured, at least
_MIN_CALLS = 5
_SAMPLING_RATE = 16_000  # Hz, of the models' own


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print a row for each kind of work that the model does."""
    with open_model(Choice.from_options(args), args, None) as model:
        print(model.info, end="\n\n")
        print(f"{'work':<28}{'median':>10}  rate")
        for name, inputs, unit in _works(model):
            seconds = _median(model, inputs)
            amount = len(inputs) if unit == "inputs" else sum(model.count_tokens(inputs))
            print(f"{name:<28}{seconds * 1000:>7.1f} ms  {amount / seconds:.1f} {unit}/s", flush=True)
    return 0


def _works(model: Model) -> Iterator[tuple[str, list[Part], str]]:
    """Yield the works' names, their inputs, and what their rate counts."""
    rng = np.random.default_rng(0)
    yield "a query of 10 words", [Text(_words(rng, 10))], "inputs"
    yield "32 texts of 20 words", [Text(_words(rng, 20)) for _ in range(32)], "inputs"
    yield "a text of 300 words", [Text(_words(rng, 300))], "tokens"
    if "image" in model.info.modalities:
        yield "a picture of 512 x 512", [Image(rng.integers(0, 256, (512, 512, 3), np.uint8))], "inputs"
    if "audio" in model.info.modalities:
        noise = rng.uniform(-0.1, 0.1, 10 * _SAMPLING_RATE).astype(np.float32)
        yield "a sound of 10 s", [Audio(noise, sampling_rate=_SAMPLING_RATE)], "inputs"


def _words(rng: np.random.Generator, n: int) -> str:
    """Return text of so many common words; the published vocabularies have a token for each."""
    return " ".join(rng.choice(["cat", "house", "river", "green", "seven", "quick", "music", "paper"], n))


def _median(model: Model, inputs: list[Part]) -> float:
    """Return the median seconds of a call."""
    model.encode(inputs)  # pages of the file, and memory
    times: list[float] = []
    while len(times) < _MIN_CALLS or sum(times) < _SECONDS:
        start = time.perf_counter()
        model.encode(inputs)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
