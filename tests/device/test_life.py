"""What a device goes through besides computing: loads, calls that are cancelled or fail, and what is computed next."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import jina_omni
from jina_omni import Cancelled
from jina_omni.native import CancelToken, Context, Device, Priority, Projector, TextModel
from jina_omni.native.context import PRIORITIES
from testing.checkpoints.writer import Checkpoint
from tests.native.sequences import pooled
from tests.native.test_towers import random_sequences


def test_files_load_and_close_again_and_again(context: Context, device: Device, small: Checkpoint) -> None:
    sequences = random_sequences(7, (12,))
    first = None
    for _ in range(10):
        text = TextModel(small.text, device)
        vector = pooled(context, text, sequences)
        text.close()
        assert first is None or np.array_equal(vector, first)
        first = vector


def test_a_context_after_another(device: Device, small: Checkpoint) -> None:
    text = TextModel(small.text, device)
    vectors = []
    for _ in range(3):
        context = Context(device, 2, portable=device.is_cpu)
        vectors.append(pooled(context, text, random_sequences(7, (12,))))
        context.close()
    assert np.array_equal(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[2])


def test_graphs_that_are_kept_give_the_same_bits(device: Device, small: Checkpoint) -> None:
    """From its third pass on a shape takes the graph of the pass before, and fills only its inputs."""
    text, vision, audio = TextModel(small.text, device), Projector(small.vision, device), Projector(small.audio, device)
    rng = np.random.default_rng(5)

    def compute_all(context: Context, priority: Priority, values: list[NDArray[Any]]) -> list[NDArray[np.float32]]:
        tokens, patches, frames = values
        rows = np.empty((0, text.n_embd), np.float32)
        lengths, grids, clips = [np.array(shape, np.int32) for shape in ([len(tokens)], [(1, 8, 8)], [250])]
        return [
            context.encode_sequences(text, tokens, lengths, rows, priority=priority),
            context.encode_patches(vision, patches, grids, priority=priority),
            context.encode_mel(audio, frames, clips, priority=priority),
        ]

    kept = Context(device, 2, portable=device.is_cpu)
    for length in (9, 12, 16, 10, 14):  # which are padded to one shape
        tokens = rng.integers(0, 2000, length).astype(np.int32)
        values = [tokens, *(rng.uniform(-1, 1, shape).astype(np.float32) for shape in ((64, 1536), (250, 128)))]
        for priority in PRIORITIES:
            fresh = Context(device, 2, portable=device.is_cpu)
            for found, expected in zip(
                compute_all(kept, priority, values), compute_all(fresh, priority, values), strict=True
            ):
                np.testing.assert_array_equal(found, expected)
            fresh.close()
    kept.close()


def test_a_cancelled_call_leaves_the_device_well(context: Context, device: Device, small: Checkpoint) -> None:
    text = TextModel(small.text, device)
    query = random_sequences(7, (12,))
    expected = pooled(context, text, query)
    token = CancelToken()
    lengths = np.full(64, 300, np.int32)  # of seconds, where a device is slow
    tokens = np.ones(64 * 300, np.int32)
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    with contextlib.suppress(Cancelled):  # of a fast device, which ends before
        context.encode_sequences(text, tokens, lengths, np.empty((0, text.n_embd), np.float32), cancel=token)
    timer.join()
    with pytest.raises(Cancelled):
        context.encode_sequences(text, tokens, lengths, np.empty((0, text.n_embd), np.float32), cancel=token)
    assert np.array_equal(pooled(context, text, query), expected)


def test_the_toy_model_finds_what_it_finds_on_a_cpu(device: Device) -> None:
    """All of the way from inputs to vectors; every backend has its head size."""
    inputs = ["a red circle", ["a film of", jina_omni.Image(np.full((64, 64, 3), 200, np.uint8))]]
    with jina_omni.demo_model(device="cpu", compute="exact") as model:
        expected = model.encode(inputs)
    with jina_omni.demo_model(device=device.name) as model:
        assert model.info.device == device.name
        cosine = (model.encode(inputs) * expected).sum(1, dtype=np.float64)
    assert cosine.min() >= 0.99999
