# SPDX-License-Identifier: Apache-2.0
import doctest
import functools
import io
import json
import math
import os
import threading
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jina_omni import optional_packages
from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import video as video_module
from jina_omni.media import video_streams
from jina_omni.media.frame_selection import select_frames
from jina_omni.media.patches import VisionGeometry, smart_resize
from jina_omni.media.video import Video, read_patches, select
from jina_omni.media.video_streams import has_moving_pictures, has_sound
from testing.checkpoints import pixels
from testing.media_files import noise_block, remuxed, track_file, video_file
from tests.reference_pack import PACK, needs_pack

GEOMETRY = VisionGeometry()
CARD, WRAPPER = "card", "sentence-transformers"
LIMITS = {"min_pixels": 262_144, "max_pixels": 12_845_056, "factor": 32}
# Small, so that mutations stay quick.
TINY = VisionGeometry(video_min_pixels=2048, video_max_pixels=65_536)
HEIGHT, WIDTH = 96, 160
BITS = 10

# Every listed container, with an encoder of PyAV's wheels.
CONTAINERS = {
    "mp4-h264": ("mp4", "libx264"),
    "mp4-mpeg4": ("mp4", "mpeg4"),
    "mov": ("mov", "libx264"),
    "mkv": ("matroska", "libx264"),
    "mkv-hevc": ("matroska", "libx265"),
    "webm-vp8": ("webm", "libvpx"),
    "webm-vp9": ("webm", "libvpx-vp9"),
    "avi": ("avi", "mpeg4"),
    "avi-h264": ("avi", "libx264"),
    "flv": ("flv", "flv1"),
    "flv-h264": ("flv", "libx264"),
    "wmv": ("asf", "wmv2"),
    "mpeg": ("mpeg", "mpeg1video"),
    "mpeg-ts": ("mpegts", "libx264"),
    "ogg": ("ogg", "libvpx"),
}

WHOLE = {
    "mp4": ("mp4", "libx264", {}),
    "mp4-in-fragments": ("mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    "mkv": ("matroska", "libx264", {}),
    "webm": ("webm", "libvpx", {}),
    "avi": ("avi", "mpeg4", {}),
    "flv": ("flv", "flv1", {}),
    "wmv": ("asf", "wmv2", {}),
    "ogg": ("ogg", "libvpx", {}),
}


# ---- clips whose frames tell their number, and what becomes of them ----


def numbered(number, height=HEIGHT, width=WIDTH):
    """Draw the bits of a number as bars, black or white, which outlive any codec."""
    bits = (number >> np.arange(BITS)) & 1
    row = np.repeat(np.where(bits, 224, 32).astype(np.uint8), width // BITS)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_of(frame):
    middles = ((np.arange(BITS) + 0.5) * frame.shape[1] / BITS).astype(int)
    return int(((frame[:, middles].mean((0, 2)) > 128) << np.arange(BITS)).sum())


def frames_of(patches, grid, geometry=GEOMETRY):
    """Undo the layout of patches: (2 t, height, width, 3), values 0 to 255."""
    t, h, w = grid
    p, m = geometry.patch_size, geometry.merge_size
    tiles = patches.reshape(t, h // m, w // m, m, m, 3, 2, p, p).transpose(0, 6, 1, 3, 7, 2, 4, 8, 5)
    return (tiles.reshape(2 * t, h * p, w * p, 3) * 127.5 + 127.5).round().astype(np.uint8)


@functools.cache
def clip_file(name, n_frames):
    container, codec = CONTAINERS[name]
    return video_file(map(numbered, range(n_frames)), container, codec)


@functools.cache
def whole_file(name):
    """30 frames that don't compress well, so that each has some bytes."""
    container, codec, options = WHOLE[name]
    random = np.random.default_rng(0)
    blocks = [np.kron(random.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))) for _ in range(30)]
    return video_file([block.astype(np.uint8) for block in blocks], container, codec, container_options=options)


def embedded(video, dialect=CARD, geometry=GEOMETRY):
    selection = select(video, geometry, dialect)
    patches, found = read_patches(video, selection, geometry, dialect)
    assert patches.shape == (math.prod(found.grid), 1536)
    return selection, patches, found


def card_indices(total, fps, rate=2.0, most=768):
    """Choose as transformers does, in exact arithmetic."""
    n = min(max(int(total / Fraction(fps) * Fraction(rate)), 4), most, total)
    return tuple(round(Fraction(k * (total - 1), n - 1)) if n > 1 else 0 for k in range(n))


def wrapper_indices(total, most=32):
    n = min(total, most)
    return tuple(k * (total - 1) // (n - 1) if n > 1 else 0 for k in range(n))


# ---- sizes ----


@given(
    st.integers(32, 4000),
    st.integers(32, 4000),
    st.integers(1, 900),
    st.sampled_from([(262_144, 12_845_056), (4096, 65_536)]),
)
@settings(max_examples=300)
def test_sizes_agree_with_the_suites_own(height, width, n_frames, limits):
    ours = smart_resize(height, width, min_pixels=limits[0], max_pixels=limits[1], factor=32, n_frames=n_frames)
    assert ours == pixels.smart_resize(height, width, limits, n_frames)


def test_an_odd_frame_counts_twice_in_the_limits_only():
    # (3 frames, counted as 4): within the limit as 3, over it as 4; then corrected for 3.
    limits = {"min_pixels": 1, "max_pixels": 4 * 96 * 96 - 1, "factor": 32}
    assert smart_resize(96, 96, n_frames=2, **limits) == (96, 96)
    assert smart_resize(96, 96, n_frames=3, **limits) == (96, 96)  # beta under 1: as large as before
    assert smart_resize(96, 96, n_frames=4, **limits) == (64, 64)
    # One frame counts as two: not enlarged from 64 x 64 on where the minimum is 8,192.
    assert smart_resize(64, 64, min_pixels=8192, max_pixels=1 << 20, factor=32, n_frames=1) == (64, 64)
    assert smart_resize(64, 64, min_pixels=8192, max_pixels=1 << 20, factor=32) == (96, 96)


def test_sizes_agree_with_transformers():
    module = pytest.importorskip("transformers.models.qwen3_vl.video_processing_qwen3_vl")
    random = np.random.default_rng(5)
    for height, width, half in zip(*random.integers((32, 32, 1), (3000, 3000, 400), (500, 3)).T, strict=True):
        # An even number of frames, which every version rounds alike.
        size = int(height), int(width)
        theirs = module.smart_resize(2 * int(half), *size, 2, 32, 262_144, 12_845_056)
        assert smart_resize(*size, **LIMITS, n_frames=2 * int(half)) == theirs


@pytest.mark.parametrize(("height", "width"), [(31, 400), (400, 16)])
def test_a_video_of_too_small_a_side_says_how_to_scale_it(height, width):
    message = f"^input 3 is a video of {width} x {height} pixels, .* sides are under 32; .* {2 * width} x {2 * height}$"
    with pytest.raises(InputError, match=message), located(input=3):
        select(Video(np.zeros((2, height, width, 3), np.uint8)), GEOMETRY, CARD)
    assert select(Video(np.zeros((2, 2 * height, 2 * width, 3), np.uint8)), GEOMETRY, CARD)


def test_a_video_of_too_long_a_side_is_refused():
    with pytest.raises(InputError, match=r"a video of 6,432 x 32 pixels, more than 200 times"):
        select(Video(np.zeros((1, 32, 6432, 3), np.uint8)), GEOMETRY, CARD)


# ---- which frames, and when ----


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("dialect", [CARD, WRAPPER])
def test_the_selected_frames_of_every_container(name, dialect):
    total = 101
    selection, patches, found = embedded(Video(clip_file(name, total)), dialect)
    expected = card_indices(total, 30) if dialect == CARD else wrapper_indices(total)
    if dialect == CARD and name == "flv":  # whose packets have no duration, so the rate counts one frame too many
        expected = card_indices(total, Fraction(30300, 1000))
    assert found is selection
    assert selection.n_frames == total
    assert selection.indices == expected
    numbers = [number_of(frame) for frame in frames_of(patches, selection.grid)]
    assert numbers == [*expected, *expected[-1:] * (len(expected) % 2)]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 5, 7, 31, 32, 33, 61, 256])
