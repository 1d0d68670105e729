# SPDX-License-Identifier: Apache-2.0
"""The options of pictures, on a model and on its inputs."""

import doctest
import io
import pickle

import numpy as np
import pytest
from PIL import Image as PILImage

import jina_omni
from jina_omni.integrations.shared.model_source import ModelSource
from jina_omni.media import picture_options
from testing.media_files import encoded


@pytest.fixture(scope="module")
def picture():
    """Return a PNG file that lies on its side, with a transparent half."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 4), dtype=np.uint8)
    pixels[:, :40, 3], pixels[:, 40:, 3] = 0, 255
    exif = PILImage.Exif()
    exif[0x0112] = 6  # turned right to be upright
    return encoded(PILImage.fromarray(pixels), "PNG", exif=exif)


def open_model(**options):
    return jina_omni.demo_model(modality="vision", device="cpu", **options)


def lay_out(picture, *, upright, background):
    """Return the pixels that are to be embedded."""
    pixels = np.asarray(PILImage.open(io.BytesIO(picture)))
    rgb, alpha = pixels[..., :3], pixels[..., 3:]
    if background is not None:
        rgb = np.where(alpha == 0, np.uint8(background), rgb)
    return jina_omni.Image(np.rot90(rgb, -1) if upright else rgb)


CASES = {
    "neither": ({}, {"upright": False, "background": None}),
    "upright": ({"orientation": "upright"}, {"upright": True, "background": None}),
    "on white": ({"background": "white"}, {"upright": False, "background": (255, 255, 255)}),
    "both": ({"orientation": "upright", "background": (1, 2, 3)}, {"upright": True, "background": (1, 2, 3)}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_model_and_an_input_take_the_same_options(name, picture):
    options, wanted = CASES[name]
    with open_model() as plain, open_model(**options) as model:
        expected = plain.encode(lay_out(picture, **wanted))
        assert np.array_equal(plain.encode(jina_omni.Image(picture, **options)), expected)
        assert np.array_equal(model.encode(jina_omni.Image(picture)), expected)
        own = jina_omni.Image(picture, orientation="as-stored", background="black")
        black = {"upright": False, "background": (0, 0, 0)}
        assert np.array_equal(model.encode(own), plain.encode(lay_out(picture, **black)))


def test_the_options_are_facts_of_a_model_and_survive_its_copies(picture):
    with open_model(orientation="upright", background=[255, 128, 0]) as model:
        assert (model.info.orientation, model.info.background) == ("upright", (255, 128, 0))
        expected = model.encode(jina_omni.Image(picture))
        with pickle.loads(pickle.dumps(model)) as copy:
            assert copy.info == model.info
            assert np.array_equal(copy.encode(jina_omni.Image(picture)), expected)
        source = ModelSource(model, {}, adapter="Adapter")
    with ModelSource(source.arguments, source.options, adapter="Adapter").model as stored:
        assert np.array_equal(stored.encode(jina_omni.Image(picture)), expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"orientation": "up"}, "orientation is 'up'"),
        ({"orientation": True}, "orientation is True"),
        ({"background": "no colour"}, "background is 'no colour'; pass an opaque colour"),
        ({"background": (1, 2, 300)}, "background is .*; pass an opaque colour"),
    ],
)
def test_wrong_options_of_a_model_are_named(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        open_model(**options)


def test_wrong_options_of_an_input_name_it(picture):
    with open_model() as model:
        inputs = [jina_omni.Image(picture, orientation="up"), jina_omni.Image(picture, background="no colour"), "a"]
        _, errors = model.encode(inputs, on_error="return")
    assert str(errors[0]).startswith("input 0 has the Image option orientation='up'; pass 'as-stored' or 'upright'")
    assert str(errors[1]).startswith(
        "input 1 has the Image option background, which can't be taken: background is 'no colour'"
    )


def test_the_examples_run():
    assert doctest.testmod(picture_options).failed == 0
