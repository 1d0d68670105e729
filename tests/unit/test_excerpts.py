# SPDX-License-Identifier: Apache-2.0
"""Excerpts of sounds and videos: which there are, and that each is what it would be as a file of its own."""

import doctest
import io
import itertools
import math
import threading
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jina_omni.errors import InputError, located
from jina_omni.media import audio as audio_module
from jina_omni.media import excerpts as excerpts_module
from jina_omni.media import video_streams
from jina_omni.media.audio import Audio, count_samples, measure_track, read_samples, read_track
from jina_omni.media.excerpts import Excerpt, list_excerpts
from jina_omni.media.mel import count_mel_frames
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.video import Video, read_patches, select
from testing.media_files import signal, sound_container, sound_file, video_file
from tests.unit.test_animations import animation
from tests.unit.test_video import frames_of, number_of, numbered

GEOMETRY = VisionGeometry(video_min_pixels=2048, video_max_pixels=65_536)
RATE = 25

FILMS = {
    "mp4": ("mp4", "libx264", {"bf": "2"}),
    "mp4-hevc": ("mp4", "libx265", {}),
    "mov": ("mov", "mpeg4", {}),
    "mkv": ("matroska", "libx264", {"bf": "2"}),
    "webm": ("webm", "libvpx", {}),
    "avi": ("avi", "mpeg4", {}),
    "flv": ("flv", "flv1", {}),
    "wmv": ("asf", "wmv2", {}),
    "ogg": ("ogg", "libvpx", {}),
    "mpeg-ts": ("mpegts", "libx264", {"bf": "2"}),
    "mpeg2": ("mpeg2video", "mpeg2video", {"bf": "2"}),
    "h264": ("h264", "libx264", {"bf": "2"}),
}


def film(name, n=130):
    container, codec, options = FILMS[name]
    return video_file(map(numbered, range(n)), container, codec, rate=RATE, options={"g": "40", **options})


def shown(video):
    """Return the numbers of the frames that are taken of a video, its selection, and that after decoding."""
    selection = select(video, GEOMETRY, "card")
    patches, found = read_patches(video, selection, GEOMETRY, "card")
    numbers = [number_of(frame) for frame in frames_of(patches, found.grid, GEOMETRY)]
    return numbers[: len(found.indices)], selection, found


def times(parts):
    return [(part.start, pytest.approx(part.end)) for part in parts]


# ---- which there are ----


@given(
    st.floats(0.1, 500),
    st.floats(0.05, 40),
    st.floats(0, 0.9),
    st.floats(0, 50),
    st.one_of(st.none(), st.floats(1, 99)),
)
@example(1.0, 0.5, 1e-7, 0.0, None)  # an overlap of less than a microsecond
def test_excerpts_cover_the_part_without_a_gap(length, seconds, share, start, span):
    excerpt = Excerpt(start * length / 100, math.inf if span is None else start * length / 100 + span)
    parts = list_excerpts(excerpt, length, seconds, share * seconds)
    assert parts[0].start == pytest.approx(excerpt.start, abs=1e-6)
    assert parts[-1].end == pytest.approx(min(excerpt.end, length), abs=1e-5)
    for before, after in itertools.pairwise(parts):
        assert before.end - before.start == pytest.approx(seconds, abs=2e-6)
        assert before.end - after.start == pytest.approx(share * seconds, abs=2e-6)
    assert all(part.start < part.end for part in parts)
    if share == 0:
        assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]


@pytest.mark.parametrize(
    "arguments",
    [(0, 0), (-1, 0), (math.inf, 0), (math.nan, 0), ("30", 0), (None, 0), (True, 0), (30, 30), (30, -1), (30, "1")],
    ids=str,
)
def test_lengths_that_can_not_be_taken_are_refused(arguments):
    for medium in (Audio(np.zeros(100, np.float32), sampling_rate=16_000), Video(np.zeros((5, 64, 64, 3), np.uint8))):
        with pytest.raises(InputError, match="can't be split"):
            medium.split(*arguments)


def test_too_many_excerpts_are_refused():
    with pytest.raises(InputError, match=r"has 1,600,000 excerpts of 1e-06 seconds, over the limit of 65,536"):
        Audio(np.zeros(25_600, np.float32), sampling_rate=16_000).split(1e-6)


@pytest.mark.parametrize(
    "times", [(-1, None), (3, 2), (2, 2), (math.nan, None), (math.inf, None), ("1", None), (0, False), (10**400, None)]
)
def test_times_that_can_not_be_taken_are_refused(times):
    start, end = times
    audio = Audio(np.zeros(100, np.float32), sampling_rate=16_000, start=start, end=end)
    video = Video(np.zeros((5, 64, 64, 3), np.uint8), start=start, end=end)
    for check in (lambda: read_samples(audio), lambda: select(video, GEOMETRY, "card")):
        with pytest.raises(InputError, match=r"^input 4 has start=.* and end=.*; pass seconds"), located(input=4):
            check()


# ---- of sounds ----

