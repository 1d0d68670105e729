# SPDX-License-Identifier: Apache-2.0
"""Files of sound as they lie about: joined, unfinished, cut short, and with other things around the sound."""

import io
import math
import os
import struct
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from jina_omni.errors import DecodeError, InputError, InputTooLongError, UnsupportedMediaError, located
from jina_omni.media import audio_streams, flac_frames, ogg_pages, recordings, tags
from jina_omni.media.audio import Audio, count_samples, read_samples
from jina_omni.media.file_types import detect_media_type
from testing.media_files import media_file, signal, sound_container, sound_file

RATE = 16_000
BARE = {"write_xing": "0", "id3v2_version": "0"}  # an MP3 as it is written to a pipe
TAG = b"TAG" + bytes(125)
APE_TAG = (
    *(b"APETAGEX" + struct.pack("<IIIIQ", 2000, 41, 1, 1 << 31 | 1 << 29, 0), b"\1\0\0\0\0\0\0\0a\0b"),
    b"APETAGEX" + struct.pack("<IIIIQ", 2000, 43, 1, 1 << 31, 0),
)
LYRICS = b"LYRICSBEGININD0000200LYR00005Hello000039LYRICS200"
PCM = ("WAV", "RF64", "AIFF", "AU", "CAF", "W64")


@pytest.fixture(params=[True, False], ids=["with PyAV", "without PyAV"])
def pyav(request, monkeypatch):
    """Decode with PyAV and libsndfile, and with libsndfile alone; files are written before, or by PyAV itself."""
    if not request.param:
        monkeypatch.setattr(audio_streams, "_has_pyav", lambda: False)


