"""Weights that are packed in memory: the vectors, the memory, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jina_omni import Audio, Image, Model
from jina_omni.native import Context, Projector, TextModel, find_device, instruction_sets
from testing.checkpoints.writer import Checkpoint
from tests.native.sequences import pooled
from tests.native.weight_types import TYPES

CPU = find_device("cpu")
SEQUENCES = [[np.random.default_rng(n).integers(0, 2000, n).tolist()] for n in (1, 2, 7, 12, 31, 64, 130, 600)]
PACKED_FOR = {"F16": "int16", "Q8_0": "int8", "Q6_K": "int8", "Q4_K_M": "int8"}
"""The types whose matrices are packed, each with the product that they are packed for."""

PICTURE = Image(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8))
SOUND = Audio(np.random.default_rng(0).uniform(-0.5, 0.5, 40_000).astype(np.float32), sampling_rate=16_000)


@pytest.fixture(scope="module", params=instruction_sets())
def context(request: pytest.FixtureRequest) -> Iterator[Context]:
    context = Context(CPU, 2, instruction_set=request.param)
    yield context
    context.close()


@pytest.mark.parametrize("weight_type", TYPES)
def test_packed_weights_give_the_same_bits(context: Context, quantized: dict[str, Path], weight_type: str) -> None:
    text = TextModel(quantized[weight_type], CPU)
    of_file = pooled(context, text, SEQUENCES)
    n_bytes = context.pack(text)
    if PACKED_FOR.get(weight_type) in context.count_multiply_adds():
        assert n_bytes > 0
    assert np.array_equal(pooled(context, text, SEQUENCES), of_file)
    assert np.array_equal(np.concatenate([pooled(context, text, [s]) for s in SEQUENCES]), of_file)


def test_the_file_stays_for_a_context_that_computes_otherwise(quantized: dict[str, Path]) -> None:
    fast, exact = Context(CPU, 2), Context(CPU, 2, exact=True)
    text = TextModel(quantized["Q8_0"], CPU)
    expected = pooled(exact, text, SEQUENCES)
    assert exact.pack(text) == 0
    fast.pack(text)
    assert np.array_equal(pooled(exact, text, SEQUENCES), expected)
    portable = Context(CPU, 2, portable=True)
    assert portable.pack(text) == 0
    assert pooled(portable, text, SEQUENCES).shape == expected.shape


def test_a_model_packs_all_its_towers(small: Checkpoint) -> None:
    inputs = ["a cat", PICTURE, SOUND, ["a caption", PICTURE]]
    with Model(small.text, [small.vision, small.audio], n_threads=2) as model:
        expected = model.encode(inputs)
        assert model.info.packed_bytes == 0
    with Model(small.text, n_threads=2, pack=True) as text_alone:
        n_text = text_alone.info.packed_bytes
    for projectors in ([small.vision, small.audio], [small.combined]):
        with Model(small.text, projectors, n_threads=2, pack=True) as model:
            assert model.info.packed_bytes > n_text > 0
            assert np.array_equal(model.encode(inputs), expected)
            with pickle.loads(pickle.dumps(model)) as again:
                assert again.info.packed_bytes == model.info.packed_bytes


def test_packing_goes_with_fast_computing_alone(small: Checkpoint) -> None:
    with pytest.raises(ValueError, match=r"pack=True packs weights for compute='fast', but compute is 'exact'"):
        Model(small.text, pack=True, compute="exact")


def test_pack_takes_true_or_false(small: Checkpoint) -> None:
    with pytest.raises(TypeError, match=r"^pack is 'no'; it takes True or False$"):
        Model(small.text, pack="no")  # type: ignore[arg-type]  # what is tested


def test_what_another_context_packed_is_given_up_for_this_one(quantized: dict[str, Path]) -> None:
    """The products of another instruction set may pack fewer of the matrices."""
    text = TextModel(quantized["F16"], CPU)
    contexts = [Context(CPU, 2, instruction_set=name) for name in instruction_sets()]
    expected = [pooled(context, text, SEQUENCES) for context in contexts]
    for _ in range(2):
        for packing in contexts:
            packing.pack(text)
            for context, vectors in zip(contexts, expected, strict=True):
                assert np.array_equal(pooled(context, text, SEQUENCES), vectors)


def test_packing_takes_a_model_file(small: Checkpoint) -> None:
    context = Context(CPU, 1)
    with pytest.raises(TypeError, match=r"file is .*expected a ModelFile"):
        context.pack(small.text)  # type: ignore[arg-type]  # what is tested
    projector = Projector(small.vision, CPU)
    assert context.pack(projector) == context.pack(projector) > 0