SOUNDS = {
    "wav": lambda samples: sound_file(samples, 16_000),
    "flac": lambda samples: sound_file(samples, 16_000, "FLAC"),
    "ogg": lambda samples: sound_file(samples, 16_000, "OGG", "VORBIS"),
    "mp3": lambda samples: sound_file(samples, 16_000, "MP3", "MPEG_LAYER_III"),
    "m4a": lambda samples: sound_container(samples, "ipod", "aac", 16_000),
    "aac": lambda samples: sound_container(samples, "adts", "aac", 16_000),
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_the_excerpts_of_a_sound_are_its_samples(kind):
    file = SOUNDS[kind](signal(7, 16_000, 1))
    whole = read_samples(Audio(file))
    parts = Audio(file).split(2)
    assert [part.start for part in parts] == [0, 2, 4, 6]
    assert np.array_equal(np.concatenate([read_samples(part) for part in parts]), whole)
    for part in parts[:3]:
        assert count_samples(part) == 32_000


def test_the_excerpts_of_an_array_overlap():
    samples = signal(7, 16_000, 2)
    parts = Audio(samples, sampling_rate=16_000).split(seconds=3, overlap=1)
    assert times(parts) == [(0, 3), (2, 5), (4, 7)]
    for part in parts:
        cut = samples[round(part.start * 16_000) : round(part.end * 16_000)]
        assert np.array_equal(read_samples(part), read_samples(Audio(cut, sampling_rate=16_000)))


def test_a_long_sound_is_split_into_what_the_model_takes():
    file = sound_container(signal(62, 16_000, 1), "adts", "aac", 16_000)  # which does not say how long it is
    parts = Audio(file).split()
    assert [part.start for part in parts] == [0, 30, 60]
    assert max(len(read_samples(part)) for part in parts) == 480_000


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_the_excerpts_of_joined_files_reach_to_the_end_of_the_last(kind):
    files = [SOUNDS[kind](signal(20, 16_000, 1, number)) for number in (1, 2, 3)]
    parts = Audio(b"".join(files)).split()
    assert [part.start for part in parts] == [0, 30]
    whole = np.concatenate([read_samples(Audio(file)) for file in files])
    assert np.array_equal(np.concatenate([read_samples(part) for part in parts]), whole)


def test_of_an_excerpt_without_an_end_no_more_is_looked_at_than_it_takes(monkeypatch):
    asked = []
    open_sound = audio_module.open_sound

    def record(source, *, seconds):
        asked.append(seconds)
        return open_sound(source, seconds=seconds)

    monkeypatch.setattr(audio_module, "open_sound", record)
    file = sound_file(signal(95, 8_000, 1), 8_000)
    for excerpt in ({}, {"start": 60}, {"end": 7}, {"start": 60, "end": 70}, {"start": 5, "end": 90}):
        count_samples(Audio(file, **excerpt))
    assert asked == [30, 90, 7, 70, 35]
    Audio(file, start=60).split()
    assert asked[-1] == math.inf


def test_the_padding_of_an_encoder_is_not_an_excerpt():
    file = sound_container(signal(6, 16_000, 1), "adts", "aac", 16_000)
    assert len(read_samples(Audio(file))) > 6 * 16_000
    assert len(Audio(file).split(2)) == 3


def test_excerpts_of_an_excerpt_stay_in_it():
    audio = Audio(signal(9, 16_000, 1), sampling_rate=16_000, start=2, end=7)
    assert times(audio.split(2)) == [(2, 4), (4, 6), (6, 7)]
    assert repr(audio) == "Audio(<array (144000, 1)>, sampling_rate=16000, start=2, end=7)"


def test_an_excerpt_behind_the_end_of_a_sound_is_refused():
    audio = Audio(sound_file(signal(2, 16_000, 1), 16_000), start=5, end=6)
    with pytest.raises(InputError, match=r"^input 1 has no sound from 5 to 6 seconds"), located(input=1):
        read_samples(audio)
    with pytest.raises(InputError, match="is 2 seconds long and has nothing from 5 to 6 seconds"):
        audio.split()


# ---- of films ----


@pytest.mark.parametrize("name", FILMS)
def test_the_excerpts_of_a_film_are_its_frames(name):
    parts = Video(film(name), fps=5).split(2)
    assert times(parts) == [(0, 2), (2, 4), (4, 5.2)]
    for part, (first, n) in zip(parts, [(0, 50), (50, 50), (100, 30)], strict=True):
        numbers, selection, found = shown(part)
        assert found is selection
        assert selection.n_frames == n
        assert selection.fps == pytest.approx(RATE, rel=0.03)  # the packets of FLV have no duration
        assert numbers == [first + i for i in selection.indices]
        assert selection.timestamps[0] < 1  # of the excerpt


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "avi", "flv", "wmv", "ogg", "mpeg-ts"])
def test_an_excerpt_is_decoded_from_the_key_frame_before_it(name, monkeypatch):
    n_decoded = 0
    original = video_streams._decode_packets

    def count(packets, clock):
        nonlocal n_decoded
        for item in original(packets, clock):
            n_decoded += 1
            yield item

    monkeypatch.setattr(video_streams, "_decode_packets", count)
    numbers, _, _ = shown(Video(film(name, 1000), start=36, end=38))
    assert numbers[0] == 900
    # A group of pictures, three seconds at which a transport stream is searched for its beginning, and the excerpt.
    assert n_decoded <= 40 + 3 * RATE + 50 + 1


