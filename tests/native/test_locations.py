# SPDX-License-Identifier: Apache-2.0
"""Where an error happened, as data: index, part, page and key, for all that can go wrong with an input."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

import jina_omni
from jina_omni import Audio, Image, Model, Pdf
from jina_omni.errors import Location
from testing.checkpoints.writer import Checkpoint
from testing.media_files import media_file, sound_file
from testing.pdfs import INCH, document


@pytest.fixture(scope="module")
def model(small: Checkpoint) -> Iterator[Model]:
    with Model(small.text, small.combined, n_threads=2) as model:
        yield model


@pytest.fixture(scope="module")
def text_model(small: Checkpoint) -> Iterator[Model]:
    with Model(small.text, n_threads=1) as model:
        yield model


CUT = media_file("png")[:200]  # whose header is whole, so that it fails when it is decoded
GOOD = Image(np.zeros((64, 64, 3), np.uint8))

FAILURES: dict[str, tuple[Any, Location]] = {
    "a part that is not an input": (["a", GOOD, None], (("part", 2),)),
    "a part that does not measure": (["a", GOOD, Image(b"\x89PNG\r\n\x1a\n")], (("part", 2),)),
    "a part that does not decode": (["a", GOOD, Image(CUT)], (("part", 2),)),
    "a sound that is too short": (["a", Audio(np.zeros(9, np.float32), sampling_rate=16_000)], (("part", 1),)),
    "a key of a dict": ({"text": "a", "image": CUT}, (("image", None),)),
    "a key of a part": (["a", {"text": "b", "image": CUT}], (("part", 1), ("image", None))),
    "a block of a message": (
        {"messages": [{"content": "a"}, {"content": [{"type": "text", "text": "b"}, {"image": CUT}]}]},
        (("message", 1), ("content", 1), ("image", None)),
    ),
    "a page that is not there": (["a", Pdf(document((INCH, b"")), pages=[3])], (("part", 1),)),
    "a page that is too narrow": (
        ["a", Pdf(document((INCH, b""), (b"/MediaBox[0 0 3 900]", b"")), dpi=72)],
        (("part", 1), ("page", 1)),
    ),
    "all of it": ([], ()),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_holds_the_steps_from_the_input_on(name: str, model: Model) -> None:
    value, steps = FAILURES[name]
    expected = model.encode("a bystander")
    for items, index in (([value], 0), (["a bystander", "b", value], 2)):
        with pytest.raises(jina_omni.InputError) as caught:
            model.encode(items)
        assert caught.value.location == (("input", index), *steps)
        assert caught.value.index == index
        rows, errors = model.encode(items, on_error="return")
        assert {i: error.location for i, error in errors.items()} == {index: (("input", index), *steps)}
        assert str(errors[index]) == str(caught.value)
        assert errors[index].message_for("x.png").startswith("x.png")
        if index:
            assert np.array_equal(rows[0], expected)
    if not isinstance(value, (list, dict)):
        with pytest.raises(jina_omni.InputError) as caught:
            model.encode(value)
        assert caught.value.index is None


def test_each_of_equal_inputs_has_its_own_index(model: Model) -> None:
    broken = ["a", Image(CUT)]
    _, errors = model.encode([broken, "b", broken], on_error="return")
    assert {i: error.location for i, error in errors.items()} == {
        0: (("input", 0), ("part", 1)),
        2: (("input", 2), ("part", 1)),
    }


def test_a_stream_counts_on(model: Model) -> None:
    items = [*("a" for _ in range(300)), ["b", Image(CUT)]]
    *_, last = model.encode_iter(items, on_error="return")
    assert isinstance(last, jina_omni.DecodeError)
    assert last.location == (("input", 300), ("part", 1))
    with pytest.raises(jina_omni.DecodeError, match=r"^input 300, part 1 "):
        list(model.encode_iter(items))


def test_a_tower_that_is_not_loaded_is_an_error_of_its_part(text_model: Model) -> None:
    with pytest.raises(jina_omni.ModalityNotLoadedError, match=r"^input 1, part 1 holds an image, but") as caught:
        text_model.encode(["a", ["b", GOOD]])
    assert (caught.value.index, caught.value.location) == (1, (("input", 1), ("part", 1)))
    _, errors = text_model.encode(["a", ["b", Audio(sound_file(np.zeros(9_000, np.int16)))]], on_error="return")
    assert isinstance(errors[1], jina_omni.ModalityNotLoadedError)
    assert errors[1].location == (("input", 1), ("part", 1))


def test_a_cancelled_call_says_which_input_it_was_at(model: Model) -> None:
    token = jina_omni.CancelToken()
    token.cancel()
    with pytest.raises(jina_omni.Cancelled, match=r"^input 0 was cancelled$") as caught:
        model.encode(["a", "b"], cancel=token)
    assert caught.value.index == 0


def test_a_call_that_is_cancelled_while_it_decodes_names_the_part(model: Model) -> None:
    token, begun, ended = jina_omni.CancelToken(), threading.Event(), threading.Event()

    class Slow(PILImage.Image):
        """A picture that takes until the call has ended."""

        def load(self) -> Any:
            begun.set()
            ended.wait(60)
            return super().load()

    picture = PILImage.new("RGB", (64, 64))
    picture.__class__ = Slow
    stopper = threading.Thread(target=lambda: (begun.wait(), token.cancel()))
    stopper.start()
    with pytest.raises(jina_omni.Cancelled) as caught:
        model.encode(["a", ["b", Image(picture)]], cancel=token)
    ended.set()
    stopper.join()
    assert caught.value.location == (("input", 1), ("part", 1))
