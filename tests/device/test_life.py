"""What a device goes through besides computing: loads, calls that are cancelled or fail, and what is computed next."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest

import jina_omni
from jina_omni import Cancelled
from jina_omni.native import CancelToken, Context, Device, TextModel
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