def tone(seconds, seed=0, rate=RATE):
    """Return mono sound that is nowhere like elsewhere."""
    n = round(seconds * rate)
    t = np.arange(n) / rate
    rng = np.random.default_rng(seed)
    pitch = np.repeat(rng.uniform(200, 3000, n // (rate // 8) + 1), rate // 8)[:n]
    return (0.4 * np.sin(2 * np.pi * np.cumsum(pitch) / rate) * (0.7 + 0.3 * np.sin(3 * t))).astype(np.float32)


def write(samples, kind, codec, rate=RATE, **options):
    return sound_container(samples.reshape(-1, 1), kind, codec, rate, options)


def write_variable(samples):
    """Return an MP3 whose frames have different bit rates, without a header of the stream."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options=BARE) as out:
        stream = out.add_stream(
            "libmp3lame", RATE, layout="mono", options={"flags": "+qscale", "global_quality": "236"}
        )
        for start in range(0, len(samples), 576):
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis, start : start + 576].copy(), "fltp", "mono")
            frame.sample_rate, frame.pts = RATE, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def id3(content=b"a title"):
    frame = b"TIT2" + (len(content) + 1).to_bytes(4, "big") + b"\0\0\0" + content
    return b"ID3\4\0\0" + bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0)) + frame


def assert_like(data, *pieces, slack=0.1):
    """Check that a file holds these sounds behind each other, with at most the padding of a codec around each."""
    found = read_samples(Audio(data))
    n_slack = round(slack * RATE) * len(pieces)
    assert abs(len(found) - sum(map(len, pieces))) <= n_slack
    assert count_samples(Audio(data)) == len(found)
    place = 0
    for piece in pieces:
        part = found[max(0, place - n_slack) : place + len(piece) + n_slack]
        size = 1 << (len(part) + len(piece)).bit_length()
        product = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(piece, size)), size)
        lag = int(np.argmax(product))
        lag -= size if lag > size // 2 else 0
        there = part[max(0, lag) : lag + len(piece)]
        assert product.max() > 0.99 * np.linalg.norm(piece) * np.linalg.norm(there)
        place += len(piece)


def refuse(data, message, error=DecodeError):
    for function in (read_samples, count_samples):
        with pytest.raises(error, match=f"^input 3 .*{message}"), located(input=3):
            function(Audio(data))


# ---- MP3 ----


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_an_mp3_without_a_header_is_read_to_its_end(rate):
    samples = tone(3, rate=rate)
    found = read_samples(Audio(write(samples, "mp3", "libmp3lame", rate, **BARE)))
    assert 48_000 < len(found) < 48_000 + 0.2 * RATE
    if rate == RATE:
        assert_like(write_variable(samples), samples)


@pytest.mark.usefixtures("pyav")
def test_a_header_that_is_put_before_an_mp3_changes_no_sample():
    """Of a constant bit rate, whose length libsndfile finds by itself: the same bits."""
    for rate in (8_000, 16_000, 44_100):
        data = write(tone(2, rate=rate), "mp3", "libmp3lame", rate, **BARE)
        alone = soundfile.read(io.BytesIO(data), dtype="float32")[0]
        (recording,) = recordings.find_recordings(io.BytesIO(data), 30)
        counted = soundfile.read(recording.counted, dtype="float32")[0]
        assert np.array_equal(counted, alone[: len(counted)])
        assert abs(len(counted) - len(alone)) <= 1152


def test_both_decoders_of_mp3_give_the_same(monkeypatch):
    for data in (write(tone(2), "mp3", "libmp3lame"), write(tone(2), "mp3", "libmp3lame", **BARE)):
        by_pyav = read_samples(Audio(data))
        with monkeypatch.context() as patch:
            patch.setattr(audio_streams, "_has_pyav", lambda: False)
            by_sndfile = read_samples(Audio(data))
        assert len(by_pyav) == len(by_sndfile)
        assert np.abs(by_pyav - by_sndfile).max() < 1e-5


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize("options", [{}, BARE], ids=["header", "bare"])
def test_joined_mp3_files_are_read_to_the_end(options):
    one, two = tone(2, 1), tone(1.5, 2)
    first, second = (write(samples, "mp3", "libmp3lame", **options) for samples in (one, two))
    assert_like(first + second, one, two)
    assert_like(id3() + first + TAG + id3(b"x" * 9000) + second + TAG, one, two)
    assert_like(first + bytes(700) + second, one, two)


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b"\n"),
        (b"", bytes(8_000)),
        (b"", TAG),
        (b"", LYRICS + TAG),
        (b"", b"LYRICSBEGIN words LYRICSEND" + TAG),
        (b"", b"".join(APE_TAG) + TAG),
        (b"", id3()),
        (b"", bytes(range(1, 200)) * 40),
        (b"\r\n", b""),
        (bytes(3_000), b""),
        (id3() + bytes(1_000), b""),
        (id3(b"x" * 60_000) + id3(), b""),
        (b"".join(APE_TAG), b""),
        (bytes(range(200)) * 5, b""),
        (b"ID3\4\0\0\x7f\x7f\x7f\x7f", b""),
    ],
)
def test_what_is_around_an_mp3_is_no_sound(before, behind, capfd):
    samples = tone(1)
    for data in (write(samples, "mp3", "libmp3lame", **{**BARE, "write_xing": "1"}), write_variable(samples)):
        assert np.array_equal(read_samples(Audio(before + data + behind)), read_samples(Audio(data)))
        assert_like(before + data + behind, samples)
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("pyav")
def test_half_an_mp3_with_a_header_is_refused():
    data = write(tone(2), "mp3", "libmp3lame")
    for share in (0.3, 0.5, 0.95):
        refuse(data[: int(share * len(data))], r"is cut short: its header counts \d+ frames, and \d+ are there")


def test_an_mp3_with_vbri_is_counted():
    """Fraunhofer's header, which libsndfile does not know."""
    data = write_variable(tone(2))
    (run,) = recordings.find_runs(io.BytesIO(data), 0, 30, recordings.parse_mpeg)
    header = run._make_silence()

    def with_vbri(n_frames):
        vbri = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(data), n_frames)
        return header[:36] + vbri + header[36 + len(vbri) :] + data

    assert np.array_equal(read_samples(Audio(with_vbri(run.n_frames))), read_samples(Audio(data)))
    refuse(with_vbri(2 * run.n_frames), "is cut short: its header counts")


@pytest.mark.usefixtures("pyav")
def test_an_mp3_in_a_wav_file_is_read_as_mp3():
    samples = tone(2)
    assert_like(write(samples, "wav", "libmp3lame"), samples)


def test_an_mp3_with_a_hole_is_refused():
    data = write(tone(3), "mp3", "libmp3lame", **BARE)
    hole = bytes(range(1, 256)) * 12
    refuse(data[:9_000] + hole + data[9_000 + len(hole) :], "is damaged: at byte .* that are no frames")


def test_damaged_frames_of_an_mp3_write_nothing(capfd):
    data = write(tone(2), "mp3", "libmp3lame")
    for seed in range(20):
        rng, changed = np.random.default_rng(seed), bytearray(data)
        for place in rng.integers(1_000, len(data), 20):
            changed[place] = rng.integers(256)
        try:
            read_samples(Audio(bytes(changed)))
        except DecodeError:
            continue
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("pyav")
def test_layers_one_and_two_are_read():
    samples = tone(2, rate=48_000)
    data = write(samples, "mp2", "mp2", 48_000)
    assert abs(len(read_samples(Audio(data + data))) - 2 * 32_000) < 3_200
    assert detect_media_type(data) == "audio/mpeg"


def test_a_stream_that_begins_within_a_frame_is_found():
    samples = tone(2)
    for data, codec in (
        (write(samples, "mp3", "libmp3lame", **BARE), "audio/mpeg"),
        (write(samples, "adts", "aac"), "audio/aac"),
    ):
        cut = data[333:]
        assert detect_media_type(cut) == codec
        assert len(samples) - len(read_samples(Audio(cut))) < 0.2 * RATE
    assert detect_media_type(np.random.default_rng(0).bytes(16_384)) == ""


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize("place", [1_000, 3_333, 5_000, 7_777])
def test_a_stream_that_was_joined_late_begins_with_silence_instead_of_noise(place):
    """Its first frames refer to content of frames that are not there."""
    samples = tone(3)
    for data in (write_variable(samples), write(samples, "mp3", "libmp3lame", **BARE)):
        whole, found = (read_samples(Audio(each)) for each in (data, data[place:]))
        whole = whole[len(whole) - len(found) :]
        n_first = round(0.2 * RATE)
        assert np.abs(found[n_first:] - whole[n_first:]).max() < 1e-4
        assert np.abs(found[:n_first]).max() < 1.3 * np.abs(whole).max()


@pytest.mark.parametrize("read", [detect_media_type, lambda data: refuse(b"ID3\3" + bytes(6) + data, "")])
def test_heads_of_tags_before_what_looks_like_a_frame_are_not_read_again_from_each(read, monkeypatch):
    """The work grows as the file does, where each of these heads could be the first of a row of all others."""
    n_calls = 0
    find_tag_end = tags.find_tag_end

    def count(reader, position):
        nonlocal n_calls
        n_calls += 1
        return find_tag_end(reader, position)

    monkeypatch.setattr(tags, "find_tag_end", count)
    found = []
    for n_tags in (400, 1_600):
        n_calls = 0
        read(b"x\x81" + b"ID3\4\0\0\xff\xfb\x10\x44" * n_tags + b"x\x81")
        found.append(n_calls)
    assert found[1] <= 5 * found[0]


def test_tags_before_what_looks_like_a_frame_are_not_all_followed(monkeypatch):
    """Each reaches to the same zeros, which would be looked through from each."""
    places = []
    skip_fillers = tags._skip_fillers
    monkeypatch.setattr(tags, "_skip_fillers", lambda *args: places.append(args[1]) or skip_fillers(*args))
    target = 12 + 30 * 500  # 30 bytes, in which a frame of 104 bytes leads to the beginning of another tag
    heads = b"".join(
        b"ID3\3\0\0"
        + bytes((target - place - 10) >> shift & 127 for shift in (21, 14, 7, 0))
        + b"......\xff\xfb\x10\x44.........."
        for place in range(12, target, 30)
    )
    refuse(b"ID3\3" + bytes(6) + b"x\x81" + heads + bytes(9_000) + b"x", "")
    assert target in places
    assert places.count(target) <= 2 * 200


# ---- AAC ----


@pytest.mark.parametrize(
    ("before", "behind"), [(id3(), b""), (b"", TAG), (b"", b"\n"), (b"", bytes(5_000)), (id3() + bytes(9), id3())]
)
def test_what_is_around_an_aac_stream_is_no_sound(before, behind):
    data = write(tone(2), "adts", "aac")
    assert np.array_equal(read_samples(Audio(before + data + behind)), read_samples(Audio(data)))
    assert count_samples(Audio(before + data + behind)) == len(read_samples(Audio(data)))


def test_aac_segments_with_tags_are_one_sound():
    one, two = tone(2, 1), tone(1, 2)
    assert_like(id3() + write(one, "adts", "aac") + id3() + write(two, "adts", "aac"), one, two, slack=0.13)


def test_the_last_frame_of_an_aac_stream_may_be_cut():
    data = write(tone(2), "adts", "aac")
    whole, cut = (read_samples(Audio(each)) for each in (data, data[:-50]))
    assert len(whole) - len(cut) in (1024, 2048)
    assert np.array_equal(whole[: len(cut)], cut)


# ---- Ogg ----


def split_pages(data):
    pages, place = [], 0
    while place < len(data):
        n_sizes = data[place + 26]
        end = place + 27 + n_sizes + sum(data[place + 27 : place + 27 + n_sizes])
        pages.append(bytearray(data[place:end]))
        place = end
    return pages


def with_checksum(page):
    """Return a page with its checksum, bit by bit (RFC 3533, 6)."""
    page[22:26] = bytes(4)
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc >> 31 else crc << 1) & 0xFFFFFFFF
    page[22:26] = crc.to_bytes(4, "little")
    return page


