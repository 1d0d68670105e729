"""The kernels of every instruction set that this machine runs, beside each other and beside ggml's own operations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import jina_omni
from jina_omni.native import Context, Projector, TextModel, find_device, instruction_sets
from testing.checkpoints.numpy_reference import NumpyText
from testing.checkpoints.writer import Checkpoint
from tests.native.sequences import cosines, pooled
from tests.native.weight_types import TYPES

CPU = find_device("cpu")
SEQUENCES = [[np.random.default_rng(n).integers(0, 2000, n).tolist()] for n in (1, 2, 7, 12, 31, 64, 130, 600)]
# A mean of as many is a measure of rounding: that of a few depends on which values happen to round up.
MANY_SEQUENCES = [[np.random.default_rng(n).integers(0, 2000, 3 + n % 58).tolist()] for n in range(256)]
GRIDS = np.array([(1, 6, 10), (2, 8, 12)], np.int32)
PATCHES = np.random.default_rng(0).uniform(-1, 1, (60 + 192, 1536)).astype(np.float32)


@pytest.fixture(scope="module", params=instruction_sets())
def instruction_set(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def contexts(instruction_set: str) -> Iterator[dict[str, Context]]:
    found = {
        "fast": Context(CPU, 2, instruction_set=instruction_set),
        "exact": Context(CPU, 2, instruction_set=instruction_set, exact=True),
        "one thread": Context(CPU, 1, instruction_set=instruction_set),
        "best": Context(CPU, 2),
        "portable": Context(CPU, 2, portable=True),
    }
    yield found
    for context in found.values():
        context.close()


@cache
def expected(path: Path) -> NDArray[np.float32]:
    """Return the vectors of the dequantised weights."""
    reference = NumpyText(path)
    return np.stack([reference.embed(spans) for spans in SEQUENCES])


@pytest.mark.parametrize("weight_type", TYPES)
def test_every_instruction_set_gives_the_vectors_of_the_best(
    contexts: dict[str, Context], quantized: dict[str, Path], weight_type: str
) -> None:
    text = TextModel(quantized[weight_type], CPU)
    exact = pooled(contexts["exact"], text, SEQUENCES)
    assert cosines(exact, expected(quantized[weight_type])).min() > 0.99999
    # Where the last bit of a float differs, a value rounds to another of 8 bits now and then: no worse, not the same.
    best, fast, exact = (pooled(contexts[name], text, MANY_SEQUENCES) for name in ("best", "fast", "exact"))
    assert cosines(fast, exact).mean() > cosines(best, exact).mean() - 1e-4
    if weight_type == "F16":
        assert cosines(fast, exact).min() > 0.99999


@pytest.mark.parametrize("weight_type", TYPES)
def test_a_sequence_has_the_same_bits_alone_in_a_batch_and_on_any_threads(
    contexts: dict[str, Context], quantized: dict[str, Path], weight_type: str
) -> None:
    text = TextModel(quantized[weight_type], CPU)
    together = pooled(contexts["fast"], text, SEQUENCES)
    alone = np.concatenate([pooled(contexts["fast"], text, [sequence]) for sequence in SEQUENCES])
    assert np.array_equal(together, alone)
    assert np.array_equal(together, pooled(contexts["one thread"], text, SEQUENCES[::-1])[::-1])


def test_the_towers_of_every_instruction_set_are_those_of_other_backends(
    contexts: dict[str, Context], checkpoint: Checkpoint
) -> None:
    vision, audio = Projector(checkpoint.vision, CPU), Projector(checkpoint.audio, CPU)
    frames, lengths = np.random.default_rng(1).uniform(-1, 1, (520, audio.n_mel)), np.array([3, 217, 300])
    for name in ("fast", "one thread"):
        rows, theirs = (contexts[c].encode_patches(vision, PATCHES, GRIDS) for c in (name, "portable"))
        assert np.linalg.norm(rows - theirs) < 2e-3 * np.linalg.norm(theirs)
        rows, theirs = (contexts[c].encode_mel(audio, frames, lengths) for c in (name, "portable"))
        assert np.linalg.norm(rows - theirs) < 2e-3 * np.linalg.norm(theirs)


def test_the_environment_names_the_instruction_set(
    monkeypatch: pytest.MonkeyPatch, instruction_set: str, small: Checkpoint
) -> None:
    monkeypatch.setenv("JINA_OMNI_INSTRUCTION_SET", instruction_set.upper())
    with jina_omni.Model(small.text) as model:
        assert model.info.instruction_set == instruction_set


def test_an_unknown_instruction_set_is_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch, small: Checkpoint
) -> None:
    monkeypatch.setenv("JINA_OMNI_INSTRUCTION_SET", "mmx")
    with pytest.raises(jina_omni.ModelLoadError, match=f"'mmx'.*{instruction_sets()[0]}"):
        jina_omni.Model(small.text)
