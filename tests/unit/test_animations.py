# SPDX-License-Identifier: Apache-2.0
"""Animated pictures as videos, written by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import PngImagePlugin

from jina_omni.errors import Cancelled, DecodeError, InputError, located
from jina_omni.media import animations
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.video import Video, read_patches, select

GEOMETRY = VisionGeometry(video_min_pixels=2048, video_max_pixels=65_536)
FORMATS = {"GIF": {}, "WEBP": {"lossless": True}, "PNG": {}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}


def picture(i, size=(96, 64)):
    """Draw a field of squares in colours that a GIF of 256 colours has too."""
    colours = np.random.default_rng(i).integers(0, 6, (4, 6, 3)) * 51
    return PILImage.fromarray(np.kron(colours, np.ones((16, 16, 1))).astype(np.uint8)).resize(size)


def animation(kind, n, duration, **options):
    file = io.BytesIO()
    first, *others = map(picture, range(n))
    first.save(file, kind, save_all=True, append_images=others, duration=duration, **FORMATS[kind], **options)
    return file.getvalue()


def embedded(video, dialect="card"):
    selection = select(video, GEOMETRY, dialect)
    patches, found = read_patches(video, selection, GEOMETRY, dialect)
    assert found is selection
    return selection, patches


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("dialect", ["card", "sentence-transformers"])
def test_an_animation_is_the_video_of_its_frames(kind, dialect):
    selection, patches = embedded(Video(animation(kind, 20, 100)), dialect)
    assert (selection.n_frames, selection.size) == (20, (64, 96))
    assert selection.fps == pytest.approx(10)
    frames = np.stack([np.asarray(picture(i)) for i in selection.indices])
    _, expected = embedded(Video(frames, timestamps=selection.timestamps), dialect)
    assert np.abs(patches - expected).max() < (0.1 if kind == "AVIF" else 1e-6)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_rate_is_the_mean_of_the_durations(kind):
    selection, _ = embedded(Video(animation(kind, 4, [100, 200, 300, 400])))
    assert selection.fps == pytest.approx(4)


def test_frames_without_a_duration_are_shown_as_browsers_show_them():
    assert select(Video(animation("GIF", 4, 0)), GEOMETRY, "card").fps == pytest.approx(10)


def test_a_picture_that_does_not_move_is_a_video_of_one_frame():
    file = io.BytesIO()
    picture(0).save(file, "GIF")
    selection, _ = embedded(Video(file.getvalue()))
    assert selection.indices == (0,)


def test_transparent_pixels_keep_their_colour():
    file = io.BytesIO()
    frames = [PILImage.new("RGBA", (64, 64), (200, 100, 50, alpha)) for alpha in (64, 128)]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True, exact=True)
    _, patches = embedded(Video(file.getvalue()))
    _, expected = embedded(Video(np.stack([np.asarray(frame)[..., :3] for frame in frames]), fps=10))
    assert np.array_equal(patches, expected)


def test_a_png_with_much_text_is_read():
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * (3 << 20), zip=True)
    selection, patches = embedded(Video(animation("PNG", 4, 100, pnginfo=text)))
    assert selection.n_frames == 4
    assert np.array_equal(patches, embedded(Video(animation("PNG", 4, 100)))[1])


def test_the_picture_of_a_png_that_is_no_frame_is_left_out():
    selection, patches = embedded(Video(animation("PNG", 5, 200, default_image=True)))
    assert (selection.n_frames, selection.fps) == (4, pytest.approx(5))
    _, expected = embedded(Video(np.stack([np.asarray(picture(i)) for i in range(1, 5)]), fps=5))
    assert np.array_equal(patches, expected)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_an_animation_that_is_cut_short_is_refused(kind, share):
    file = animation(kind, 20, 100)
    with pytest.raises(DecodeError, match=r"input 2 .*damaged"), located(input=2):
        select(Video(file[: int(len(file) * share)]), GEOMETRY, "card")


def test_frames_of_too_many_pixels_are_refused(monkeypatch):
    monkeypatch.setattr(animations, "MAX_FRAME_PIXELS", 96 * 64 - 1)
    with pytest.raises(InputError, match="frames of 96 x 64 pixels, over the limit of 6,143; shrink it"):
        select(Video(animation("GIF", 2, 100)), GEOMETRY, "card")
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 96 * 64 // 3)
    with pytest.raises(InputError, match="is too large to decode safely"):
        select(Video(animation("GIF", 2, 100)), GEOMETRY, "card")


def test_frames_of_too_many_pixels_in_all_are_refused(monkeypatch):
    data = animation("GIF", 4, 100)
    monkeypatch.setattr(animations, "MAX_ANIMATION_PIXELS", 4 * 96 * 64)
    assert select(Video(data), GEOMETRY, "card").n_frames == 4
    monkeypatch.setattr(animations, "MAX_ANIMATION_PIXELS", 4 * 96 * 64 - 1)
    with pytest.raises(
        InputError, match="4 frames of 96 x 64 pixels, over the limit of 24,575 pixels in all; shrink it"
    ):
        select(Video(data), GEOMETRY, "card")


@pytest.mark.parametrize("kind", FORMATS)
def test_measuring_and_skipping_frames_end_when_they_are_cancelled(kind):
    class StopsLater:
        n_asked = 0

        def is_set(self):
            self.n_asked += 1
            return self.n_asked > 3

    video = Video(animation(kind, 20, 100), start=1.9)
    selection = select(video, GEOMETRY, "card")
    for run in (
        lambda stop: select(video, GEOMETRY, "card", stop=stop),
        lambda stop: read_patches(video, selection, GEOMETRY, "card", stop),
    ):
        stop = StopsLater()
        with pytest.raises(Cancelled):
            run(stop)
        assert stop.n_asked == 4
