# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import contextlib
import doctest
import functools
import gc
import io
import os
import sys
import tracemalloc

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jina_omni.errors import DecodeError, InputError, InputTooLongError, UnsupportedMediaError, located
from jina_omni.media import audio as audio_module
from jina_omni.media.audio import Audio, count_samples, read_samples, read_track
from jina_omni.media.file_types import FILE_TYPES, FileType
from testing.media_files import RATE, as_librosa, signal, sound_container, sound_file
from tests.reference_pack import PACK, needs_pack

# Format and codec of each type of file that PyAV writes here, and their rate.
CONTAINERS = {
    "m4a": ("ipod", "aac", RATE),
    "m4a-alac": ("ipod", "alac", RATE),
    "mp4": ("mp4", "aac", RATE),
    "mov": ("mov", "pcm_s16le", RATE),
    "mkv": ("matroska", "aac", RATE),
    "mkv-flac": ("matroska", "flac", RATE),
    "webm": ("webm", "libopus", 48_000),
    "flv": ("flv", "aac", RATE),
    "avi": ("avi", "mp3", RATE),
    "mpg": ("mpeg", "mp2", RATE),
    "wma": ("asf", "wmav2", RATE),
    "aac": ("adts", "aac", RATE),
    "mp3-bare": ("mp3", "libmp3lame", RATE),
}
# Format and subtype of each type that libsndfile writes, the rate, and bits of a lossless one.
SOUNDFILES = {
    "wav-8": ("WAV", "PCM_U8", RATE, 8),
    "wav-16": ("WAV", "PCM_16", RATE, 16),
    "wav-24": ("WAV", "PCM_24", RATE, 24),
    "wav-32": ("WAV", "PCM_32", RATE, 32),
    "wav-float": ("WAV", "FLOAT", RATE, 24),
    "wav-double": ("WAV", "DOUBLE", RATE, 24),
    "wav-extensible": ("WAVEX", "PCM_16", RATE, 16),
    "flac": ("FLAC", "PCM_16", RATE, 16),
    "flac-24": ("FLAC", "PCM_24", RATE, 24),
    "aiff": ("AIFF", "PCM_16", RATE, 16),
    "mp3": ("MP3", "MPEG_LAYER_III", RATE, None),
    "ogg": ("OGG", "VORBIS", RATE, None),
    "opus": ("OGG", "OPUS", 48_000, None),
}
LOSSLESS_CONTAINERS = ("m4a-alac", "mov", "mkv-flac")
LOSSLESS = [*(name for name, (*_, bits) in SOUNDFILES.items() if bits), *LOSSLESS_CONTAINERS]
LOSSY = [name for name in (*SOUNDFILES, *CONTAINERS) if name not in LOSSLESS]


def silent_video():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        video = out.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
        for packet in [*video.encode(av.VideoFrame(32, 32, "yuv420p")), *video.encode(None)]:
            out.mux(packet)
    return file.getvalue()


@functools.cache
def written(name, seconds=1.3):
    """Return a stereo file of a type above, its samples and their rate."""
    if name in CONTAINERS:
        format_, codec, rate = CONTAINERS[name]
        samples = signal(seconds, rate)
        return sound_container(samples, format_, codec, rate), samples, rate
    format_, subtype, rate, bits = SOUNDFILES[name]
    samples = signal(seconds, rate, bits=bits or 16)
    return sound_file(samples, rate, format_, subtype), samples, rate


def as_array(samples, rate=16_000):
    return Audio(samples, sampling_rate=rate)


# ---- files ----


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_file_is_averaged_and_resampled(name, tmp_path):
    data, samples, rate = written(name)
    found = read_samples(Audio(data))
    assert found.dtype == np.float32
    assert found.shape == as_librosa(samples, rate).shape
    assert np.abs(found - as_librosa(samples, rate)).max() < 1e-6
    path = tmp_path / "named.txt"
    path.write_bytes(data)
    for source in (path, str(path), bytearray(data), memoryview(data)):
        assert np.array_equal(read_samples(Audio(source)), found)


