# SPDX-License-Identifier: Apache-2.0
"""Which way up the frames of a video are, and what lies behind what is transparent in them."""

import doctest
import io
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image as PILImage

import jina_omni
from jina_omni.errors import DecodeError, InputError
from jina_omni.media import turns
from jina_omni.media.image import Image
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.picture_options import PictureOptions
from jina_omni.media.turns import AS_STORED, find_turn, turn_by_exif
from jina_omni.media.video import Video, check, read_patches, select
from jina_omni.media.video_streams import decode_first_frame
from testing.media_files import encoded

GEOMETRY = VisionGeometry(patch_size=4, merge_size=2, video_min_pixels=256, video_max_pixels=1 << 20)
HEIGHT, WIDTH = 48, 64
UPRIGHT = PictureOptions(orientation="upright")


def frames(n=4):
    """Return frames whose corners differ, so that each of the eight ways to lay them out does."""
    pixels = np.zeros((n, HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :24, :32], pixels[:, :24, 32:], pixels[:, 24:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    for i, frame in enumerate(pixels):
        frame[:4, 4 * i : 4 * i + 4] = 255
    return pixels


def film(container="mp4", codec="png", rotation=None, *, mirrored=False, pixels=None, kind="rgb24", pix_fmt="rgb24"):
    """Write a film with a display matrix, by default without loss."""
    pixels = frames() if pixels is None else pixels
    file = io.BytesIO()
    with av.open(file, "w", container) as output:
        stream = output.add_stream(codec, rate=10, width=pixels.shape[2], height=pixels.shape[1], pix_fmt=pix_fmt)
        if rotation is not None:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV can't write a display matrix")
            stream.set_display_rotation(rotation, hflip=mirrored)
        for frame in pixels:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), kind)))
        output.mux(stream.encode(None))
    return file.getvalue()


def embedded(video, pictures=PictureOptions()):  # noqa: B008 - it never changes
    selection = select(video, GEOMETRY, "card", pictures)
    patches, found = read_patches(video, selection, GEOMETRY, "card", pictures=pictures)
    assert found == selection  # decoding found what measuring had found
    return patches


def as_array(pixels):
    return Video(np.ascontiguousarray(pixels), fps=10)


def all_of(data, **options):
    return Video(data, fps=10, **options)


# Counterclockwise, as FFmpeg counts: to what numpy does with each frame.
ROTATIONS = {0: 0, 90: 1, 180: 2, -90: 3}


@pytest.mark.parametrize("form", [("mov", "png", "rgb24"), ("matroska", "ffv1", "bgr0")])
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_display_matrix_turns_frames_only_when_asked_for(form, rotation):
    container, codec, pix_fmt = form
    data = film(container, codec, rotation, pix_fmt=pix_fmt)
    shown = np.rot90(frames(), ROTATIONS[rotation], (1, 2))
    assert np.array_equal(embedded(all_of(data)), embedded(as_array(frames())))
    assert np.array_equal(embedded(all_of(data, orientation="upright")), embedded(as_array(shown)))


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_display_matrix_may_mirror_frames(rotation):
    data = film("mov", rotation=rotation, mirrored=True)
    with av.open(io.BytesIO(data)) as container:
        turn = find_turn(next(container.decode(video=0)))
    found = embedded(all_of(data, orientation="upright"))
    assert np.array_equal(found, embedded(as_array([turn.turn(frame) for frame in frames()])))
    others = [np.rot90(frames(), k, (1, 2)) for k in range(4)]
    assert not any(np.array_equal(found, embedded(as_array(other))) for other in others)


def make_frame(a, b, c, d):
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 14], np.int32) << 16
    return SimpleNamespace(side_data={"DISPLAYMATRIX": matrix.tobytes()})


@pytest.mark.parametrize(
    "matrix", [(1, 0, 0, 1), (-1, 0, 0, 1), (0, 1, -1, 0), (0, -1, 1, 0), (0, 1, 1, 0), (0, -1, -1, 0)]
)
def test_a_pixel_goes_where_the_matrix_puts_it(matrix):
    a, b, c, d = matrix
    pixels = frames(1)[0]
    turned = find_turn(make_frame(*matrix)).turn(pixels)
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    x, y = a * columns + c * rows, b * columns + d * rows
    assert np.array_equal(turned[y - y.min(), x - x.min()], pixels)


def test_an_angle_between_goes_to_the_nearest_right_angle():
    assert find_turn(make_frame(9, 3, -3, 9)) == AS_STORED
    assert find_turn(make_frame(3, 9, -9, 3)) == find_turn(make_frame(0, 1, -1, 0))
    assert find_turn(SimpleNamespace(side_data={})) == AS_STORED


@pytest.mark.parametrize("orientation", range(10))
def test_exif_turns_as_pillow_turns(orientation):
    pixels = frames(1)[0]
    operation = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # EXIF 2.3 to Pillow's Transpose
    picture = PILImage.fromarray(pixels)
    expected = picture if operation is None else picture.transpose(operation)
    turn = turn_by_exif(orientation)
    assert np.array_equal(turn.turn(pixels), np.asarray(expected))
    assert turn.turn_size(HEIGHT, WIDTH) == (expected.height, expected.width)