def test_an_excerpt_of_a_film_with_one_key_frame_is_read_from_its_beginning():
    file = video_file(
        map(numbered, range(400)), "mp4", "libx264", rate=RATE, options={"g": "1000", "sc_threshold": "0"}
    )
    numbers, _, _ = shown(Video(file, start=12, end=14))
    assert (numbers[0], numbers[-1]) == (300, 349)


def test_an_excerpt_of_frames_is_that_of_their_array():
    frames = np.stack([numbered(i) for i in range(30)])
    parts = Video(frames, fps=4).split(2, overlap=0.5)
    assert times(parts) == [(0, 2), (1.5, 3.5), (3, 5), (4.5, 6.5), (6, 7.5)]
    numbers, selection, _ = shown(parts[1])
    assert numbers == list(range(6, 14))
    assert selection.timestamps == select(Video(frames[6:14], fps=4), GEOMETRY, "card").timestamps


def test_an_excerpt_of_an_animation():
    selection = select(Video(animation("GIF", 20, 100), start=0.5, end=1.5), GEOMETRY, "card")
    assert (selection.n_frames, selection.fps) == (10, pytest.approx(10))
    assert times(Video(animation("WEBP", 20, 100)).split(1.5)) == [(0, 1.5), (1.5, 2)]


# Seconds of frames, as of slides, or of the recording of a screen.
SLOW = [0, 1, 10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_an_excerpt_in_which_no_frame_begins_has_the_one_that_is_shown(container):
    file = video_file(map(numbered, range(8)), container, "libx264", pts=[1000 * time for time in SLOW])
    parts = Video(file).split(4)
    assert [shown(part)[0] for part in parts][:4] == [[0, 1], [1], [2, 3], [4, 5, 6, 7]]


def test_an_excerpt_of_an_animation_has_the_frame_that_is_shown():
    durations = [1000 * seconds for seconds in (*np.diff(SLOW), 8)]
    parts = Video(animation("GIF", 8, durations)).split(2)
    found = [select(part, GEOMETRY, "card").n_frames for part in parts]
    assert found == [2, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1]


def test_an_excerpt_of_an_array_has_the_frame_that_is_shown():
    parts = Video(np.stack([numbered(i) for i in range(3)]), fps=0.1).split(5)
    assert [shown(part)[0] for part in parts] == [[0], [0], [1], [1], [2], [2]]


def test_a_film_that_does_not_begin_at_0_counts_from_its_beginning():
    file = io.BytesIO()
    with av.open(io.BytesIO(film("mpeg-ts"))) as source, av.open(file, "w", format="mpegts") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                packet.pts, packet.dts = packet.pts + 90_000 * 3600, packet.dts + 90_000 * 3600
                output.mux(packet)
    parts = Video(file.getvalue()).split(2)
    assert times(parts) == [(0, 2), (2, 4), (4, 5.2)]
    assert shown(parts[1])[0][0] == 50


def test_the_sound_of_an_excerpt_is_cut_with_it():
    file = video_file(map(numbered, range(60)), "mov", rate=30, sound=True)
    whole = read_track(file)
    part = read_track(file, excerpt=Excerpt(0.5, 1.5))
    assert np.array_equal(part, whole[8_000:24_000])


@pytest.mark.parametrize(
    ("start", "end", "n_samples"), [(0.5, 1.5, 7_990), (0.99, 2, 16_160), (1, 2, 16_000), (2.995, math.inf, 321)]
)
def test_behind_the_end_of_its_sound_an_excerpt_of_a_film_is_silent(start, end, n_samples):
    file = video_file(map(numbered, range(90)), "mov", rate=30, sound=True, sound_frames=30)  # 15,990 samples
    tower = SimpleNamespace(max_mel_frames=3000, n_mel=128)
    towers = SimpleNamespace(require_audio=lambda _: tower)
    medium = measure_track(file, min(end, 3) - start, towers, truncate=False, excerpt=Excerpt(start, end))
    sound = medium.decode(threading.Event())
    assert sound.shape == (count_mel_frames(n_samples),)
    assert (len(np.unique(sound.values)) > 1) == (start < 1)


def test_an_excerpt_behind_the_end_of_a_film_is_refused():
    for source in (film("mp4"), film("h264"), animation("GIF", 5, 100), np.zeros((5, 64, 64, 3), np.uint8)):
        with pytest.raises(InputError, match=r"^input 6 has no frame from 60 seconds on"), located(input=6):
            select(Video(source, start=60), GEOMETRY, "card")
        for far in (1e18, 1e300):
            with pytest.raises(InputError, match="has no frame from"):
                select(Video(source, start=far), GEOMETRY, "card")


def test_the_examples_run():
    assert doctest.testmod(excerpts_module).failed == 0