@pytest.mark.parametrize("name", LOSSY)
def test_a_lossy_file_sounds_like_its_original(name):
    data, samples, rate = written(name)
    found, original = read_samples(Audio(data)), as_librosa(samples, rate)
    # Encoders put silence before and after, and not all files say how much.
    assert -1600 < len(found) - len(original) < 1600 + 2304
    size = 1 << 16
    spectra = np.fft.rfft(found, size) * np.conj(np.fft.rfft(original, size))
    likeness = np.fft.irfft(spectra, size) / np.linalg.norm(found) / np.linalg.norm(original)
    lag = (int(np.argmax(likeness)) + size // 2) % size - size // 2
    assert -800 < lag < 1600  # FFmpeg swallows the first 2,048 samples of its own WMA
    assert likeness.max() > 0.98


@pytest.mark.parametrize("name", ["mp3", "ogg", "opus", "m4a", "mp4", "webm"])
def test_a_lossy_file_that_tells_its_padding_starts_where_the_original_does(name):
    data, samples, rate = written(name)
    found, original = read_samples(Audio(data)), as_librosa(samples, rate)
    n = min(len(found), len(original))
    assert np.dot(found[:n], original[:n]) > 0.98 * np.linalg.norm(found[:n]) * np.linalg.norm(original[:n])


@pytest.mark.parametrize("kind", ["mp4", "matroska", "adts"])
def test_eight_channels_are_mixed(kind):
    """PyAV's own arrays of eight planes and more read anywhere."""
    data = sound_container(signal(0.5, 48_000, 8), kind, "aac", 48_000)
    to_packed = av.AudioResampler(format="flt")
    with av.open(io.BytesIO(data)) as container:
        frames = [piece.to_ndarray() for frame in container.decode(audio=0) for piece in to_packed.resample(frame)]
    expected = as_librosa(np.concatenate(frames, axis=1).reshape(-1, 8), 48_000)
    assert np.abs(read_samples(Audio(data)) - expected).max() < 1e-6


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_every_rate_and_number_of_channels(rate, channels):
    samples = signal(0.7, rate, channels)
    found = read_samples(Audio(sound_file(samples, rate)))
    assert found.shape == (11_200,)
    assert np.abs(found - as_librosa(samples, rate)).max() < 1e-6


def test_the_samples_of_a_mono_file_at_16_khz_stay_as_they_are():
    samples = signal(0.5, 16_000, 1)
    assert np.array_equal(read_samples(Audio(sound_file(samples, 16_000))), samples[:, 0])


@pytest.mark.parametrize("bits", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("planar", [False, True])
def test_pyav_gives_what_libsndfile_gives(bits, planar, monkeypatch):
    """The other decoder, on the sample formats that codecs use."""
    codec, subtype = {
        "uint8": ("pcm_u8", "PCM_U8"),
        "int16": ("pcm_s16le_planar" if planar else "pcm_s16le", "PCM_16"),
        "int32": ("pcm_s32le_planar" if planar else "pcm_s32le", "PCM_32"),
        "float32": ("pcm_f32le", "FLOAT"),
        "float64": ("pcm_f64le", "DOUBLE"),
    }[bits]
    samples = signal(0.5, bits=8)
    by_sndfile = read_samples(Audio(sound_file(samples, subtype=subtype)))
    data = sound_container(samples, "nut" if planar else "wav", codec)
    if planar:  # no type of file that is read has them, so add one
        monkeypatch.setattr("jina_omni.media.recordings.read_media_type", lambda _file: "audio/nut")
        nut = FileType("audio/nut", "NUT", "audio", decoder="ffmpeg", plugin="nut")
        monkeypatch.setitem(FILE_TYPES, "audio/nut", nut)
    else:
        monkeypatch.setitem(FILE_TYPES, "audio/wav", FILE_TYPES["audio/wav"]._replace(decoder="ffmpeg"))
    assert np.abs(read_samples(Audio(data)) - by_sndfile).max() < 1e-6


def test_a_flac_without_a_length_is_left_to_pyav():
    data, samples, rate = written("flac")
    patched = bytearray(data)
    assert int.from_bytes(patched[18:26], "big") & ((1 << 36) - 1) == len(samples)  # FLAC format, STREAMINFO
    patched[21] &= 0xF0
    patched[22:26] = bytes(4)
    found = read_samples(Audio(bytes(patched)))
    assert np.abs(found - as_librosa(samples, rate)).max() < 1e-6
    assert count_samples(Audio(bytes(patched))) == len(found)


@needs_pack
@pytest.mark.parametrize("name", ["audio_0.05s.wav", "audio_7.24s.wav", "audio_30s.wav"])
def test_the_clips_of_the_reference_pack(name):
    samples, rate = soundfile.read(PACK / "media" / name, dtype="float32")
    found = read_samples(Audio(PACK / "media" / name))
    assert rate == 16_000
    assert np.array_equal(found, samples)
    assert count_samples(Audio(PACK / "media" / name)) == len(samples)


# ---- arrays ----


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "longdouble"])
def test_floats_of_any_width(dtype):
    samples = signal(0.3, bits=8).astype(dtype)
    assert np.abs(read_samples(as_array(samples, RATE)) - as_librosa(samples.astype("f4"), RATE)).max() < 1e-6