def write_ogg(samples, codec):
    if codec == "opus":
        return write(samples, "ogg", "libopus", page_duration="200000")
    return sound_file(samples, RATE, "OGG", "VORBIS")


@pytest.mark.parametrize("codec", ["opus", "vorbis"])
def test_joined_ogg_files_are_read_to_the_end(codec):
    one, two = tone(2, 1), tone(1.5, 2)
    assert_like(write_ogg(one, codec) + write_ogg(two, codec), one, two, slack=0.02)


@pytest.mark.parametrize("codec", ["opus", "vorbis"])
def test_a_long_ogg_file_is_read_in_blocks(codec):
    """Between two of which soundfile would seek, at which libsndfile spoils Opus."""
    samples = tone(12)
    data = write_ogg(samples, codec)
    assert np.array_equal(read_samples(Audio(data)), soundfile.read(io.BytesIO(data), dtype="float32")[0])
    assert_like(data, samples, slack=0.02)


@pytest.mark.parametrize("codec", ["opus", "vorbis"])
def test_a_stream_that_was_joined_late_is_not_shifted(codec):
    samples = tone(8)
    pages = split_pages(write_ogg(samples, codec))
    for page in pages:
        granule = int.from_bytes(page[6:14], "little")
        if granule:
            page[6:14] = (granule + 480_000).to_bytes(8, "little")
            with_checksum(page)
    assert_like(b"".join(pages), samples, slack=0.02)