def animation(kind, **options):
    pictures = [PILImage.fromarray(frame) for frame in frames()]
    file = io.BytesIO()
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], duration=100, **options)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_exif_data_turn_an_animation_only_when_asked_for(kind, options):
    exif = PILImage.Exif()
    exif[0x0112] = 6
    data = animation(kind, exif=exif, **options)
    assert np.array_equal(embedded(all_of(data)), embedded(as_array(frames())))
    shown = np.rot90(frames(), -1, (1, 2))
    assert np.array_equal(embedded(all_of(data, orientation="upright")), embedded(as_array(shown)))


def test_the_model_says_which_way_is_up_unless_a_video_does():
    data, shown = film("mov", rotation=90), np.rot90(frames(), 1, (1, 2))
    assert np.array_equal(embedded(all_of(data), UPRIGHT), embedded(as_array(shown)))
    assert np.array_equal(embedded(all_of(data, orientation="as-stored"), UPRIGHT), embedded(as_array(frames())))
    with jina_omni.demo_model(modality="vision", device="cpu", orientation="upright") as model:
        assert np.array_equal(model.encode(all_of(data)), model.encode(as_array(shown)))


def test_the_first_frame_alone_is_turned_too():
    data, shown = film("mov", rotation=90), np.rot90(frames(), 1, (1, 2))
    assert np.array_equal(np.asarray(decode_first_frame(data)), frames()[0])
    assert np.array_equal(np.asarray(decode_first_frame(data, pictures=UPRIGHT)), shown[0])


def test_an_excerpt_is_turned_too():
    data = film("mov", rotation=90, pixels=frames(8))
    shown = np.rot90(frames(8), 1, (1, 2))[4:]
    found = embedded(all_of(data, start=0.4, end=0.8, orientation="upright"))
    assert np.array_equal(found, embedded(as_array(shown)))


def test_a_split_video_keeps_its_options():
    parts = all_of(film("mov", rotation=90), orientation="upright", background="white").split(seconds=0.2)
    assert {(part.orientation, part.background) for part in parts} == {("upright", "white")}


def transparent():
    pixels = np.concatenate([frames(), np.full((4, HEIGHT, WIDTH, 1), 255, np.uint8)], axis=-1)
    pixels[..., :32, 3] = 0
    return pixels


def test_a_background_shows_where_a_film_is_transparent():
    data = film("mov", "qtrle", pixels=transparent(), kind="rgba", pix_fmt="argb")
    assert np.array_equal(embedded(all_of(data)), embedded(as_array(frames())))
    shown = np.where(transparent()[..., 3:] == 0, np.uint8((0, 64, 255)), frames())
    assert np.array_equal(embedded(all_of(data, background="#0040ff")), embedded(as_array(shown)))
    blue = PictureOptions(background=(0, 64, 255))
    assert np.array_equal(embedded(all_of(data), blue), embedded(as_array(shown)))


def test_a_background_shows_where_an_animation_is_transparent():
    pictures = [PILImage.fromarray(frame) for frame in transparent()]
    file = io.BytesIO()
    pictures[0].save(file, "WEBP", save_all=True, append_images=pictures[1:], duration=100, lossless=True, exact=True)
    data = file.getvalue()
    shown = np.where(transparent()[..., 3:] == 0, np.uint8(255), frames())
    assert np.array_equal(embedded(all_of(data, background="white")), embedded(as_array(shown)))


def test_a_background_does_not_change_what_is_opaque():
    data = film("mov")
    assert np.array_equal(embedded(all_of(data, background="red")), embedded(all_of(data)))


def test_the_options_of_a_video_hold_for_a_list_of_pictures():
    exif = PILImage.Exif()
    exif[0x0112] = 6
    data = [encoded(PILImage.fromarray(pixels), "PNG", exif=exif) for pixels in transparent()]
    stored, on_white = frames(), np.where(transparent()[..., 3:] == 0, np.uint8(255), frames())
    assert np.array_equal(Video(data).source, stored)
    assert np.array_equal(Video(data, orientation="upright").source, np.rot90(stored, -1, (1, 2)))
    assert np.array_equal(Video(data, background="white").source, on_white)
    own = Video([Image(data[0], orientation="as-stored", background="white")], orientation="upright", background="red")
    assert np.array_equal(own.source, on_white[:1])
    assert own.orientation == "upright"


@pytest.mark.parametrize("options", [{"orientation": "up"}, {"background": "no colour"}])
def test_wrong_options_of_a_list_of_pictures_are_refused(options):
    (name,) = options
    with pytest.raises(InputError, match=rf"the Video option {name}"):
        Video([frames(1)[0]], **options)
    with pytest.raises(InputError, match=rf"^frame 1 has the Image option {name}"):
        Video([frames(1)[0], Image(frames(1)[0], **options)])


def test_what_is_no_picture_in_a_list_is_named():
    with pytest.raises(InputError, match=r"^frame 0 is an Image whose source is of the type int") as caught:
        Video([Image(5)])
    assert not isinstance(caught.value, DecodeError)


@pytest.mark.parametrize("options", [{"orientation": "up"}, {"background": "no colour"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(InputError, match=r"the Video option (orientation|background)"):
        check(Video(b"", **options))


def test_the_examples_run():
    assert doctest.testmod(turns).failed == 0
