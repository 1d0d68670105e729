"""The three towers on the device against float32 numpy, on shapes so small that a device in software computes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from jina_omni.native import Context, Device, Projector, TextModel, find_device
from testing.checkpoints.cases import mel
from testing.checkpoints.numpy_reference import NumpyAudio, NumpyText, NumpyVision
from testing.checkpoints.pixels import Patches
from testing.checkpoints.shapes import TINY
from testing.checkpoints.weights import Weights
from testing.checkpoints.writer import Checkpoint, Edits, write_text
from tests.native.sequences import Span, cosines, pooled
from tests.native.test_towers import random_sequences, with_image
from tests.native.weight_types import TYPES

Floats = NDArray[np.float32]
Report = Callable[[str, NDArray[np.float64]], float]

CPU = find_device("cpu")


@pytest.fixture(params=["small", "nano"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return request.getfixturevalue(request.param)


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], device: Device) -> Report:
    """Return what prints cosines, also where a test passes, and returns the lowest."""

    def print_lowest(name: str, found: NDArray[np.float64]) -> float:
        with capsys.disabled():
            print(f"\n{device.name} {name}: lowest cosine {found.min():.7f} of {len(found)}", end="")
        return float(found.min())

    return print_lowest


TEXTS = {
    "a query": (12,),
    "short texts": (1, 5, 5, 7, 20, 33, 40),
    "equal texts": (16,) * 6,
    "long texts": (300, 20),
    "texts of many keys": (1500, 1200, 1200),
}


@pytest.mark.parametrize("lengths", TEXTS.values(), ids=TEXTS)
def test_texts_equal_the_reference(
    context: Context, device: Device, checkpoint: Checkpoint, lengths: tuple[int, ...], report: Report
) -> None:
    text = TextModel(checkpoint.text, device)
    sequences = random_sequences(4, lengths)
    expected = embed(checkpoint.text, sequences)
    assert report(f"{text.architecture} {lengths}", cosines(pooled(context, text, sequences), expected)) >= 0.99999


def embed(file: Path, sequences: list[list[Span]]) -> Floats:
    reference = NumpyText(file)
    return np.stack([reference.embed(spans) for spans in sequences])


def test_rows_between_tokens_equal_the_reference(
    context: Context, device: Device, checkpoint: Checkpoint, report: Report
) -> None:
    text = TextModel(checkpoint.text, device)
    sequences = [with_image(1, text.n_embd), *random_sequences(1, (9,))]
    expected = embed(checkpoint.text, sequences)
    assert report(f"{text.architecture} fused", cosines(pooled(context, text, sequences), expected)) >= 0.99999


GRIDS = {
    "one": [(1, 8, 8)],
    "several": [(1, 8, 8), (1, 4, 6), (2, 4, 4)],
    "large": [(1, 60, 82)],  # sums of half precision have a cosine of 0.99996
    "several large": [(1, 36, 36), (1, 34, 40), (1, 36, 36)],
}


@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_pictures_equal_the_reference(
    context: Context, device: Device, checkpoint: Checkpoint, grids: list[tuple[int, int, int]], report: Report
) -> None:
    vision, reference = Projector(checkpoint.vision, device), NumpyVision(checkpoint.vision)
    rng = np.random.default_rng(3)
    inputs = [rng.uniform(-1, 1, (t * h * w, 1536)).astype(np.float32) for t, h, w in grids]
    expected = np.concatenate([reference.rows(Patches(rows, grid)) for rows, grid in zip(inputs, grids, strict=True)])
    rows = context.encode_patches(vision, np.concatenate(inputs), np.array(grids, np.int32))
    assert report(f"{checkpoint.vision.name} {grids}", cosines(rows, expected)) >= 0.99999


@pytest.mark.parametrize("lengths", [[250], [3, 62, 199, 250]], ids=["one", "several"])
def test_sounds_equal_the_reference(
    context: Context, device: Device, checkpoint: Checkpoint, lengths: list[int], report: Report
) -> None:
    audio, reference = Projector(checkpoint.audio, device), NumpyAudio(checkpoint.audio)
    clips = [mel(length) for length in lengths]
    expected = np.concatenate([reference.rows(clip) for clip in clips])
    frames = np.concatenate([clip.T for clip in clips])
    rows = context.encode_mel(audio, frames, np.array(lengths, np.int32))
    assert report(f"{checkpoint.audio.name} {lengths}", cosines(rows, expected)) >= 0.99999


@pytest.mark.parametrize("weight_type", TYPES)
def test_each_weight_type_is_as_close_as_on_a_cpu(
    context: Context,
    exact: Context,
    device: Device,
    checkpoint: Checkpoint,
    engine: ModuleType,
    tmp_path: Path,
    weight_type: str,
    report: Report,
) -> None:
    file = engine.quantize(checkpoint.text, tmp_path / f"{weight_type}.gguf", weight_type)
    text = TextModel(file, device)
    sequences = [*random_sequences(5, (4, 13)), with_image(5, text.n_embd)]
    expected = pooled(exact, TextModel(file, CPU), sequences)
    found = pooled(context, text, sequences)
    lowest = report(f"{text.architecture} {weight_type}", cosines(found, expected))
    # ggml's operations for a CPU round the rows that meet quantised weights to 8 bits, which shows that they compute.
    assert lowest >= (0.99 if device.is_cpu else 0.99999)


def test_results_that_float16_lacks_stay_finite(
    context: Context, device: Device, tmp_path: Path, report: Report
) -> None:
    """Products and sums over 65,504, which half precision turns into infinities."""
    shape = TINY["small"]
    down = Weights(write_text(tmp_path / "plain.gguf", shape))["blk.1.ffn_down.weight"] * 2e5  # results up to 400,000
    file = write_text(tmp_path / "large.gguf", shape, edits=Edits(tensors={"blk.1.ffn_down.weight": down}))
    sequences = random_sequences(6, (7, 30))
    expected = embed(file, sequences)
    found = pooled(context, TextModel(file, device), sequences)
    assert report("results over 65,504", cosines(found, expected)) >= 0.99999