@pytest.mark.parametrize("codec", ["opus", "vorbis"])
def test_ogg_with_pages_that_are_cut_damaged_or_missing_is_refused(codec):
    data = write_ogg(tone(8), codec)
    pages = split_pages(data)
    assert len(pages) > 3
    refuse(data[:-9], "is cut short within its last page")
    refuse(data[: len(data) - len(pages[-1]) + 5], "is cut short within its last page")
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    refuse(bytes(changed), "is damaged: the page at byte .* has another checksum")
    if codec == "opus":
        refuse(b"".join(pages[:4] + pages[5:]), "is damaged: pages are missing before byte")
    assert_like(data + b"\n" + TAG, tone(8), slack=0.02)


def test_ogg_of_an_unknown_codec_says_so():
    pages = split_pages(write_ogg(tone(1), "opus"))
    pages[0][28:36] = b"Xyzzy123"
    refuse(bytes(with_checksum(pages[0])) + b"".join(pages[1:]), "stream of an unknown codec", UnsupportedMediaError)


@pytest.mark.parametrize("name", [b"\x80theora", b"\x01video", b"OVP80", b"BBCD\0", b"BBCD\1", b"Xyzzy"])
def test_a_stream_of_pictures_in_ogg_is_one_by_its_type_and_by_its_pages(name):
    page = with_checksum(bytearray(b"OggS\0\2" + bytes(8) + b"abcd" + bytes(8) + b"\1\x09" + name.ljust(9, b"\0")))
    if detect_media_type(bytes(page)) == "video/ogg":
        assert ogg_pages.find_links(io.BytesIO(page), 0, 30) == []
    else:
        refuse(bytes(page), "stream of an unknown codec", UnsupportedMediaError)


def test_the_sound_beside_pictures_in_ogg_is_read():
    samples = tone(2, rate=48_000)
    sound = split_pages(write(samples, "ogg", "libopus", 48_000, page_duration="200000"))
    head = with_checksum(bytearray(b"OggS\0\2" + bytes(8) + b"abcd" + bytes(8) + b"\1\x07" + b"\x80theora"))
    other = with_checksum(bytearray(b"OggS\0\0" + bytes(8) + b"abcd\1\0\0\0" + bytes(4) + b"\1\x05hello"))
    mixed = b"".join([sound[0], head, *(page for each in sound[1:] for page in (each, other))])
    found, alone = (read_samples(Audio(data)) for data in (mixed, b"".join(sound)))
    assert np.abs(found - alone).max() < 1e-5


def test_the_seconds_of_joined_ogg_files_are_not_added_again_at_each_page(monkeypatch):
    n_calls = 0
    seconds = ogg_pages._Link.seconds

    def count(link):
        nonlocal n_calls
        n_calls += 1
        return seconds.fget(link)

    monkeypatch.setattr(ogg_pages._Link, "seconds", property(count))
    data = write_ogg(tone(0.05), "opus") * 200
    assert len(ogg_pages.find_links(io.BytesIO(data), 0, 30)) == 200
    assert n_calls <= len(split_pages(data)) + 200


# ---- FLAC ----


def with_total(data, total):
    fields = int.from_bytes(data[18:26], "big") >> 36 << 36 | total
    return data[:18] + fields.to_bytes(8, "big") + data[26:]


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_a_flac_is_read_to_its_last_frame(subtype):
    data = sound_file(signal(2, 44_100, 2, 16), 44_100, "FLAC", subtype)
    whole = read_samples(Audio(data))
    for total in (0, 1, 40_000, 88_199):
        assert np.array_equal(read_samples(Audio(with_total(data, total))), whole)
        assert count_samples(Audio(with_total(data, total))) == len(whole)
    with pytest.raises(DecodeError, match="cut short"):
        read_samples(Audio(with_total(data, 200_000)))


def test_what_is_around_a_flac_is_no_sound():
    data = sound_file(tone(2), RATE, "FLAC")
    whole = read_samples(Audio(data))
    for before, behind in (
        (b"", TAG),
        (b"", b"\n"),
        (b"", bytes(9_000)),
        (b"", bytes(200_000)),
        (id3(), TAG),
        (id3(b"x" * 20_000), b""),
    ):
        for changed in (data, with_total(data, 0)):
            assert np.array_equal(read_samples(Audio(before + changed + behind)), whole)