@pytest.mark.parametrize("dialect", [CARD, WRAPPER])
def test_every_length(total, dialect):
    selection, patches, _ = embedded(Video(clip_file("mp4-mpeg4", total)), dialect)
    expected = card_indices(total, 30) if dialect == CARD else wrapper_indices(total)
    assert selection.indices == expected
    assert selection.grid[0] == -(-len(expected) // 2)
    assert len(selection.timestamps) == selection.grid[0]
    numbers = [number_of(frame) for frame in frames_of(patches, selection.grid)]
    assert numbers == [*expected, *expected[-1:] * (len(expected) % 2)]


def test_selections_agree_with_transformers():
    module = pytest.importorskip("transformers.models.qwen3_vl.video_processing_qwen3_vl")
    settings_ = SimpleNamespace(fps=2, min_frames=4, max_frames=768)
    sample = functools.partial(module.Qwen3VLVideoProcessor.sample_frames, settings_)
    options = video_module._read_options(Video("a.mp4"))
    random = np.random.default_rng(3)
    for total, fps in zip(random.integers(1, 60_000, 300), random.uniform(5, 120, 300), strict=True):
        metadata = SimpleNamespace(total_num_frames=int(total), fps=fps)
        selection = select_frames(options, CARD, int(total), (64, 64), fps, GEOMETRY)
        assert selection.indices == tuple(sample(metadata).tolist())


def test_timestamps_agree_with_transformers():
    module = pytest.importorskip("transformers.models.qwen3_vl.processing_qwen3_vl")
    options = video_module._read_options(Video("a.mp4"))
    for total, fps in [(1, 30.0), (7, 2.0), (100, 29.97002997002997), (1001, 24.009603841536613)]:
        selection = select_frames(options, CARD, total, (64, 64), fps, GEOMETRY)
        theirs = module.Qwen3VLProcessor._calculate_timestamps(None, np.array(selection.indices), fps, 2)
        assert selection.timestamps == tuple(theirs)


def test_timestamps_of_the_reference():
    frames = np.zeros((4, 64, 64, 3), np.uint8)
    unknown = select(Video(frames), GEOMETRY, CARD)
    assert [f"{time:.1f}" for time in unknown.timestamps] == ["0.0", "0.1"]
    known = select(Video(frames, fps=2), GEOMETRY, CARD)
    assert [f"{time:.1f}" for time in known.timestamps] == ["0.2", "1.2"]
    eight = select(Video(np.zeros((8, 64, 64, 3), np.uint8)), GEOMETRY, WRAPPER)
    assert [f"{time:.1f}" for time in eight.timestamps] == ["0.0", "0.1", "0.2", "0.3"]


def test_the_wrappers_timestamps_are_those_of_positions_at_24_per_second():
    selection = select(Video(clip_file("mp4-mpeg4", 101)), GEOMETRY, WRAPPER)
    assert selection.timestamps == tuple((i / 24 + (i + 1) / 24) / 2 for i in range(0, 32, 2))


def test_an_odd_last_frame_is_paired_with_itself():
    assert select(Video(np.zeros((3, 64, 64, 3), np.uint8), fps=2), GEOMETRY, CARD).timestamps == (0.25, 1.0)


@pytest.mark.parametrize("dialect", [CARD, WRAPPER])
def test_fps_and_max_frames_of_a_file(dialect):
    file = clip_file("mp4-mpeg4", 256)
    selection = select(Video(file, fps=1), GEOMETRY, dialect)
    assert selection.indices == card_indices(256, 30, 1)
    assert selection.timestamps[0] == (selection.indices[0] / 30 + selection.indices[1] / 30) / 2
    assert select(Video(file, fps=1e300), GEOMETRY, CARD).indices == tuple(range(256))
    assert len(select(Video(file, fps=1e300), GEOMETRY, dialect).indices) == (256 if dialect == CARD else 32)
    assert len(select(Video(file, fps=1e-300), GEOMETRY, dialect).indices) == 4
    for most in (1, 2, 3, 5, 100, 1000):
        n = min(most, 17 if dialect == CARD else 256)
        indices = select(Video(file, max_frames=np.int64(most)), GEOMETRY, dialect).indices
        assert len(indices) == n
        assert indices == (card_indices(256, 30, 2, most) if dialect == CARD else wrapper_indices(256, most))


def test_max_frames_of_an_array():
    frames = np.stack([numbered(i) for i in range(40)])
    assert select(Video(frames), GEOMETRY, WRAPPER).indices == tuple(range(40))
    for dialect, expected in ((CARD, (0, 20, 39)), (WRAPPER, (0, 19, 39))):
        selection, patches, _ = embedded(Video(frames, max_frames=3, fps=10), dialect)
        assert selection.indices == expected
        assert selection.timestamps == ((expected[1] / 10) / 2, 3.9)
        assert [number_of(frame) for frame in frames_of(patches, selection.grid)] == [*expected, 39]


def test_given_timestamps_replace_the_own():
    frames = np.zeros((5, 64, 64, 3), np.uint8)
    assert select(Video(frames, timestamps=[0, 1.5, np.float32(2)]), GEOMETRY, CARD).timestamps == (0.0, 1.5, 2.0)
    assert select(Video(frames, timestamps=False), GEOMETRY, CARD).timestamps is None
    own = select(Video(frames), GEOMETRY, CARD).timestamps
    assert select(Video(frames, timestamps=True), GEOMETRY, CARD).timestamps == own
    with pytest.raises(InputError, match="input 2 has 2 timestamps for 3 pairs of frames"), located(input=2):
        select(Video(frames, timestamps=[0, 1]), GEOMETRY, CARD)


@pytest.mark.parametrize("timestamps", [[0, float("nan"), 1], ["a", "b", "c"], 3, [None] * 3])
def test_timestamps_that_are_not_seconds_are_refused(timestamps):
    with pytest.raises(InputError, match="pass seconds"):
        select(Video(np.zeros((5, 64, 64, 3), np.uint8), timestamps=timestamps), GEOMETRY, CARD)


@pytest.mark.parametrize(
    "options", [{"fps": v} for v in (0, -1, math.nan, math.inf, "2")] + [{"max_frames": v} for v in (0, -3, 1.5, "8")]
)
def test_options_out_of_range_are_refused(options):
    for source in (np.zeros((5, 64, 64, 3), np.uint8), b"not even looked at"):
        with pytest.raises(InputError, match=rf"input 1 has {next(iter(options))}="), located(input=1):
            select(Video(source, **options), GEOMETRY, CARD)


@pytest.mark.parametrize("container", ["matroska", "mp4", "webm"])
def test_a_variable_rate_is_its_mean(container):
    pts = [int(i**1.5 * 10) for i in range(60)]  # gets slower
    codec = "libvpx" if container == "webm" else "libx264"
    selection, patches, _ = embedded(Video(video_file(map(numbered, range(60)), container, codec, pts=pts)))
    assert selection.n_frames == 60
    # the last frame may have no duration
    assert 60 / (pts[-1] / 1000 + 0.5) < selection.fps < 60 / (pts[-1] / 1000) + 1e-3
    assert selection.indices == card_indices(60, selection.fps)
    numbers = [number_of(frame) for frame in frames_of(patches, selection.grid)]
    assert numbers[: len(selection.indices)] == list(selection.indices)


def test_repetitions_without_content_are_not_frames():
    file = video_file(map(numbered, range(60)), "avi", gap=lambda pts: 0 if pts < 20 else 25)
    with av.open(io.BytesIO(file)) as container:
        assert container.streams.video[0].frames == 85  # says the header
    selection, patches, _ = embedded(Video(file), WRAPPER)
    assert selection.n_frames == 60
    assert [number_of(f) for f in frames_of(patches, selection.grid)] == list(wrapper_indices(60))


@pytest.mark.parametrize("dialect", [CARD, WRAPPER])
def test_frames_that_can_not_be_shown_are_not_counted(dialect):
    # Frames that lean on what was cut away come first; FFmpeg drops them.
    group = {"x264-params": "open-gop=1:bframes=3:keyint=12:scenecut=0"}
    whole = video_file(map(numbered, range(60)), "matroska", "libx264", options=group)
    cut = remuxed(whole, "matroska", 2)
    with av.open(io.BytesIO(cut)) as container:
        shown = [number_of(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    selection, patches, found = embedded(Video(cut), dialect)
    assert selection.n_frames > found.n_frames == len(shown)
    expected = card_indices(len(shown), selection.fps) if dialect == CARD else wrapper_indices(len(shown))
    assert found.indices == expected
    numbers = [number_of(frame) for frame in frames_of(patches, found.grid)]
    assert numbers == [shown[i] for i in expected]
    # An MP4 file says itself which they are.
    selection, _, found = embedded(Video(remuxed(whole, "mp4", 2)), dialect)
    assert selection is found
    assert selection.n_frames == len(shown)


# ---- frames that repeat ----


def test_packets_without_content_repeat_the_frame_before_them():
    """As Theora has them wherever nothing moves; here of a film of pictures on their own."""
    film = bytearray(video_file(map(numbered, range(8)), "mov", "mjpeg", rate=10, pix_fmt="yuvj420p"))
    sizes = film.index(b"stsz") + 16  # ISO 14496-12, 8.7.3.2
    for i in (1, 2, 5, 7):
        film[sizes + 4 * i : sizes + 4 * i + 4] = bytes(4)
    selection, patches, found = embedded(Video(bytes(film)), WRAPPER)
    assert selection is found
    assert (selection.n_frames, selection.fps) == (8, 10)
    assert [number_of(frame) for frame in frames_of(patches, selection.grid)] == [0, 0, 0, 1, 2, 2, 3, 3]


# ---- streams without a container, or without a beginning ----

STREAMS = {
    "mpeg1": ("mpeg1video", "mpeg1video", {}),
    "mpeg2": ("mpeg2video", "mpeg2video", {"bf": "2"}),
    "mpeg4": ("m4v", "mpeg4", {}),
    "h264": ("h264", "libx264", {}),
    "hevc": ("hevc", "libx265", {}),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_bare_stream_is_the_film_of_its_packets(name):
    container, codec, options = STREAMS[name]
    bare, wrapped = (
        video_file(map(numbered, range(101)), to, codec, rate=25, options=options) for to in (container, "matroska")
    )
    selection, patches, _ = embedded(Video(bare))
    expected, same, _ = embedded(Video(wrapped))
    assert (selection.n_frames, selection.fps, selection.indices) == (101, 25, expected.indices)
    assert np.array_equal(patches, same)


@pytest.mark.parametrize("name", STREAMS)
def test_a_bare_stream_may_end_within_a_frame(name):
    container, codec, options = STREAMS[name]
    whole = video_file(map(numbered, range(101)), container, codec, rate=25, options={"g": "12", **options})
    for share in (0.5, 0.9, 0.97):
        _, patches, found = embedded(Video(whole[: int(len(whole) * share)]))
        numbers = [number_of(frame) for frame in frames_of(patches, found.grid)]
        assert len(numbers) >= 2
        assert numbers[: len(found.indices)][:-1] == list(found.indices)[:-1]


def test_a_bare_stream_that_is_damaged_in_its_middle_is_refused():
    file = bytearray(video_file(map(numbered, range(101)), "mpeg2video", "mpeg2video", options={"g": "200"}))
    file[len(file) // 2 : len(file) // 2 + 40] = bytes(40)
    with pytest.raises(DecodeError, match="is damaged: only"):
        embedded(Video(bytes(file)))


@pytest.mark.parametrize("name", ["DecoderNotFoundError", "PatchWelcomeError"])
def test_a_variant_that_is_not_supported_is_not_called_damaged(name, monkeypatch):
    def fail(*_args):
        raise getattr(av.error, name)(1, "not yet implemented")
        yield

    monkeypatch.setattr(video_streams, "_decode_packets", fail)
    with pytest.raises(UnsupportedMediaError, match="variant of h264 that this PyAV does not decode; convert it"):
        embedded(Video(clip_file("mkv", 31)))


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "libx265"])
@pytest.mark.parametrize("place", [188 * 20, 188 * 20 + 77])
def test_a_recording_of_a_transport_stream_begins_anywhere(codec, place):
    whole = video_file(map(numbered, range(100)), "mpegts", codec, rate=25, options={"g": "12"})
    _, patches, found = embedded(Video(whole[place:]))
    first = 12  # the first key frame behind that place
    assert found.n_frames == 100 - first
    numbers = [number_of(frame) for frame in frames_of(patches, found.grid)]
    assert numbers[: len(found.indices)] == [first + i for i in found.indices]


def test_packets_of_192_bytes_are_those_of_188():
    stream = video_file(map(numbered, range(30)), "mpegts", "mpeg2video", rate=25)
    packets = [stream[i : i + 188] for i in range(0, len(stream), 188)]
    m2ts = b"".join(i.to_bytes(4, "big") + packet for i, packet in enumerate(packets))
    assert np.array_equal(embedded(Video(m2ts))[1], embedded(Video(stream))[1])


# ---- pixels ----


@pytest.mark.parametrize("shape", [(1, 96, 160), (2, 32, 32), (3, 200, 60), (5, 700, 500), (12, 240, 320)])
def test_patches_of_arrays_equal_the_suites_own(shape):
    frames = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    expected = pixels.video_patches(frames, pixels.Limits())
    selection, patches, _ = embedded(Video(frames))
    assert selection.grid == expected.grid
    assert np.abs(patches - expected.rows).max() <= 1e-6


def test_arrays_of_any_layout_in_memory():
    frames = np.random.default_rng(1).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    _, expected, _ = embedded(Video(frames))
    _, patches, _ = embedded(Video(np.asfortranarray(frames)))
    assert np.array_equal(patches, expected)
    _, patches, _ = embedded(Video(frames[:, :, ::-1][:, :, ::-1]))
    assert np.array_equal(patches, expected)


def test_patches_of_a_file_are_those_of_its_decoded_frames():
    file = whole_file("mp4")
    with av.open(io.BytesIO(file)) as container:
        frames = np.stack([np.asarray(frame.to_image()) for frame in container.decode(video=0)])
    _, patches, selection = embedded(Video(file), WRAPPER)
    assert selection.indices == tuple(range(30))
    expected = pixels.video_patches(frames, pixels.Limits())
    assert selection.grid == expected.grid
    assert np.abs(patches - expected.rows).max() <= 1e-6


def test_path_and_bytes_give_the_same(tmp_path):
    path = tmp_path / "clip.txt"  # a name says nothing
    path.write_bytes(clip_file("mkv", 31))
    _, expected, _ = embedded(Video(clip_file("mkv", 31)))
    for source in (path, str(path), bytearray(path.read_bytes()), memoryview(path.read_bytes())):
        assert np.array_equal(embedded(Video(source))[1], expected)


def test_quicktime_without_a_brand():
    file = clip_file("mov", 101)
    size = int.from_bytes(file[:4], "big")
    assert file[4:8] == b"ftyp"
    # Places of content are counted from the start of the file, so the box is overwritten, not left out.
    old = size.to_bytes(4, "big") + b"wide" + file[8:]
    assert np.array_equal(embedded(Video(old))[1], embedded(Video(file))[1])


def test_limits_are_those_of_the_vision_file():
    selection = select(Video(np.zeros((4, 640, 640, 3), np.uint8)), TINY, CARD)
    assert 2048 <= math.prod(selection.grid) * 256 * 2 <= 65_536


def test_metadata_of_rotation_is_not_applied():
    file = bytearray(clip_file("mp4-mpeg4", 4))
    matrix = file.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2
    for i, value in enumerate((0, 1, 0, -1, 0, 0, WIDTH, 0, 0x4000)):  # a quarter turn
        file[matrix + 4 * i : matrix + 4 * i + 4] = (value << 16).to_bytes(4, "big", signed=True)
    with av.open(io.BytesIO(file)) as container:
        assert next(container.decode(video=0)).rotation in (90, -90)
    _, expected, upright = embedded(Video(clip_file("mp4-mpeg4", 4)))
    _, patches, selection = embedded(Video(bytes(file)))
    assert selection.grid == upright.grid
    assert np.array_equal(patches, expected)


def test_frames_that_change_their_size_fit_all_the_same():
    sizes = [(96, 160), (96, 160), (192, 320), (48, 80)]
    pictures = [video_file([numbered(i, *size)], "avi", "mjpeg", pix_fmt="yuvj420p") for i, size in enumerate(sizes)]
    file = io.BytesIO()
    with av.open(io.BytesIO(pictures[0])) as first, av.open(file, "w", format="avi") as output:
        stream = output.add_stream_from_template(first.streams.video[0])
        for i, picture in enumerate(pictures):
            with av.open(io.BytesIO(picture)) as source:
                packet = next(source.demux(video=0))
                packet.stream, packet.pts, packet.dts = stream, i, i
                output.mux(packet)
    selection, patches, found = embedded(Video(file.getvalue()))
    assert selection is found
    assert selection.size == sizes[0]
    assert [number_of(frame) for frame in frames_of(patches, selection.grid)] == [0, 1, 2, 3]


def test_a_header_of_the_wrong_size_is_corrected():
    # Bytes 64 to 71 of an AVI file's stream format: width and height of the bitmap.
    file = bytearray(video_file(map(numbered, range(4)), "avi", "mjpeg", pix_fmt="yuvj420p"))
    place = file.index(b"strf") + 12
    assert file[place : place + 8] == WIDTH.to_bytes(4, "little") + HEIGHT.to_bytes(4, "little")
    file[place : place + 8] = (320).to_bytes(4, "little") + (96).to_bytes(4, "little")
    _, patches, selection = embedded(Video(bytes(file)))
    assert selection.size == (HEIGHT, WIDTH)
    assert selection.grid == embedded(Video(video_file(map(numbered, range(4)), "avi", "mpeg4")))[2].grid
    assert [number_of(frame) for frame in frames_of(patches, selection.grid)] == [0, 1, 2, 3]


@needs_pack
@pytest.mark.parametrize("size", ["small", "nano"])
def test_clips_of_the_reference_pack(size):
    cases = json.loads((PACK / size / "cases.json").read_text())
    stages = np.load(PACK / size / "stages.npz")
    seen = 0
    for part in (part for case in cases for part in case["parts"] if part[0] == "video"):
        frames = np.load(PACK / "media" / part[1])["frames"]
        selection, patches, _ = embedded(Video(frames, fps=2))
        if part[2] is not None:
            assert list(selection.timestamps) == part[2]
        expected = pixels.video_patches(frames, pixels.Limits())
        assert selection.grid == expected.grid
        assert np.abs(patches - expected.rows).max() <= 1e-6
        if part[1] == str(stages["video_name"]):
            assert selection.grid == tuple(stages["video_grid"])
            seen += 1
    assert seen


# ---- memory ----


def test_a_long_film_does_not_lie_in_memory():
    film = video_file((numbered(i % 1024, 240, 320) for i in range(2000)), "mp4", "mpeg4")
    embedded(Video(clip_file("mp4-mpeg4", 31)), geometry=TINY)  # what is loaded and allocated once
    process, peak, done = psutil.Process(), 0, threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    before = process.memory_info().rss
    watcher.start()
    try:
        selection, _, _ = embedded(Video(film, max_frames=16), geometry=TINY)
    finally:
        done.set()
        watcher.join()
    assert selection.n_frames == 2000
    assert 2000 * 240 * 320 * 3 > 400 << 20
    assert peak - before < 60 << 20


# ---- what is refused ----


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name, name=name)

    monkeypatch.setattr(optional_packages.importlib, "import_module", missing)
    message = r"^input 4 is a file of the type video/matroska, which needs .*'jina-omni\[video\]'"
    with pytest.raises(UnsupportedMediaError, match=message), located(input=4):
        select(Video(clip_file("mkv", 31)), GEOMETRY, CARD)
    assert select(Video(np.zeros((2, 64, 64, 3), np.uint8)), GEOMETRY, CARD).grid  # needs none


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 64, 64, 3), np.float32), r"array of float32; pixels are uint8.*\* 255"),
        (np.zeros((2, 64, 64, 3), np.int64), "array of int64; pixels are uint8"),
        (np.zeros((64, 64, 3), np.uint8), r"the shape \(64, 64, 3\); a video is"),
        (np.zeros((2, 64, 64, 4), np.uint8), r"the shape \(2, 64, 64, 4\)"),
        (np.zeros((2, 3, 64, 64), np.uint8), r"channels come last: array.transpose\(0, 2, 3, 1\)"),
        (np.zeros((0, 64, 64, 3), np.uint8), "empty; leave it out"),
        (np.zeros((2, 0, 64, 3), np.uint8), "empty; leave it out"),
    ],
    ids=str,
)
def test_arrays_that_are_not_frames_are_refused(array, message):
    with pytest.raises(InputError, match=message):
        select(Video(array), GEOMETRY, CARD)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", DecodeError, "empty file"),
        (b"\0" * 5000, UnsupportedMediaError, "unknown type"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", UnsupportedMediaError, "text/plain"),
        (b"ffconcat version 1.0\nfile a.mp4\n", UnsupportedMediaError, "text/plain"),
        (b"\xff\xd8\xff\xe0", UnsupportedMediaError, "image/jpeg"),
        (b"\0\0\0\x18ftypisom" + bytes(4000), DecodeError, "damaged or cut short"),
        (b"\x1aE\xdf\xa3" + bytes(4000), DecodeError, "damaged or cut short"),
        (b"\x1aE\xdf\xa3", DecodeError, "damaged or cut short"),
        (b"RIFF\0\0\0\0AVI " + bytes(4000), DecodeError, "damaged or cut short"),
        (b"FLV\x01\x05\0\0\0\x09" + bytes(4000), InputError, "input 7"),
        (b"0&\xb2u\x8ef\xcf\x11" + bytes(4000), DecodeError, "damaged or cut short"),
    ],
    ids=str,
)
def test_files_that_are_not_videos_are_refused(data, error, message):
    with pytest.raises(error, match=message) as caught, located(input=7):
        select(Video(data), GEOMETRY, CARD)
    assert str(caught.value).startswith("input 7")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system here")
