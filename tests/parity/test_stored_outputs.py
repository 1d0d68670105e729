"""The whole way from inputs to vectors against what torch computed from the same files; see `regenerate`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import jina_omni
from jina_omni.media.image import find_grid, read_patches
from jina_omni.media.patches import VisionGeometry
from jina_omni.native import Context, Device, Projector, find_device
from testing.checkpoints.cases import AUDIO_LENGTHS, STAGE_CASE, all_cases, media_cases, mel
from testing.checkpoints.spans import Audio, Part, Video
from testing.checkpoints.writer import Checkpoint, sha256

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Subject:
    """A model of the suite and torch's outputs for it."""

    model: jina_omni.Model
    files: Checkpoint
    stored: Any


@pytest.fixture(scope="module", params=["small", "nano"])
def subject(request: pytest.FixtureRequest, device: Device) -> Iterator[Subject]:
    files = request.getfixturevalue(request.param)
    stored = np.load(DATA / f"{request.param}.npz")
    with jina_omni.Model(files.text, [files.vision, files.audio], device=device.name) as model:
        yield Subject(model, files, stored)


def inputs() -> list[Any]:
    return [list(case.parts) for case in all_cases()]


def test_the_checkpoints_are_those_that_torch_computed_with(subject: Subject) -> None:
    files = subject.files
    written = [sha256(path) for path in (files.text, files.vision, files.audio, files.combined)]
    assert written == subject.stored["sha256"].tolist()


def test_every_input_has_as_many_tokens_as_in_torch(subject: Subject) -> None:
    assert subject.model.count_tokens(inputs()) == subject.stored["n_positions"].tolist()


@pytest.mark.device
def test_every_embedding_equals_torch(subject: Subject) -> None:
    cosine = (subject.model.encode(inputs()) * subject.stored["embeddings"]).sum(1, dtype=np.float64)
    assert dict(zip(subject.stored["names"].tolist(), cosine, strict=True)) == pytest.approx(
        dict.fromkeys(subject.stored["names"].tolist(), 1.0), abs=1e-5
    )


def lossless_file(video: Video) -> bytes:
    """Write frames and their sound as they are."""
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        pictures = output.add_stream("ffv1", rate=8, pix_fmt="bgr0")
        pictures.height, pictures.width = video.frames.shape[1:3]
        track = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        assert video.sound is not None
        samples = (video.sound.samples * 32768).astype(np.int16)
        sound = av.AudioFrame.from_ndarray(samples[np.newaxis], "s16", "mono")
        sound.sample_rate = 16_000
        for frame in [*(av.VideoFrame.from_ndarray(one, "rgb24") for one in video.frames), None]:
            output.mux(pictures.encode(frame))
        output.mux(track.encode(sound))
    return file.getvalue()


def as_ours(part: Part) -> Any:
    """Return a part of a case as one of ours; a video with sound is a file, whose times are the dialect's own."""
    if isinstance(part, Audio):
        return jina_omni.Audio(part.samples, sampling_rate=16_000)
    if isinstance(part, Video):
        if part.sound is not None:
            return jina_omni.Video(lossless_file(part))
        return jina_omni.Video(part.frames, timestamps=part.times or False)
    return part


@pytest.mark.device
@pytest.mark.parametrize("dialect", ["card", "sentence-transformers"])
def test_sounds_videos_and_their_mixtures_equal_torch(subject: Subject, device: Device, dialect: Any) -> None:
    chosen = [i for i, case in enumerate(media_cases()) if case.dialect == dialect]
    given = [[as_ours(part) for part in media_cases()[i].parts] for i in chosen]
    names = subject.stored["media_names"][chosen].tolist()
    files = subject.files
    with jina_omni.Model(files.text, [files.vision, files.audio], device=device.name, dialect=dialect) as model:
        counts, ours = model.count_tokens(given), model.encode(given)
    assert dict(zip(names, counts, strict=True)) == dict(
        zip(names, subject.stored["media_positions"][chosen].tolist(), strict=True)
    )
    cosine = (ours * subject.stored["media_embeddings"][chosen]).sum(1, dtype=np.float64)
    assert dict(zip(names, cosine, strict=True)) == pytest.approx(dict.fromkeys(names, 1.0), abs=1e-5)


def test_every_image_has_the_grid_and_the_patches_of_the_reference(subject: Subject) -> None:
    geometry = VisionGeometry.from_projector(Projector(subject.files.vision, find_device("cpu")))
    pictures = {case.name: case.parts[0] for case in all_cases() if case.name.startswith("image-")}
    images = [jina_omni.Image(picture) for picture in pictures.values() if isinstance(picture, Image.Image)]
    grids = [find_grid(image, geometry) for image in images]
    assert grids == [tuple(grid) for grid in subject.stored["grids"].tolist()]
    picture = pictures[STAGE_CASE]
    assert isinstance(picture, Image.Image)
    rows, _ = read_patches(jina_omni.Image(picture), geometry)
    assert np.abs(rows[subject.stored["patch_rows"]] - subject.stored["patches"]).max() < 1e-6


def test_the_vision_rows_equal_torch(subject: Subject) -> None:
    vision = Projector(subject.files.vision, find_device("cpu"))
    picture = next(case.parts[0] for case in all_cases() if case.name == STAGE_CASE)
    assert isinstance(picture, Image.Image)
    rows, grid = read_patches(jina_omni.Image(picture), VisionGeometry.from_projector(vision))
    context = Context(find_device("cpu"), 2)
    ours = context.encode_patches(vision, rows, np.array([grid], np.int32))
    context.close()
    expected = subject.stored["rows"]
    assert np.linalg.norm(ours - expected) < 2e-3 * np.linalg.norm(expected)


# Products of float16 weights are exact, or of 14 bits.
@pytest.mark.parametrize(("exact", "most"), [(True, 1e-5), (False, 5e-4)])
def test_the_audio_rows_equal_torch(subject: Subject, *, exact: bool, most: float) -> None:
    audio = Projector(subject.files.audio, find_device("cpu"))
    context = Context(find_device("cpu"), 2, exact=exact)
    frames = np.concatenate([mel(length).T for length in AUDIO_LENGTHS])
    ours = context.encode_mel(audio, frames, np.array(AUDIO_LENGTHS, np.int32))[subject.stored["audio_numbers"]]
    context.close()
    expected = subject.stored["audio_rows"]
    error = np.linalg.norm(ours - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert error.max() < most