def test_joined_flac_files_are_read_to_the_end():
    one, two = tone(2, 1), tone(1, 2)
    data = sound_file(one, RATE, "FLAC") + id3() + sound_file(two, RATE, "FLAC")
    assert np.abs(read_samples(Audio(data)) - np.concatenate([one, two])).max() < 1e-4


def test_a_flac_of_frames_of_different_sizes_is_counted():
    """Their headers have the number of a sample instead of one of a frame."""
    data = sound_file(tone(2), RATE, "FLAC")
    start = flac_frames._find_sound(flac_frames.BlockReader(io.BytesIO(data)), 0)
    header = flac_frames._parse_header(data[start : start + 16])
    assert header == (header.key, 0, 4096)
    variable = bytearray(b"\xff\xf9\xc5\x08\xe5\x80\x80")  # 4,096 samples from sample 0x5000 on, 16 kHz, mono, 16 bits
    variable.append(flac_frames._compute_crc8(bytes(variable)))
    assert flac_frames._parse_header(bytes(variable) + bytes(8)) == ((0xF9, 5, 8), 0x5000, 4096)


def test_zeros_behind_a_flac_are_not_looked_through_from_each(monkeypatch):
    """The checksum of a frame and zeros behind it is right too."""
    places = []
    monkeypatch.setattr(flac_frames, "skip_tags", lambda _, position: places.append(position) or position)
    data = sound_file(tone(2), RATE, "FLAC")
    flac_frames.find_streams(io.BytesIO(data + bytes(4_000) + b"x"), 0, 30)
    assert len(data) in places
    assert len(places) <= 4 * 100


def test_as_much_of_a_flac_as_there_is_may_be_asked_for():
    """Also where its header has a rate of 0."""
    data = sound_file(tone(1), RATE, "FLAC")
    for head in (data[:26], data[:18] + bytes(8)):
        assert flac_frames._count_most_bytes(head, math.inf) == math.inf


# ---- WAV, AIFF, AU, CAF, W64 ----


def find_length(data, kind):
    """Return where a file's length of the samples stands, in how many bytes, their order, and where they begin."""
    if kind == "AU":
        return 8, 4, "big", 24
    if kind == "RF64":
        return data.index(b"ds64") + 16, 8, "little", data.index(b"data") + 8
    name, n_name, n_size, order, skipped = {
        "WAV": (b"data", 4, 4, "little", 0),
        "AIFF": (b"SSND", 4, 4, "big", 8),
        "CAF": (b"data", 4, 8, "big", 4),
        "W64": (b"data", 16, 8, "little", 0),
    }[kind]
    place = data.index(name) + n_name
    return place, n_size, order, place + n_size + skipped


def with_length(data, kind, length):
    place, n, order, _ = find_length(data, kind)
    return data[:place] + (length & (1 << 8 * n) - 1).to_bytes(n, order) + data[place + n :]


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize("kind", PCM)
def test_a_recording_without_a_length_is_read_to_its_end(kind):
    samples = tone(2)
    data = sound_file(samples, RATE, kind)
    whole = read_samples(Audio(data))
    assert np.abs(whole - samples).max() < 1e-4
    lengths = [0, -1, 4_000, len(data), len(data) - 8]
    if find_length(data, kind)[1] == 4:
        lengths += [0x7FFFF000, 0x80000000, 0xFFFFFFFF - 36]
    for length in lengths:
        assert np.array_equal(read_samples(Audio(with_length(data, kind, length))), whole), length
        assert count_samples(Audio(with_length(data, kind, length))) == len(whole)


@pytest.mark.usefixtures("pyav")
@pytest.mark.parametrize("kind", PCM)
def test_half_a_recording_is_refused(kind):
    data = sound_file(tone(2), RATE, kind)
    for cut in (len(data) // 2, len(data) - 2, find_length(data, kind)[3]):
        refuse(data[:cut], r"is cut short: its header announces [\d,]+ bytes of samples, and [\d,]+ are there")


@pytest.mark.parametrize("kind", PCM)
def test_what_is_behind_a_recording_is_no_sound(kind):
    data = sound_file(tone(2), RATE, kind)
    whole = read_samples(Audio(data))
    for behind in (TAG, b"\n", bytes(20_000), id3(), b"abc"):
        assert np.array_equal(read_samples(Audio(data + behind)), whole)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "W64"])
