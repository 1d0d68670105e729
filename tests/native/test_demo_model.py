"""The packaged toy model, by what the library makes of media that it was never trained on."""

from __future__ import annotations

import doctest
import io
import itertools
import pickle
import wave
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest
from gguf import GGUFReader

import jina_omni
from demo_model.captions import KINDS, N_HELD_OUT, Scene, attributes, caption, held_out, trained
from demo_model.export import NAME
from demo_model.shape import SHAPE
from jina_omni import demo
from jina_omni.demo import DATA
from jina_omni.demo.samples import SAMPLES
from jina_omni.demo.scenes import COLOURS, MOTIONS, SAMPLING_RATE, SHAPES, Clip, Picture, Sound
from testing.checkpoints.writer import Checkpoint, audio_tensors, text_tensors, vision_tensors


@pytest.fixture(scope="module")
def model() -> Iterator[jina_omni.Model]:
    with jina_omni.demo_model(device="cpu") as model:
        yield model


def png(scene: Picture, rng: np.random.Generator) -> jina_omni.Image:
    file = io.BytesIO()
    scene.draw(rng).save(file, "PNG")
    return jina_omni.Image(file.getvalue())


def wav(scene: Sound, rng: np.random.Generator) -> jina_omni.Audio:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLING_RATE)
        sound.writeframes((scene.play(rng) * 32767).astype("<i2").tobytes())
    return jina_omni.Audio(file.getvalue())


def frames(scene: Clip, rng: np.random.Generator) -> jina_omni.Video:
    return jina_omni.Video(scene.film(rng, np.linspace(0, 2, 4)), fps=1.5)


def mp4(scene: Clip, rng: np.random.Generator) -> jina_omni.Video:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=10, width=192, height=192, pix_fmt="yuv420p")
        stream.bit_rate = 2_000_000
        for frame in scene.film(rng, np.linspace(0, 2, 20)):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        film.mux(stream.encode(None))
    return jina_omni.Video(file.getvalue())


MEDIA: dict[type[Scene], Callable[[Any, np.random.Generator], Any]] = {Picture: png, Clip: frames, Sound: wav}


def test_held_out_scenes_are_a_hundred_of_each_kind_and_never_trained() -> None:
    for kind in KINDS:
        kept = held_out(kind)
        assert len(set(kept)) == N_HELD_OUT == 100
        assert not set(kept) & set(trained(kind))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_caption_finds_the_medium_that_it_tells_of_among_a_hundred_of_combinations_never_trained(
    model: jina_omni.Model, kind: type[Scene]
) -> None:
    rng = np.random.default_rng(2026)
    scenes = held_out(kind)
    media = model.encode_document([MEDIA[kind](scene, rng) for scene in scenes])
    texts = model.encode_query([caption(scene, rng)[0] for scene in scenes])
    nearest = model.similarity(texts, media).argmax(axis=1)
    recall = float(np.mean(nearest == np.arange(len(scenes))))
    print(f"{kind.__name__}: recall@1 {recall:.2f}")
    assert recall >= 0.9


def test_a_caption_finds_a_clip_that_comes_as_a_file(model: jina_omni.Model) -> None:
    rng = np.random.default_rng(7)
    clips = [Clip(SHAPES[i], list(COLOURS)[i], motion, "fast") for i, motion in enumerate(MOTIONS)]
    media = model.encode_document([mp4(clip, rng) for clip in clips])
    texts = model.encode_query([caption(clip, rng)[0] for clip in clips])
    np.testing.assert_array_equal(model.similarity(texts, media).argmax(axis=1), np.arange(len(clips)))


def test_a_short_text_finds_a_picture_of_its_shape_and_colour(model: jina_omni.Model) -> None:
    rng = np.random.default_rng(3)
    scenes = held_out(Picture)
    media = model.encode_document([png(scene, rng) for scene in scenes])
    wanted = sorted({(scene.colour, scene.shape) for scene in scenes if scene.count == 1})
    texts = model.encode_query([f"a {colour} {shape}" for colour, shape in wanted])
    nearest = [scenes[i] for i in model.similarity(texts, media).argmax(axis=1)]
    assert len(wanted) >= 20
    assert [(scene.colour, scene.shape, scene.count) for scene in nearest] == [(*pair, 1) for pair in wanted]


def test_a_picture_and_a_clip_of_the_same_thing_land_together(model: jina_omni.Model) -> None:
    rng = np.random.default_rng(4)
    things = list(itertools.product(SHAPES, COLOURS))
    pictures = model.encode_document([png(Picture(*thing, 1, "top"), rng) for thing in things])
    clips = model.encode_document([frames(Clip(*thing, "growing", "slow"), rng) for thing in things])
    nearest = model.similarity(pictures, clips).argmax(axis=1)
    right = int(np.sum(nearest == np.arange(len(things))))
    print(f"{right} of {len(things)}")
    assert right >= 0.8 * len(things)  # never trained to be near one another, but each to the same texts


def test_each_sample_of_the_demo_is_found_by_its_text(model: jina_omni.Model) -> None:
    media = model.encode_document([sample.medium for sample in SAMPLES])
    texts = model.encode_query([sample.text for sample in SAMPLES])
    np.testing.assert_array_equal(model.similarity(texts, media).argmax(axis=1), np.arange(len(SAMPLES)))


def test_it_is_a_model_of_every_modality_that_pickles(model: jina_omni.Model) -> None:
    assert model.info.modalities == ("text", "image", "video", "pdf", "audio")
    assert (model.info.task, model.info.dims) == ("retrieval", (32, 64, 128))
    with pickle.loads(pickle.dumps(model)) as other:
        np.testing.assert_array_equal(other.encode("a red circle"), model.encode("a red circle"))
    with jina_omni.demo_model(modality="text") as texts:
        assert texts.info.modalities == ("text",)


def test_its_license_is_not_that_of_the_published_files(model: jina_omni.Model) -> None:
    assert model.info.license == "Apache-2.0"


def test_it_takes_any_text(model: jina_omni.Model) -> None:
    assert np.isfinite(model.encode(["Größe 数学 🎈\x00", "x" * 3000])).all()


def test_the_packaged_files_have_the_published_layout_and_are_small(small: Checkpoint) -> None:
    tensors = {
        "-F16.gguf": (small.text, text_tensors(SHAPE.text)),
        "-vision-mmproj-F16.gguf": (small.vision, vision_tensors(SHAPE.vision)),
        "-audio-mmproj-F16.gguf": (small.audio, audio_tensors(SHAPE.audio)),
    }
    assert {path.name for path in DATA.iterdir()} == {NAME + ending for ending in tensors}
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 8_000_000
    for ending, (published, expected) in tensors.items():
        file = GGUFReader(DATA / (NAME + ending))
        assert set(file.fields) - {"general.license"} == set(GGUFReader(published).fields)
        found = {tensor.name: tuple(tensor.shape.tolist()[::-1]) for tensor in file.tensors}
        assert found == {tensor.name: tensor.shape for tensor in expected}


def test_the_example_of_its_docstring_runs() -> None:
    (test,) = [test for test in doctest.DocTestFinder().find(demo, globs={"jina_omni": jina_omni}) if test.examples]
    assert doctest.DocTestRunner().run(test) == (0, len(test.examples))


def test_attributes_of_one_thing_are_the_same_in_a_picture_and_a_clip() -> None:
    picture, clip = attributes(Picture("star", "blue", 1, "top")), attributes(Clip("star", "blue", "up", "slow"))
    assert {name: clip[name] for name in ("shape", "colour", "count")} == {
        name: picture[name] for name in ("shape", "colour", "count")
    }