def test_paths_that_are_not_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    here = [tmp_path / "pipe.mp4", tmp_path, tmp_path / "none.mp4"]
    for path in (*here, "/dev/zero", "https://example.org/a.mp4", "file:/etc/passwd", "concat:a.mp4|b.mp4"):
        with pytest.raises(InputError, match="input"):
            select(Video(path), GEOMETRY, CARD)


def test_sound_alone_is_not_a_video():
    file = track_file("mp4", "aac")
    with pytest.raises(InputError, match=r"without moving pictures; embed its sound: jina_omni.Audio"):
        select(Video(file), GEOMETRY, CARD)


def test_a_stream_without_frames_is_refused():
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as output:
        stream = output.add_stream("mpeg4", rate=30)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        output.start_encoding()
    with pytest.raises(DecodeError, match="input 3 is a video without a single frame"), located(input=3):
        select(Video(file.getvalue()), GEOMETRY, CARD)


def test_an_unknown_codec_is_refused():
    file = clip_file("avi", 101).replace(b"FMP4", b"ZZZZ").replace(b"XVID", b"ZZZZ").replace(b"DIVX", b"ZZZZ")
    assert b"ZZZZ" in file
    with pytest.raises(UnsupportedMediaError, match="a codec that this PyAV does not decode"):
        select(Video(file), GEOMETRY, CARD)