def test_what_is_behind_a_recording_that_says_where_it_ends_is_no_sound(kind):
    """Its two lengths agree: that of the samples and that of the whole."""
    # libsndfile takes W64's padding for sound.
    for n_samples in (2 * RATE, 2 * RATE - (4 if kind == "W64" else 1)):
        data = sound_file(tone(2)[:n_samples], RATE, kind)
        for behind in (np.random.default_rng(0).bytes(6_000), b"words without an end " * 1_000):
            assert count_samples(Audio(data + behind)) == n_samples
            assert np.array_equal(read_samples(Audio(data + behind)), read_samples(Audio(data)))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("WAV", [b"LIST", b"id3 ", b"bext", b"iXML", b"cue ", b"smpl", b"fact", b"JUNK", b"PAD "]),
        ("RF64", [b"LIST", b"bext"]),
        ("AIFF", [b"ANNO", b"ID3 "]),
        ("CAF", [b"info", b"free"]),
        ("W64", [b"list\x2f\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"]),
    ],
)
def test_a_chunk_that_is_cut_behind_a_recording_is_no_sound(kind, names):
    """Also where the length of the whole counts it."""
    data = sound_file(tone(1), RATE, kind)
    _, n, order, _ = find_length(data, "CAF" if kind == "CAF" else "WAV" if kind == "RF64" else kind)
    for name in names:
        cut = data + name + (100_000).to_bytes(n, order) + np.random.default_rng(0).bytes(50_000)
        whole = cut[:4] + (len(data) + 100_000).to_bytes(4, order) + cut[8:] if kind in ("WAV", "AIFF") else cut
        for changed in (cut, whole):
            assert count_samples(Audio(changed)) == RATE
            assert np.array_equal(read_samples(Audio(changed)), read_samples(Audio(data)))


@pytest.mark.parametrize("kind", PCM)
def test_joined_recordings_are_read_to_the_end(kind):
    one, two = tone(2, 1), tone(1, 2)
    found = read_samples(Audio(sound_file(one, RATE, kind) + sound_file(two, RATE, kind)))
    assert np.abs(found - np.concatenate([one, two])).max() < 1e-4


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64"])
def test_joined_recordings_of_an_odd_number_of_bytes_are_read_to_the_end(kind):
    one, two = tone(2, 1)[:-1], tone(1, 2)[:-1]
    first, second = (sound_file(samples, RATE, kind, "PCM_24") for samples in (one, two))
    start = find_length(first, kind)[3]
    for before in (first, first[: start + 3 * len(one)]):
        found = read_samples(Audio(before + second))
        assert np.abs(found - np.concatenate([one, two])).max() < 1e-4
    # What is between two files is no reason to lose the second.
    assert len(read_samples(Audio(first + np.random.default_rng(0).bytes(6_000) + second))) >= len(one) + len(two)


def test_joined_recordings_of_two_rates_are_refused():
    data = sound_file(tone(1), RATE) + sound_file(tone(1), 8_000)
    refuse(data, "changes its sampling rate from 16,000 to 8,000 halfway; resample it", UnsupportedMediaError)


def test_over_a_thousand_joined_sounds_are_refused():
    refuse(sound_file(np.zeros(2), RATE) * 1_001, "is a file of over 1,000 sounds", InputError)


def test_an_odd_number_of_bytes_may_lack_its_padding():
    data = sound_file(tone(2)[:-1], RATE, "WAV", "PCM_U8")
    whole = read_samples(Audio(data))
    chunk = b"LIST\4\0\0\0INFO"
    bare = data[:-1]
    counted = with_length(bare, "WAV", len(whole) + 1)
    for changed in (bare, bare + chunk, data + chunk, counted):
        assert np.array_equal(read_samples(Audio(changed)), whole)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "AIFF", "AU", "CAF", "W64"])
def test_recordings_of_any_size_are_whole(kind):
    """As libsndfile writes them in each of its encodings: W64 without the padding of its last chunk."""
    subtypes = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "ULAW", "IMA_ADPCM"}
    for subtype in subtypes & {*soundfile.available_subtypes(kind)}:
        for n_samples in (*range(1, 10), 16_001, 32_001):
            data = sound_file(tone(2.1)[:n_samples], RATE, kind, subtype)
            decoded = soundfile.read(io.BytesIO(data), dtype="float32")[0]
            assert np.array_equal(read_samples(Audio(data)), decoded), (subtype, n_samples)
            assert count_samples(Audio(data)) == len(decoded)


@pytest.mark.parametrize("kind", ["WAV", "AU", "CAF", "W64"])
def test_a_recording_without_samples_is_refused(kind):
    for data in (sound_file(np.zeros(0), RATE, kind), sound_file(np.zeros(0), RATE, kind) + TAG):
        with pytest.raises(DecodeError, match=r"without samples|can't be decoded"):
            read_samples(Audio(data))


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("CAF", "PCM_24"),
        ("CAF", "ALAC_16"),
        ("CAF", "ULAW"),
        ("AU", "ULAW"),
        ("AU", "FLOAT"),
        ("W64", "PCM_24"),
        ("WAV", "IMA_ADPCM"),
    ],
)
def test_recordings_of_other_encodings_are_read(kind, subtype):
    samples = tone(2)
    found = read_samples(Audio(sound_file(samples, RATE, kind, subtype)))[: len(samples)]
    assert found @ samples > 0.98 * np.linalg.norm(found) * np.linalg.norm(samples)


