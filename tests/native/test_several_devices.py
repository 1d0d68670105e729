"""A model on several devices: the CPU under several names, of which each has its own copy of files and context."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import jina_omni
from jina_omni import Audio, Cancelled, CancelToken, ClosedError, DecodeError, Image, Model, NativeError
from jina_omni.native import Context, find_device, find_devices
from testing.checkpoints.cases import image
from testing.checkpoints.writer import Checkpoint
from testing.media_files import media_file

NAMES = ["test:0", "test:1", "test:2"]
TEXTS = [f"text {i} " + "word " * (i % 97) for i in range(60)]  # over 1,024 tokens


@pytest.fixture(scope="module", autouse=True)
def accelerators() -> Iterator[None]:
    """Have three devices that are the CPU, but for the package accelerators by name."""
    cpu = find_device("cpu")
    found = [cpu, *(dataclasses.replace(cpu, name=name, is_cpu=False) for name in NAMES)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(find_devices.__globals__, "devices", lambda: found)
        yield


@pytest.fixture(scope="module")
def one(small: Checkpoint) -> Iterator[Model]:
    with Model(small.text, small.combined, device="cpu", n_threads=1) as model:
        yield model


@pytest.fixture
def model(small: Checkpoint) -> Iterator[Model]:
    with Model(small.text, small.combined, devices=NAMES, n_threads=1) as model:
        yield model


def count_bytes(model: Model) -> list[int]:
    """Return the bytes of the weights that each device has multiplied with."""
    return [replica.context.count_weight_bytes() for replica in model._replicas]


def running() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "jina_omni_device"]


def mixed() -> list[Any]:
    sounds = [Audio(np.sin(np.arange(n) / 9).astype(np.float32), sampling_rate=16_000) for n in (9000, 20_000)]
    pictures = [image("a", 300, 200), image("b", 90, 400), image("c", 500, 500)]
    fused = [["a caption", pictures[0]], [pictures[1], "between", sounds[0]]]
    return [*TEXTS[:30], *pictures, *sounds, *fused, *TEXTS[10:], pictures[2], TEXTS[3]]


# ---- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"batch_tokens": 300}, {"precision": "binary"}], ids=str)
def test_embeddings_are_those_of_one_device_in_the_order_of_the_inputs(
    model: Model, one: Model, options: dict[str, Any]
) -> None:
    inputs = mixed()
    assert np.array_equal(model.encode(inputs, **options), one.encode(inputs, **options))
    assert all(count_bytes(model))
    assert not running()


def test_streams_and_tasks_are_spread_too(model: Model, one: Model) -> None:
    expected = one.encode(TEXTS)
    assert np.array_equal(list(model.encode_iter(TEXTS)), expected)
    assert all(count_bytes(model))

    async def embed() -> list[Any]:
        return await asyncio.gather(*(model.encode_async(TEXTS) for _ in range(5)))

    assert all(np.array_equal(found, expected) for found in asyncio.run(embed()))


def test_a_small_call_goes_to_the_device_with_the_least_to_do(model: Model) -> None:
    def find_used(inputs: Any) -> list[int]:
        before = count_bytes(model)
        model.encode(inputs)
        return [i for i, (a, b) in enumerate(zip(before, count_bytes(model), strict=True)) if a != b]

    assert find_used("a query") == [0]
    assert find_used(["a query", "another one", *TEXTS[:3]]) == [0]
    with model._replicas.take(1000) as busy:
        assert busy is model._replicas.first
        assert find_used("a query") == [1]
        with model._replicas.take(2000):
            assert find_used("a query") == [2]
            with model._replicas.take(1500):
                assert find_used("a query") == [0]
    assert [replica.n_tokens for replica in model._replicas] == [0, 0, 0]


def test_info_and_repr_name_the_devices(model: Model, one: Model) -> None:
    assert model.info.device == "test:0"
    assert model.info.devices == tuple(NAMES)
    assert model.info.device_description == one.info.device_description
    assert model.info.n_params == one.info.n_params
    assert "devices=('test:0', 'test:1', 'test:2')" in repr(model)
    assert one.info.devices == ("cpu",)
    assert "device='cpu'" in repr(one)


def test_it_pickles_as_its_arguments(model: Model, one: Model) -> None:
    with pickle.loads(pickle.dumps(model)) as copy:
        assert copy.info == model.info
        assert np.array_equal(copy.encode(TEXTS), one.encode(TEXTS))


def test_one_device_of_a_list_is_that_device(small: Checkpoint) -> None:
    with Model(small.text, devices=("cpu",), n_threads=1) as model:
        assert model.info.devices == ("cpu",)
        assert model.info.no_accelerator is None


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"devices": NAMES, "device": "cpu"}, ValueError, "device is 'cpu' and devices is .*; pass one of them"),
        ({"devices": "test:0"}, TypeError, "devices is 'test:0'; it takes a list of names"),
        ({"devices": {"test:0"}}, TypeError, "devices is .*; it takes a list of names"),
        ({"devices": ["test:0", 1]}, TypeError, "devices is .*; it takes a list of names"),
        ({"devices": []}, ValueError, "devices is empty"),
        ({"devices": ["test:1", "test:1"]}, ValueError, "devices has 'test:1' and 'test:1', which are the same device"),
        ({"devices": ["test:1", "test:9"]}, jina_omni.ModelLoadError, "device 'test:9' is not available"),
        ({"devices": NAMES, "compute": "exact"}, ValueError, "compute='exact' computes in float32 on a CPU, but"),
        ({"target_devices": NAMES}, TypeError, "no argument 'target_devices'; pass devices="),
    ],
)
def test_wrong_devices_are_refused_by_name(
    small: Checkpoint, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Model(small.text, **options)


# ---- errors, cancelling and closing ---------------------------------------------------------------------------------


def test_errors_of_inputs_have_their_places(model: Model, one: Model) -> None:
    damaged = Image(b"\x89PNG\r\n\x1a\n" + bytes(40))
    inputs = [*TEXTS, damaged, *TEXTS, "", image("a", 300, 200), damaged]
    found, errors = model.encode(inputs, on_error="return")
    expected, expected_errors = one.encode(inputs, on_error="return")
    assert np.array_equal(found, expected, equal_nan=True)
    assert {i: str(error) for i, error in errors.items()} == {i: str(error) for i, error in expected_errors.items()}
    with pytest.raises(DecodeError):
        model.encode([*TEXTS, damaged])


def test_a_picture_that_fails_while_it_is_decoded_stops_all_devices(model: Model, one: Model) -> None:
    cut = Image(media_file("png")[:-30])  # its header is well
    with pytest.raises(DecodeError) as caught:
        model.encode([*TEXTS, cut, *TEXTS])
    assert caught.value.index == 60
    assert not running()
    found, errors = model.encode([*TEXTS, cut, *TEXTS, cut], on_error="return")
    assert list(errors) == [60, 121]
    assert [error.index for error in errors.values()] == [60, 121]
    assert np.array_equal(found[:60], one.encode(TEXTS))


def test_a_device_that_fails_ends_the_call_and_the_next_one_is_well(
    model: Model, one: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second, _ = model._replicas

    def fail(*_: Any, **__: Any) -> None:
        raise NativeError("device test:1 failed")

    with monkeypatch.context() as patch:
        patch.setattr(second.context, "encode_sequences", fail)
        with pytest.raises(NativeError, match="device test:1 failed"):
            model.encode(TEXTS)
    assert not running()
    assert [replica.n_tokens for replica in model._replicas] == [0, 0, 0]
    assert np.array_equal(model.encode(TEXTS), one.encode(TEXTS))


@pytest.mark.parametrize(
    "way", ["token", pytest.param("Ctrl-C", marks=pytest.mark.skipif(sys.platform == "win32", reason="POSIX signal"))]
)
def test_a_call_is_stopped_on_all_devices(model: Model, one: Model, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once each of them computes: what they compute then would not end by itself."""
    token = CancelToken()
    all_compute = threading.Barrier(len(NAMES), timeout=60)
    stopped: list[str] = []

    def compute_on(*_: Any, cancel: CancelToken, **__: Any) -> None:
        if all_compute.wait() == 0:
            token.cancel() if way == "token" else os.kill(os.getpid(), signal.SIGINT)
        while not cancel.cancelled:
            threading.Event().wait(0.001)
        stopped.append(threading.current_thread().name)
        raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr(Context, "encode_sequences", compute_on)
        with pytest.raises(Cancelled if way == "token" else KeyboardInterrupt):
            model.encode(TEXTS, cancel=token)
    assert len(stopped) == len(NAMES)
    assert not running()
    assert np.array_equal(model.encode(TEXTS), one.encode(TEXTS))


def test_closing_waits_for_all_devices_and_releases_each(small: Checkpoint, one: Model) -> None:
    model = Model(small.text, small.combined, devices=NAMES, n_threads=1)
    expected = one.encode(TEXTS)
    replicas = list(model._replicas)
    ends: list[str] = []

    def work() -> None:
        try:
            while True:
                assert np.array_equal(model.encode(TEXTS), expected)
        except ClosedError:
            ends.append("closed")

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    model.close()
    for worker in workers:
        worker.join(60)
    assert ends == ["closed"] * 3
    assert not running()
    for replica in replicas:
        for handle in (replica.context, *replica.files.distinct):
            with pytest.raises(ClosedError):
                handle._native()
    with pytest.raises(ClosedError):
        model.encode("a")
