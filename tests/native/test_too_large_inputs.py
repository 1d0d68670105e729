"""An input that alone is too large for a device fails by itself, with its place in the call.

The device is the CPU, whose context is given limits. test_accelerator.py shows that native code computes in smaller
passes before it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jina_omni import Audio, DecodeError, Image, InputError, Model
from testing.checkpoints.cases import image
from testing.checkpoints.writer import Checkpoint
from testing.media_files import media_file

PROBLEM = (
    'takes 300 MiB to compute on the device cuda:0, of which 200 MiB are free; use a smaller input, or device="cpu"'
)
LIMITS = {
    "encode_sequences": 600,
    "encode_patches": 1500,
    "encode_mel": 400,
}  # tokens, patches and mel frames of one input
TEXTS = [f"text {i} " + "word " * i for i in range(20)]
LONG_TEXT = "word " * 700
SMALL_IMAGE, LARGE_IMAGE = image("small", 300, 200), image("large", 900, 600)


def sound(seconds: float) -> Audio:
    return Audio(np.sin(np.arange(int(16_000 * seconds)) * 0.1).astype(np.float32), sampling_rate=16_000)


def limit(compute: Callable[..., Any], most: int) -> Callable[..., Any]:
    def compute_up_to_limit(file: Any, values: Any, shapes: Any, *others: Any, **options: Any) -> Any:
        if shapes.reshape(len(shapes), -1).prod(axis=1).max() > most:
            raise InputError(PROBLEM)
        return compute(file, values, shapes, *others, **options)

    return compute_up_to_limit


@pytest.fixture(scope="module")
def unlimited(small: Checkpoint) -> Iterator[Model]:
    with Model(small.text, small.combined, n_threads=1) as model:
        yield model


@pytest.fixture
def model(small: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    with Model(small.text, small.combined, n_threads=1) as model:
        (replica,) = model._replicas
        for name, most in LIMITS.items():
            monkeypatch.setattr(replica.context, name, limit(getattr(replica.context, name), most))
        yield model


def check(model: Model, unlimited: Model, inputs: Sequence[Any], expected: dict[int, str]) -> None:
    """Demand these errors, and of the other inputs what the model without limits computes."""
    vectors, errors = model.encode(inputs, on_error="return")
    assert {i: str(error) for i, error in errors.items()} == expected
    assert all(isinstance(error, InputError) and error.index == i for i, error in errors.items())
    well = [i for i in range(len(inputs)) if i not in expected]
    np.testing.assert_array_equal(vectors[well], unlimited.encode([inputs[i] for i in well]))
    with pytest.raises(InputError, match="use a smaller input"):
        model.encode(inputs)


def test_a_text(model: Model, unlimited: Model) -> None:
    inputs = [*TEXTS[:7], LONG_TEXT, *TEXTS[7:], LONG_TEXT]
    check(model, unlimited, inputs, {i: f"input {i} {PROBLEM}" for i in (7, 21)})


def test_an_image_among_others_with_its_file(model: Model, unlimited: Model, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    LARGE_IMAGE.save(path)
    inputs = [TEXTS[0], SMALL_IMAGE, ["a caption", SMALL_IMAGE, Image(path)], image("other", 280, 230), path]
    places = {2: f"input 2, part 2 ({str(path)!r})", 4: f"input 4 ({str(path)!r})"}
    check(model, unlimited, inputs, {i: f"{place} {PROBLEM}" for i, place in places.items()})


def test_a_sound_among_images_and_texts(model: Model, unlimited: Model) -> None:
    inputs = [sound(3), sound(9), SMALL_IMAGE, [sound(2), sound(10), LARGE_IMAGE], TEXTS[3]]
    found, errors = model.encode(inputs, on_error="return")
    assert sorted(errors) == [1, 3]
    assert str(errors[1]) == f"input 1 {PROBLEM}"
    assert errors[3].location[1] in {("part", 1), ("part", 2)}  # the one that a tower meets first
    np.testing.assert_array_equal(found[[0, 2, 4]], unlimited.encode([inputs[i] for i in (0, 2, 4)]))


def test_media_that_fit_with_a_text_that_does_not(model: Model, unlimited: Model) -> None:
    inputs = [[SMALL_IMAGE, LONG_TEXT], SMALL_IMAGE]
    check(model, unlimited, inputs, {0: f"input 0 {PROBLEM}"})


def test_damage_behind_it_is_what_is_reported(model: Model) -> None:
    """Since a smaller input would not help."""
    damaged = Image(media_file("png")[:-30])
    _, errors = model.encode([[LARGE_IMAGE, damaged], SMALL_IMAGE], on_error="return")
    assert list(errors) == [0]
    assert isinstance(errors[0], DecodeError)


def test_all_of_a_call(model: Model) -> None:
    vectors, errors = model.encode([LONG_TEXT, LARGE_IMAGE, sound(9)], on_error="return")
    assert sorted(errors) == [0, 1, 2]
    assert np.isnan(vectors).all()


def test_a_single_input(model: Model) -> None:
    with pytest.raises(InputError, match=r"^input takes 300 MiB") as caught:
        model.encode(LONG_TEXT)
    assert caught.value.index is None
    assert np.isfinite(model.encode("short")).all()