@pytest.mark.parametrize(
    ("kind", "codec"), [("caf", "alac"), ("caf", "adpcm_ima_qt"), ("w64", "pcm_s16le"), ("au", "pcm_s16be")]
)
def test_files_of_another_writer_are_read(kind, codec):
    samples = tone(3)
    found = read_samples(Audio(write(samples, kind, codec)))
    assert len(found) == len(samples)
    assert found @ samples > 0.98 * np.linalg.norm(found) * np.linalg.norm(samples)


def test_a_codec_whose_tag_is_not_ascii_is_read():
    """PyAV can't say such a tag, as of G.722 in WAV."""
    assert len(read_samples(Audio(write(tone(2), "wav", "g722")))) == 2 * RATE


def test_big_endian_wav_is_read():
    data = bytearray(sound_file(tone(1), RATE))
    place = data.index(b"data") + 8
    data[place:] = np.frombuffer(data[place:], "<i2").astype(">i2").tobytes()
    for start, code in ((4, "I"), (16, "IHHIIHH"), (40, "I")):
        fields = struct.unpack_from("<" + code, data, start)
        struct.pack_into(">" + code, data, start, *fields)
    data[:4] = b"RIFX"
    assert np.array_equal(read_samples(Audio(bytes(data))), read_samples(Audio(sound_file(tone(1), RATE))))


# ---- containers ----


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("ipod", "aac"), ("matroska", "aac"), ("webm", "libopus"), ("flv", "aac"), ("avi", "mp3"), ("asf", "wmav2")],
)
def test_half_a_container_is_refused(kind, codec):
    data = write(tone(5, rate=48_000), kind, codec, 48_000)
    whole = read_samples(Audio(data))
    assert abs(len(whole) - 80_000) < 3_200
    for share in (0.3, 0.5, 0.9):
        with pytest.raises(DecodeError, match="cut short"):
            read_samples(Audio(data[: int(share * len(data))]))


def test_sound_that_ends_before_the_pictures_is_whole():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        video = out.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
        sound = out.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, RATE), np.int16), "s16", "mono")
        frame.sample_rate = RATE
        out.mux(sound.encode(frame))
        for _ in range(40):
            out.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
        out.mux(video.encode(None))
    assert len(read_samples(Audio(file.getvalue()))) == RATE


def test_a_sound_beside_a_stream_of_data_is_read():
    """As the chapters of an audio book."""
    samples = tone(2)
    file = io.BytesIO()
    with av.open(io.BytesIO(write(samples, "ipod", "alac"))) as source, av.open(file, "w", format="mp4") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        start = {"id": 1, "start": 0, "end": 2_000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}
        out.set_chapters([start])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = sound
                out.mux(packet)
    with av.open(io.BytesIO(file.getvalue())) as written:
        assert written.streams.data
    assert np.abs(read_samples(Audio(file.getvalue())) - samples).max() < 1e-4


def test_joined_m4a_files_are_read_to_the_end():
    one, two = tone(2, 1), tone(1, 2)
    data = write(one, "ipod", "alac") + write(two, "ipod", "alac")
    assert np.abs(read_samples(Audio(data)) - np.concatenate([one, two])).max() < 1e-4


def test_joined_flv_files_are_read_to_the_end():
    one, two = tone(2, 1, 48_000), tone(3, 2, 48_000)
    data = write(one, "flv", "aac", 48_000) + write(two, "flv", "aac", 48_000)
    assert abs(len(read_samples(Audio(data))) - 5 * RATE) < 0.2 * RATE
    assert abs(count_samples(Audio(data)) - 5 * RATE) < 0.2 * RATE
    with pytest.raises(DecodeError, match="cut short"):
        read_samples(Audio(data[:-20_000]))


def test_a_quicktime_table_that_counts_samples_is_no_damage():
    """Of compressed sound QuickTime wrote as many samples of one byte, of which FFmpeg takes a chunk as few entries."""
    samples = tone(3)
    data = bytearray(write(samples, "mov", "adpcm_ima_qt"))
    sizes = data.index(b"stsz")
    n_packets = struct.unpack_from(">I", data, sizes + 12)[0]
    struct.pack_into(">II", data, sizes + 8, 1, n_packets * 64)
    for name in (b"stts", b"stsc"):
        place = data.index(name) + 12
        for i in range(struct.unpack_from(">I", data, place - 4)[0]):
            if name == b"stts":
                count, duration = struct.unpack_from(">II", data, place + 8 * i)
                struct.pack_into(">II", data, place + 8 * i, count * duration, 1)
            else:
                count = struct.unpack_from(">I", data, place + 12 * i + 4)[0]
                struct.pack_into(">I", data, place + 12 * i + 4, count * 64)
    found = read_samples(Audio(bytes(data)))
    assert found[: len(samples)] @ samples > 0.99 * np.linalg.norm(found) * np.linalg.norm(samples)
    # A table of chunks that announces more than the file has bytes is still refused.
    place = data.index(b"stsc") + 16
    struct.pack_into(">I", data, place, 1 << 30)
    refuse(bytes(data), r"announces [\d,]+ samples in [\d,]+ bytes; it is damaged")