def test_an_encrypted_film_is_not_called_damaged():
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "5a" * 16, "encryption_kid": "17" * 16}
    file = video_file(map(numbered, range(10)), "mp4", "libx264", container_options=key)
    with pytest.raises(UnsupportedMediaError, match=r"^input 8 is an encrypted video; pass"), located(input=8):
        select(Video(file), GEOMETRY, CARD)


def test_frames_of_too_many_pixels_are_refused(monkeypatch):
    monkeypatch.setattr(video_streams, "MAX_FRAME_PIXELS", 96 * 160 - 1)
    with pytest.raises(InputError, match="frames of 160 x 96 pixels, over the limit of 15,359; shrink it"):
        select(Video(clip_file("mkv", 31)), GEOMETRY, CARD)
    # Also where the header understates them: the decoder keeps to the limit by itself.
    monkeypatch.setattr(video_streams, "MAX_FRAME_PIXELS", 96 * 160)
    video = Video(clip_file("mkv", 31))
    selection = select(video, GEOMETRY, CARD)
    monkeypatch.setattr(video_streams, "_find_stream", with_limit(96 * 160 - 1, video_streams._find_stream))
    with pytest.raises(DecodeError, match="only 0 of its 31 frames"):
        read_patches(video, selection, GEOMETRY, CARD)