@pytest.mark.parametrize(("dtype", "subtype"), [("uint8", "PCM_U8"), ("int16", "PCM_16"), ("int32", "PCM_32")])
def test_integers_are_scaled_as_in_files(dtype, subtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    samples = np.linspace(low, high, 4000).astype(dtype)
    # libsndfile takes int16 and int32 to write 8 bits
    data = sound_file((samples.astype(np.int16) - 128) << 8 if dtype == "uint8" else samples, 16_000, subtype=subtype)
    found = read_samples(as_array(samples))
    assert np.array_equal(found, read_samples(Audio(data)))
    assert found[0] == -1
    assert 0.99 < found[-1] <= 1
    assert np.array_equal(read_samples(as_array(samples.astype(samples.dtype.newbyteorder(">")))), found)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_may_come_first_or_last(channels):
    samples = signal(0.1, 16_000, channels)
    found = read_samples(as_array(samples))
    assert np.abs(found - samples.mean(1)).max() < 1e-7
    assert np.array_equal(read_samples(as_array(samples.T)), found)
    assert np.array_equal(read_samples(as_array(np.asfortranarray(samples))), found)


def test_many_channels_are_the_shorter_axis():
    samples = signal(0.1, 16_000, 12)
    assert np.array_equal(read_samples(as_array(samples)), read_samples(as_array(samples.T)))
    assert read_samples(as_array(samples)).shape == (1600,)


def test_an_array_is_not_changed_nor_shared():
    samples = np.array([0.5, np.nan, 3.0], np.float32)
    before = samples.copy()
    found = read_samples(as_array(samples))
    assert np.array_equal(samples, before, equal_nan=True)
    assert not np.shares_memory(found, samples)
    samples.flags.writeable = False
    assert np.array_equal(read_samples(as_array(samples)), found)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("rate", [1_000, 8_000, 16_000, 44_100, 768_000])
def test_a_tiny_clip_has_its_length(n, rate):
    found = read_samples(as_array(np.full(n, 0.5, np.float32), rate))
    assert found.shape == (-(-n * 16_000 // rate),)
    assert np.isfinite(found).all()
    assert count_samples(as_array(np.zeros(n), rate)) == len(found)


@pytest.mark.parametrize(
    ("array", "rate", "message"),
    [
        (np.zeros(9), None, r"does not say how many make a second; .*: Audio\(array, sampling_rate=16_000\)"),
        (np.zeros(9), 0, "has the sampling rate 0; sampling_rate is an int, of 1,000 to 768,000 samples per second"),
        (np.zeros(9), 16, "has the sampling rate 16;"),
        (np.zeros(9), 1_000_000, "has the sampling rate 1000000;"),
        (np.zeros(9), 16_000.5, "has the sampling rate 16000.5;"),
        (np.zeros(9), True, "has the sampling rate True;"),
        (np.zeros(9), "16000", "has the sampling rate '16000';"),
        (np.zeros(9, np.int64), 16_000, "is an array of int64; samples are floats in -1..1, int16, int32 or uint8"),
        (np.zeros(9, np.int8), 16_000, "is an array of int8;"),
        (np.zeros(9, np.complex64), 16_000, "is an array of complex64;"),
        (np.zeros(9, bool), 16_000, "is an array of bool;"),
        (np.array(["a"]), 16_000, "is an array of <U1;"),
        (np.zeros((2, 9, 1)), 16_000, r"of the shape \(2, 9, 1\); a sound is \(n,\), \(n, channels\) or"),
        (np.zeros(()), 16_000, r"of the shape \(\);"),
        (np.zeros(0), 16_000, r"of the shape \(0,\), which has no samples; leave it out"),
        (np.zeros((0, 2)), 16_000, r"of the shape \(0, 2\), which has no samples"),
        (np.zeros((70, 80)), 16_000, "is a sound of 70 channels; 1 to 64 are taken"),
    ],
)
def test_an_array_that_can_not_be_taken_is_refused(array, rate, message):
    for function in (read_samples, count_samples):
        with pytest.raises(InputError, match=f"^input 3 .*{message}"), located(input=3):
            function(Audio(array, sampling_rate=rate))


def test_a_file_has_its_own_rate():
    with pytest.raises(InputError, match=r"^input 3 is a file, which has its own sampling rate"), located(input=3):
        read_samples(Audio(written("wav-16")[0], sampling_rate=16_000))


# ---- values ----


def test_nan_and_infinity_become_silence_and_nothing_else_does():
    samples = signal(0.5, channels=1)[:, 0]
    damaged, silenced = samples.copy(), samples.copy()
    places = [100, 7_000, 7_001]
    damaged[places] = np.nan, np.inf, -np.inf
    silenced[places] = 0
    found = read_samples(as_array(damaged, RATE))
    assert np.array_equal(found, as_librosa(silenced, RATE))
    assert np.array_equal(read_samples(Audio(sound_file(damaged, subtype="FLOAT"))), found)


def test_what_overflows_becomes_silence():
    opposite = np.array([[np.inf, -np.inf], [3e38, 3e38], [0.5, 0.25]], np.float32)
    assert read_samples(as_array(np.pad(opposite, ((0, 9), (0, 0))))).tolist() == [0, 0, 0.375] + [0] * 9
    assert read_samples(as_array(np.array([1e300, 0.5]))).tolist() == [0, 0.5]
    loud = read_samples(as_array(np.full(5000, 3e38, np.float32), RATE))
    assert np.isfinite(loud).all()
    assert np.abs(loud).max() <= 1


def test_peaks_over_1_scale_the_whole_clip():
    samples = signal(0.5, 16_000, 1)[:, 0]
    loud = samples * 4
    assert np.abs(loud).max() > 1
    found = read_samples(as_array(loud))
    assert np.allclose(found, loud / np.abs(loud).max(), rtol=1e-6)
    assert np.allclose(read_samples(as_array(-loud)), -found, rtol=1e-6)
    assert np.array_equal(read_samples(Audio(sound_file(loud, 16_000, subtype="FLOAT"))), found)
    assert np.array_equal(read_samples(as_array(samples)), samples)


def test_the_peak_is_that_of_the_resampled_average():
    samples = np.where(signal(0.5, channels=2) > 0, 1, -1).astype(np.float32)  # steps, which resampling overshoots
    resampled = as_librosa(samples, RATE)
    assert np.abs(resampled).max() > 1.01
    assert np.allclose(read_samples(as_array(samples, RATE)), resampled / np.abs(resampled).max(), rtol=1e-6)


# ---- 30 seconds ----


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("kind", ["array", "WAV", "FLAC"])
def test_thirty_seconds_pass_and_a_sample_more_does_not(rate, kind):
    def sound(n):
        samples = np.zeros(n, np.int16)
        return as_array(samples, rate) if kind == "array" else Audio(sound_file(samples, rate, kind))

    assert read_samples(sound(30 * rate)).shape == (480_000,)
    assert count_samples(sound(30 * rate)) == 480_000
    over = sound(30 * rate + 1)
    assert count_samples(over) > 480_000
    message = r"^input 3 is a sound of 30\.01 seconds, over this model's limit of 30; split it, or pass truncate=True"
    with pytest.raises(InputTooLongError, match=message), located(input=3):
        read_samples(over)
    assert read_samples(over, truncate=True).shape == (480_000,)


@pytest.mark.parametrize("rate", [1_000, 8_000, 11_025, 16_000, 44_100, 96_000])
def test_a_cut_sound_is_the_start_of_the_whole(rate):
    samples = signal(40, rate, 1)
    found = read_samples(as_array(samples, rate), truncate=True)
    assert found.shape == (480_000,)
    assert np.abs(found - as_librosa(samples, rate)[:480_000]).max() < 1e-6
    assert np.array_equal(read_samples(Audio(sound_file(samples, rate)), truncate=True), found)


def test_truncate_changes_nothing_on_a_shorter_sound():
    for name in ("flac", "mp3", "m4a"):
        data = written(name)[0]
        assert np.array_equal(read_samples(Audio(data), truncate=True), read_samples(Audio(data)))


@pytest.mark.parametrize("name", ["mp3", "m4a", "mkv", "webm"])
def test_the_padding_of_an_encoder_does_not_make_thirty_seconds_too_long(name):
    data = written(name, 30)[0]
    assert read_samples(Audio(data)).shape == (480_000,)
    longer = written(name, 30.5)[0]
    with pytest.raises(InputTooLongError, match=r"is a sound of (about 3[01][.][0-9]|more than 30) seconds"):
        read_samples(Audio(longer))
    assert read_samples(Audio(longer), truncate=True).shape == (480_000,)
    if name != "mp3":
        assert len(read_track(data)) == 480_000
        with pytest.raises(InputTooLongError):
            read_track(longer)
        assert read_track(longer, truncate=True).shape == (480_000,)


@pytest.fixture
def block_lengths(monkeypatch):
    """Count what libsndfile decodes."""
    counts = []
    read = soundfile.SoundFile.read

    def counted(self, *args, **options):
        block = read(self, *args, **options)
        counts.append(len(block))
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    return counts


@pytest.fixture
def two_hours(tmp_path):
    """Return a WAV file of two hours, nearly all of it a hole."""
    path = tmp_path / "long.wav"
    n_bytes = 2 * 3600 * RATE * 4
    header = bytearray(sound_file(np.zeros((0, 2), np.int16))[:44])
    header[4:8] = (n_bytes + 36).to_bytes(4, "little")
    header[40:44] = n_bytes.to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, n_bytes + 44)
    return path


def test_two_hours_are_refused_without_decoding(two_hours, block_lengths):
    with pytest.raises(InputTooLongError, match=r"a sound of 7,200\.00 seconds"):
        read_samples(Audio(two_hours))
    assert count_samples(Audio(two_hours)) == 7200 * 16_000
    assert block_lengths == []


def test_of_two_hours_only_the_start_is_decoded(two_hours, block_lengths):
    tracemalloc.start()
    assert read_samples(Audio(two_hours), truncate=True).shape == (480_000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(block_lengths) < 33 * RATE
    assert peak < 40 << 20


def test_two_hours_in_an_array_take_no_memory_of_their_own():
    samples = np.broadcast_to(np.int16(7), (7200 * RATE, 2))
    tracemalloc.start()
    with pytest.raises(InputTooLongError):
        read_samples(as_array(samples, RATE))
    assert read_samples(as_array(samples, RATE), truncate=True).shape == (480_000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_a_long_mp3_is_decoded_no_further_than_its_limit(block_lengths):
    data = sound_container(signal(1, channels=1), "mp3", "libmp3lame", options={"write_xing": "0"})
    with pytest.raises(InputTooLongError):
        read_samples(Audio(data * 600))
    assert read_samples(Audio(data * 600), truncate=True).shape == (480_000,)
    assert sum(block_lengths) < 2 * 33 * RATE


def test_a_long_track_is_decoded_no_further_than_its_limit(monkeypatch):
    data = sound_container(signal(90, 8_000, 1), "mov", "pcm_s16le", 8_000)
    counts = []
    mix_down = audio_module._mix_down
    monkeypatch.setattr(audio_module, "_mix_down", lambda block: counts.append(len(block)) or mix_down(block))
    with pytest.raises(InputTooLongError, match=r"about 90\.0 seconds"):
        read_samples(Audio(data))
    assert read_samples(Audio(data), truncate=True).shape == (480_000,)
    assert sum(counts) < 2 * 33 * 8_000
    with pytest.raises(InputTooLongError, match=r"about 90\.0 seconds"):
        read_track(data)


# ---- measuring ----


@pytest.mark.parametrize("name", [*SOUNDFILES, *LOSSLESS_CONTAINERS])
def test_measuring_is_exact_where_the_header_is(name, block_lengths):
    audio = Audio(written(name)[0])
    n = count_samples(audio)
    assert block_lengths == []
    assert n == len(read_samples(audio))


@pytest.mark.parametrize("name", CONTAINERS)
def test_measuring_is_near_elsewhere(name):
    audio = Audio(written(name, 5)[0])
    assert count_samples(audio) == pytest.approx(len(read_samples(audio)), abs=0.1 * 80_000)


def test_a_live_stream_is_measured_by_decoding():
    data = sound_container(signal(2, 48_000), "webm", "libopus", 48_000, options={"live": "1"})
    with av.open(io.BytesIO(data)) as opened:
        assert opened.duration is None
    assert count_samples(Audio(data)) == len(read_samples(Audio(data)))
    longer = sound_container(signal(40, 48_000, 1), "webm", "libopus", 48_000, options={"live": "1"})
    assert 480_000 < count_samples(Audio(longer)) < 500_000


# ---- tracks of videos ----


def test_a_track_is_what_ffmpeg_mixes_and_resamples():
    samples = signal(1, channels=2, bits=8)
    data = sound_container(samples, "mov", "pcm_f32le", picture=True)
    found = read_track(data)
    # FFmpeg does not halve the sum of two channels of floats, but keeps the power of independent ones.
    loud = as_librosa(samples, RATE) * np.sqrt(2)
    assert found.dtype == np.float32
    assert abs(len(found) - 16_000) <= 16
    assert np.linalg.norm(found[100:15_900] - loud[100:15_900]) < 0.01 * np.linalg.norm(loud)


def test_a_loud_track_is_scaled_as_a_whole():
    samples = np.sign(signal(1, channels=2, bits=8))
    found = read_track(sound_container(samples, "mov", "pcm_f32le"))
    assert np.abs(found).max() == 1


def test_a_video_may_have_a_track_or_not(tmp_path):
    video = sound_container(signal(1), "mp4", "aac", picture=True)
    assert abs(len(read_track(video)) - 16_000) < 800
    assert abs(len(read_samples(Audio(video))) - 16_000) < 800
    path = tmp_path / "silent"
    path.write_bytes(silent_video())
    assert read_track(path) is None
    message = r"^input 3 has no sound track; wrap a silent video as jina_omni\.Video"
    with pytest.raises(InputError, match=message), located(input=3):
        read_samples(Audio(path))


# ---- what can't be read ----


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n", "a file of the type image/png, which jina_omni.Audio does not take; pass"),
        (b"no sound", "a file of the type text/plain, which jina_omni.Audio does not take"),
        (b"\0\1\2\3", "a file of an unknown type, which jina_omni.Audio does not take; it takes WAV"),
    ],
)
def test_other_types_are_refused(data, message):
    for function in (read_samples, count_samples):
        with pytest.raises(UnsupportedMediaError, match=f"^input 3 is {message}"), located(input=3):
            function(Audio(data))


def test_a_missing_or_empty_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^input 3 \('.*missing.wav'\) can't be read"), located(input=3):
        read_samples(Audio(tmp_path / "missing.wav"))
    with pytest.raises(DecodeError, match=r"^input 3 is an empty file"), located(input=3):
        read_samples(Audio(b""))


def test_a_file_without_samples_is_refused():
    with pytest.raises(DecodeError, match=r"^input 3 is a sound without samples"), located(input=3):
        read_samples(Audio(sound_file(np.zeros(0, np.int16))))
    data = sound_container(np.zeros((0, 2)), "matroska", "pcm_s16le", picture=True)
    with pytest.raises(DecodeError, match=r"^input 3 has a sound track without samples"), located(input=3):
        read_samples(Audio(data))
    assert read_track(data) is None


@pytest.mark.parametrize("signature", ["wav-16", "flac", "ogg", "mp3", "aiff", "m4a", "webm", "avi", "wma", "mpg"])
def test_garbage_behind_a_signature_is_refused(signature):
    garbage = np.random.default_rng(0).integers(0, 128, 5000, dtype=np.uint8).tobytes()
    with pytest.raises(DecodeError, match=r"^input 3 "), located(input=3):
        read_samples(Audio(written(signature)[0][:16] + garbage), truncate=True)


def test_a_flac_that_is_cut_short_is_refused():
    data = written("flac")[0]
    message = r"^input 3 can't be decoded as a sound \(LibsndfileError: .*cut short$"
    with pytest.raises(DecodeError, match=message) as raised, located(input=3):
        read_samples(Audio(data[: len(data) // 2]))
    assert isinstance(raised.value.__context__, soundfile.LibsndfileError)


@pytest.mark.parametrize("function", [read_samples, count_samples])
def test_absurd_headers_are_refused_before_memory_is_spent(function):
    data = bytearray(sound_file(np.zeros(1 << 20, np.int16)))

    def patched(place, value, size):
        changed = data.copy()
        changed[place : place + size] = value.to_bytes(size, "little")
        return changed

    for channels, block in ((65, 130), (1024, 2048)):
        changed = patched(22, channels, 2)
        changed[32:34] = block.to_bytes(2, "little")
        with pytest.raises(InputError, match=rf"a sound of {channels:,} channels; 1 to 64 are taken"):
            function(Audio(changed))
    for rate in (1, 999, 768_001, 2**31 - 1):
        with pytest.raises(InputError, match=f"a sound of {rate:,} samples per second; 1,000 to 768,000 are taken"):
            function(Audio(patched(24, rate, 4)))


@pytest.fixture
def without_pyav(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.usefixtures("without_pyav")
def test_without_pyav_the_error_says_what_to_install():
    for name, media_type in (("m4a", "audio/mp4"), ("webm", "video/webm"), ("aac", "audio/aac")):
        message = f"^input 3 is a file of the type {media_type}, which needs av: pip install 'jina-omni\\[video\\]'"
        for function in (lambda data: read_samples(Audio(data)), read_track):
            with pytest.raises(UnsupportedMediaError, match=message), located(input=3):
                function(written(name)[0])


@pytest.mark.usefixtures("without_pyav")
def test_without_pyav_libsndfile_reads_what_it_can():
    assert len(read_samples(Audio(written("opus")[0]))) == 20_800
    with pytest.raises(DecodeError, match=r"damaged or cut short; PyAV may read it: pip install 'jina-omni\[video\]'"):
        read_samples(Audio(written("wav-16")[0][:30]))


FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    "name", ["wav-16", "flac", "ogg", "opus", "mp3", "aiff", "m4a", "mkv", "webm", "avi", "wma", "mpg"]
)
@FUZZ
@given(data=st.data())
def test_a_damaged_file_gives_a_sound_or_our_error(name, data):
    content = bytearray(written(name, 0.3)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers are where it hurts.
        place = data.draw(st.integers(0, min(300, len(content) - 1)) | st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["set", "set", "cut", "insert"]))
        if change == "set":
            content[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
        elif change == "cut":
            del content[max(place, 1) :]
        else:
            content[place:place] = data.draw(st.binary(min_size=1, max_size=8))
    audio = Audio(bytes(content))
    with contextlib.suppress(InputError):
        assert count_samples(audio) >= 0
    with contextlib.suppress(InputError):
        found = read_samples(audio, truncate=data.draw(st.booleans()))
        assert 1 <= len(found) <= 480_000
        assert np.abs(found).max() <= 1  # and so no NaN
    with contextlib.suppress(InputError):
        read_track(bytes(content))


# ---- threads and files ----


def test_threads_decode_at_the_same_time():
    for name in ("flac", "m4a"):
        data = written(name)[0]
        found = read_samples(Audio(data))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert all(np.array_equal(each, found) for each in pool.map(read_samples, [Audio(data)] * 32))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
def test_no_file_stays_open(tmp_path):
    paths = [tmp_path / "missing"]
    for name in ("wav-16", "mp3", "m4a", "webm"):
        data = written(name)[0]
        for end in (len(data), len(data) // 2, 20):
            paths.append(tmp_path / f"{name}-{end}")
            paths[-1].write_bytes(data[:end])
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in paths:
        for function in (read_samples, count_samples, lambda audio: read_track(audio.source)):
            with contextlib.suppress(InputError):
                function(Audio(path))
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    gc.collect()  # a ResourceWarning would show here


def test_the_examples_run():
    assert doctest.testmod(audio_module).failed == 0