# ---- more than 30 seconds ----


@pytest.mark.parametrize("kind", ["mp3", "bare", "aac", "opus", "vorbis", "flac", "wav"])
def test_as_much_is_looked_at_as_is_asked_for(kind):
    """Of three joined files of 25 seconds: all of them, or as many as 30 seconds need."""
    one = {
        "mp3": lambda samples: write(samples, "mp3", "libmp3lame"),
        "bare": lambda samples: write(samples, "mp3", "libmp3lame", **BARE),
        "aac": lambda samples: write(samples, "adts", "aac"),
        "flac": lambda samples: sound_file(samples, RATE, "FLAC"),
        "wav": lambda samples: sound_file(samples, RATE),
    }.get(kind, lambda samples: write_ogg(samples, kind))(tone(25))
    assert np.array_equal(read_samples(Audio(one * 3), truncate=True), read_samples(Audio(one * 2), truncate=True))
    assert count_samples(Audio(one * 3)) > 480_000
    with pytest.raises(InputTooLongError):
        read_samples(Audio(one * 3))
    with audio_streams.open_sound(one * 3, seconds=math.inf) as sound:
        length = sum(map(len, sound.blocks))
        assert sound.length == length
        assert length == pytest.approx(75 * RATE, abs=0.4 * RATE)


# ---- what is not damage ----


def test_an_unsupported_codec_and_an_encrypted_sound_are_not_called_damaged():
    wav = bytearray(sound_file(tone(1), RATE))
    wav[20:22] = b"\x34\x12"
    matroska = write(tone(1), "matroska", "aac").replace(b"A_AAC", b"A_XYZ")
    for data, name in ((bytes(wav), "WAV"), (matroska, "MKV")):
        refuse(
            data, f"is a sound in {name} of a codec that this PyAV does not decode; convert it", UnsupportedMediaError
        )
    for tag in (b"enca", b"drms"):
        data = write(tone(1), "ipod", "aac")
        place = data.index(b"mp4a", data.index(b"stsd"))
        encrypted = data[:place] + tag + data[place + 4 :]
        refuse(encrypted, rf"is an encrypted sound \({tag.decode()}\); pass one without", UnsupportedMediaError)


def test_an_unsupported_codec_without_pyav_says_what_may_decode_it(monkeypatch):
    data = write(tone(1), "caf", "adpcm_ima_qt")
    monkeypatch.setattr(audio_streams, "_has_pyav", lambda: False)
    refuse(data, r"pip install 'jina-omni\[video\]'", UnsupportedMediaError)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "m4a", "aac"])
def test_a_read_that_fails_is_not_called_damage(kind, monkeypatch):
    """As of a disk or a network: the sound does not end there."""
    n_reads = 0

    class Failing(io.BytesIO):
        def read(self, n=-1):
            nonlocal n_reads
            n_reads += 1
            if n_reads > limit:
                raise OSError(5, "Input/output error")
            return super().read(n)

    monkeypatch.setattr(audio_streams, "open_source", Failing)
    limit = 1_000_000
    read_samples(Audio(media_file(kind)))
    for limit in range(n_reads):  # noqa: B007 - the class reads it
        n_reads = 0
        with pytest.raises(InputError, match="can't be read: Input/output error; check the file") as raised:
            read_samples(Audio(media_file(kind)))
        assert type(raised.value) is InputError


def test_nothing_is_written_to_standard_error(tmp_path):
    """By any of the decoders, of an MP3 with tags behind it and of others."""
    kinds = ("mp3", "wav", "flac", "ogg", "m4a", "aac")
    for kind in kinds:
        (tmp_path / kind).write_bytes(media_file(kind) + 4 * TAG)
    code = (
        "import sys\nfrom jina_omni.media.audio import Audio, read_samples\n"
        "for path in sys.argv[1:]:\n    read_samples(Audio(path))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *(tmp_path / kind for kind in kinds)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.stderr == ""


# ---- MPEG-TS ----


@pytest.mark.usefixtures("pyav")
def test_a_transport_stream_that_ends_anywhere_is_read_to_its_last_whole_frame():
    samples = tone(4)
    data = write(samples, "mpegts", "aac")
    for n_bytes in np.random.default_rng(0).integers(len(data) // 2, len(data), 20).tolist():
        found = read_samples(Audio(data[:n_bytes]))
        assert len(found) / len(samples) == pytest.approx(n_bytes / len(data), abs=0.15)


@pytest.mark.usefixtures("pyav")
def test_a_transport_stream_that_is_damaged_in_its_middle_is_refused():
    data = bytearray(write(tone(4), "mpegts", "aac"))
    middle = len(data) // 2 // 188 * 188
    data[middle : middle + 10 * 188] = bytes(np.random.default_rng(0).integers(0, 256, 10 * 188, dtype=np.uint8))
    with pytest.raises(DecodeError):
        read_samples(Audio(bytes(data)))