def with_limit(limit, original):
    def changed(container):
        stream = original(container)
        stream.codec_context.options = {"max_pixels": str(limit)}
        return stream

    return changed


# ---- pictures or sound ----


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_clip_has_pictures_and_no_sound(name):
    assert has_moving_pictures(clip_file(name, 101))
    assert not has_sound(clip_file(name, 101))


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "aac"),
        ("ipod", "aac"),
        ("mov", "pcm_s16le"),
        ("webm", "libopus"),
        ("matroska", "flac"),
        ("asf", "pcm_s16le"),
        ("ogg", "libopus"),
    ],
)
def test_a_sound_has_no_pictures(container, codec):
    file = track_file(container, codec)
    assert has_sound(file)
    assert not has_moving_pictures(file)


def test_both(tmp_path):
    path = tmp_path / "clip"
    path.write_bytes(video_file(map(numbered, range(9)), "mov", sound=True))
    assert has_sound(path)
    assert has_moving_pictures(str(path))


def test_a_cover_is_not_a_video():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=16_000, layout="mono")
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = type(cover.disposition).attached_pic.value
        output.mux(cover.encode(av.VideoFrame(64, 64, "yuvj420p")))
        for i in range(20):
            output.mux(sound.encode(noise_block(i)))
        output.mux(sound.encode(None))
    with av.open(io.BytesIO(file.getvalue())) as container:
        assert len(container.streams.video) == 1
    assert not has_moving_pictures(file.getvalue())
    with pytest.raises(InputError, match="without moving pictures"):
        select(Video(file.getvalue()), GEOMETRY, CARD)


