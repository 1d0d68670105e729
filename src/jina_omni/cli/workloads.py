# SPDX-License-Identifier: Apache-2.0
"""The workloads of ``jina-omni bench``, and what a call of one takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jina_omni.inputs import Part, Text
from jina_omni.media.audio import Audio
from jina_omni.media.image import Image
from jina_omni.model import Model

__all__ = ["Measurement", "Workload", "make_text", "make_workloads", "measure"]

_SAMPLING_RATE = 16_000  # Hz, that of the models


@dataclass(frozen=True)
class Workload:
    """Inputs of one call.

    Attributes
    ----------
    name : str
    inputs : list of parts
    unit : {"inputs", "tokens"}
        Of its rate.
    """

    name: str
    inputs: list[Part]
    unit: str

    def count(self, model: Model) -> int:
        """Return how many of its unit it has."""
        return len(self.inputs) if self.unit == "inputs" else sum(model.count_tokens(self.inputs))


@dataclass(frozen=True)
class Measurement:
    """Several calls of one workload.

    Attributes
    ----------
    seconds : list of float
        Of each call.
    multiply_adds : dict of str to float
        Of the linear layers in one call, by product.
    weight_bytes : float
        Of their weights, each layer counted once for a forward pass.
    """

    seconds: list[float]
    multiply_adds: dict[str, float]
    weight_bytes: float

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)


def make_workloads(model: Model) -> Iterator[Workload]:
    """Yield the workloads that a model takes: one query, short texts, one long text, then media."""
    rng = np.random.default_rng(0)
    yield Workload("a query of 10 words", [Text(make_text(rng, 10))], "inputs")
    yield Workload("32 texts of 20 words", [Text(make_text(rng, 20)) for _ in range(32)], "inputs")
    yield Workload("a text of 300 words", [Text(make_text(rng, 300))], "tokens")
    if "image" in model.info.modalities:
        yield Workload("an image of 512 x 512", [Image(rng.integers(0, 256, (512, 512, 3), np.uint8))], "inputs")
    if "audio" in model.info.modalities:
        noise = rng.uniform(-0.1, 0.1, 10 * _SAMPLING_RATE).astype(np.float32)
        yield Workload("a sound of 10 s", [Audio(noise, sampling_rate=_SAMPLING_RATE)], "inputs")


def measure(model: Model, inputs: list[Part], *, min_calls: int, min_seconds: float) -> Measurement:
    """Measure calls until there are enough of them, and they took long enough together."""
    context = model._replicas.first.context  # noqa: SLF001 - its counts are for this command alone
    model.encode(inputs)  # reads the pages of the model's file and allocates memory
    counts, weight_bytes = context.count_multiply_adds(), context.count_weight_bytes()
    seconds: list[float] = []
    while len(seconds) < min_calls or sum(seconds) < min_seconds:
        start = time.perf_counter()
        model.encode(inputs)
        seconds.append(time.perf_counter() - start)
    n = len(seconds)
    multiply_adds = {name: (count - counts[name]) / n for name, count in context.count_multiply_adds().items()}
    return Measurement(seconds, multiply_adds, (context.count_weight_bytes() - weight_bytes) / n)


def make_text(rng: np.random.Generator, n_words: int) -> str:
    """Return a text of common words; the published vocabularies have a token for each of them."""
    return " ".join(rng.choice(["cat", "house", "river", "green", "seven", "quick", "music", "paper"], n_words))