# ---- damage ----


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_cut_file_is_refused(name, share, capfd):
    file = whole_file(name)
    assert embedded(Video(file), geometry=TINY)[0].n_frames == 30
    cut = Video(file[: int(len(file) * share)])
    with pytest.raises(InputError, match=r"^input 5 .*(cut short|damaged)"), located(input=5):
        read_patches(cut, select(cut, TINY, CARD), TINY, CARD)
    assert capfd.readouterr() == ("", "")  # nor does FFmpeg write anything


def test_a_file_that_is_cut_within_its_sound_is_refused(tmp_path):
    # The index comes first, then what is left of the content: its last packet is one of sound.
    path = tmp_path / "clip.mov"
    path.write_bytes(video_file(map(numbered, range(30)), "mov", sound=True))
    fast = tmp_path / "fast.mov"
    with av.open(path) as source, av.open(fast, "w", format="mov", options={"movflags": "faststart"}) as output:
        streams = {s.index: output.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    with av.open(fast) as container:
        ends = [(p.pos, p.pos + p.size) for p in container.demux(audio=0) if p.size]
    start, end = ends[len(ends) // 2]
    with pytest.raises(DecodeError, match="cut short"):
        select(Video(fast.read_bytes()[: (start + end) // 2]), GEOMETRY, CARD)


@pytest.mark.parametrize("size", [1 << 31, 1 << 62, (1 << 64) - 1])
def test_absurd_lengths_are_refused(size, tmp_path):
    box = b"\0\0\0\x14ftypisom\0\0\0\0isom"
    long_box = b"\0\0\0\x01%s" + size.to_bytes(8, "big")
    header = b"\x1aE\xdf\xa3\x01" + (size % (1 << 56)).to_bytes(7, "big")
    segment = b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67" + header[4:]
    for data in (box + long_box % b"mdat", box + long_box % b"junk", header, segment):
        path = tmp_path / "clip"
        path.write_bytes(data + bytes(100))
        for source in (path, data):
            with pytest.raises(DecodeError, match="cut short"):
                select(Video(source), GEOMETRY, CARD)


def test_a_matroska_recording_of_unknown_length_is_read():
    file = video_file(map(numbered, range(30)), "matroska", "libx264", container_options={"live": "1"})
    assert embedded(Video(file))[0].n_frames == 30


@pytest.mark.parametrize("name", ["mp4", "avi"])
def test_damaged_content_says_how_far_it_is_read(name):
    file = bytearray(whole_file(name))
    file[len(file) // 2 : len(file) // 2 + 1500] = bytes(1500)
    video = Video(bytes(file))
    selection = select(video, TINY, CARD)
    message = r"^input 5 is damaged: only \d+ of its \d+ frames can be read .*; to do"
    with pytest.raises(DecodeError, match=message), located(input=5):
        read_patches(video, selection, TINY, CARD)


@pytest.mark.parametrize("place", ["decode", "convert"])
def test_too_little_memory_is_not_called_damage(place, monkeypatch):
    video = Video(clip_file("mkv", 31))
    selection = select(video, TINY, CARD)

    def fail(*_args, **_options):
        raise MemoryError

    if place == "decode":
        monkeypatch.setattr(video_streams, "_decode_packets", fail)
    else:
        monkeypatch.setattr(video_streams, "Frame", lambda size, _read: SimpleNamespace(size=size, read=fail))
    with pytest.raises(InputError, match=r"^input 5 can't be decoded as a video.*MemoryError"), located(input=5):
        read_patches(video, selection, TINY, CARD)


@pytest.mark.parametrize("name", ["mp4", "flv", "wmv"])
def test_joined_films_of_which_only_the_first_would_be_read_are_refused(name):
    container, codec, options = WHOLE[name]
    parts = [video_file(map(numbered, range(n)), container, codec, container_options=options) for n in (10, 12, 14)]
    for n_parts in (2, 3):
        joined = b"".join(parts[:n_parts])
        words = rf"^input 7 is a file of {n_parts} videos, one behind the other.*; .* join them: ffmpeg -f concat"
        with pytest.raises(InputError, match=words), located(input=7):
            video_streams.measure_film(joined)
    assert [video_streams.measure_film(part).n_frames for part in parts] == [10, 12, 14]


def test_a_stream_of_fragments_that_has_its_index_again_is_one_film():
    container, codec, options = WHOLE["mp4-in-fragments"]
    one = video_file(map(numbered, range(30)), container, codec, container_options=options)
    two, place = bytearray(one), one.index(b"tfdt") + 8  # the time at which the fragment begins
    two[place : place + 8] = (int.from_bytes(one[place : place + 8], "big") + 30 * 512).to_bytes(8, "big")
    assert video_streams.measure_film(one + bytes(two)).n_frames == 60


def test_joined_streams_of_packets_are_refused_with_the_way_out():
    one = video_file(map(numbered, range(30)), "mpegts", "libx264")
    words = r"damaged after \d+ frames, or parts of it are missing or joined there; .* join its parts: ffmpeg -f concat"
    with pytest.raises(DecodeError, match=words):
        video_streams.measure_film(one + one)


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "avi", "flv", "wmv"])
def test_flipped_bytes_give_patches_or_an_input_error(name, capfd):
    file = whole_file(name)
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(50):
        mutated = bytearray(file)
        # Many in the head, where the structure is.
        places = random.integers(0, random.choice([200, 2000, len(file)]), random.integers(1, 12))
        for place in places:
            mutated[place % len(file)] = random.integers(256)
        try:
            has_moving_pictures(bytes(mutated))
            embedded(Video(bytes(mutated)), WRAPPER, TINY)
        except InputError:
            refused += 1
    assert 0 < refused <= 50
    assert capfd.readouterr() == ("", "")


def test_doctests():
    failed, run = doctest.testmod(video_module)
    assert run
    assert not failed
