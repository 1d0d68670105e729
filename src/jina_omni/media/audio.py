# SPDX-License-Identifier: Apache-2.0
"""Audio: the input `Audio`, and the way from files, bytes and arrays to samples and mel frames.

Samples decide parity, so the steps are the reference's, those of ``librosa.load(sr=16_000)``: libsndfile decodes,
channels are averaged in float32, soxr resamples at high quality. Then NaN and infinity become 0, and a sound with peaks
over 1 is divided by the highest.

Two things differ. NaN and infinity become 0 before the resampler too, which would spread them over their neighbours.
And of a sound that is cut at 30 seconds, only those seconds count for its peak, since the rest is never decoded.
"""

from __future__ import annotations

import contextlib
import math
import operator
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import hint_at_unknown_arguments, suggest_arguments
from jina_omni.describe import describe_type, short_repr
from jina_omni.errors import DecodeError, InputError, InputTooLongError, located
from jina_omni.media.audio_excerpts import NoSoundThereError, cut_stream, measure_stream
from jina_omni.media.audio_streams import AudioStream, Block, check_format, open_sound, open_track
from jina_omni.media.excerpts import WHOLE, Excerpt, list_excerpts, make_excerpt
from jina_omni.media.files import BYTES_LIKE, FileSource, describe_options, describe_source
from jina_omni.media.limits import MAX_AUDIO_SECONDS, MAX_SAMPLING_RATE, MIN_SAMPLING_RATE
from jina_omni.media.medium import DecodedMedium, Medium, TokenLayout
from jina_omni.media.mel import (
    MAX_SAMPLES,
    MIN_SAMPLES,
    SAMPLING_RATE,
    Samples,
    compute_log_mel,
    count_mel_frames,
    require_mel_frames,
)
from jina_omni.media.notebook import play_sound, render_medium
from jina_omni.media.open_files import read_if_open
from jina_omni.media.samples import Numbers, unpack_samples
from jina_omni.media.towers import Towers
from jina_omni.native import Projector, audio_token_count

__all__ = ["Audio", "check", "count_samples", "measure", "measure_track", "read_samples", "read_track"]

_BLOCK_SAMPLES = 1 << 16  # of an array, converted at a time
_PADDING_SECONDS = 0.1  # two frames of any codec, which encoders may fill up

# Of each type of integers, the value of silence and the value one above the largest, as in libsndfile.
_INTEGERS = {"u1": (128, 1 << 7), "i2": (0, 1 << 15), "i4": (0, 1 << 31)}


# Compared by identity: two arrays, compared, give an array.
@suggest_arguments
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Audio:
    """A sound of up to 30 seconds; `split` makes such sounds of a longer one.

    Parameters
    ----------
    source : path, bytes-like, open file, array, list or tuple
        A path (a str too, here), the bytes of a WAV, MP3, FLAC, Ogg Vorbis, Opus, AIFF, CAF, AU, W64, M4A or AAC file,
        or samples: floats in -1..1 or int16, of the shape (n,) for mono, (n, channels) or (channels, n). Samples may
        come as lists, and as a pair with their sampling rate in either order. An open file is read at once, from its
        start; a path when it is embedded, not before. All channels are averaged, and what is not at 16 kHz is
        resampled, as the reference does.
    sampling_rate : int, optional
        Samples per second; needed with an array, and only there.
    start, end : float, optional
        Take only the sound between these times, in seconds from its beginning; see `split`.

    Examples
    --------
    >>> Audio(np.zeros(16_000, np.float32), sampling_rate=16_000)
    Audio(<array (16000,)>, sampling_rate=16000)
    """

    source: FileSource | npt.NDArray[Any] | Numbers
    sampling_rate: int | None = field(default=None, kw_only=True)
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        source, sampling_rate = unpack_samples(read_if_open(self.source), self.sampling_rate)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "sampling_rate", sampling_rate)

    def __repr__(self) -> str:
        return f"Audio({describe_source(self.source)}{describe_options(self, 'sampling_rate', 'start', 'end')})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a player of the first 30 seconds."""
        return render_medium(self, lambda: play_sound(read_samples(self, truncate=True)))

    @hint_at_unknown_arguments({})
    def split(self, seconds: float = MAX_AUDIO_SECONDS, overlap: float = 0) -> list[Audio]:
        """Return consecutive excerpts as sounds of their own, for one vector per excerpt.

        The file is read now, to find its length, and decoded if its header does not say it exactly. For an excerpt it
        is decoded up to the end of that.

        Parameters
        ----------
        seconds : float
            Length of an excerpt; the last may be shorter. The model takes at most 30.
        overlap : float
            Seconds that an excerpt has in common with the next.

        Returns
        -------
        list of Audio
            In order. Their `start` and `end` are seconds from the beginning of the sound.

        Raises
        ------
        InputError
            The file can't be read, or the arguments are out of range.

        Examples
        --------
        >>> parts = Audio(np.zeros(70 * 8_000, np.int16), sampling_rate=8_000).split(overlap=5)
        >>> [(part.start, part.end) for part in parts]
        [(0.0, 30.0), (25.0, 55.0), (50.0, 70.0)]
        """
        with located(((repr(self), None),)):
            excerpt = make_excerpt(self.start, self.end)
            with _open_stream(replace(self, start=None, end=None), math.inf) as stream:
                length, least = measure_stream(stream), 0 if stream.exact else _PADDING_SECONDS
            parts = list_excerpts(excerpt, length, seconds, overlap, least)
            return [replace(self, start=part.start, end=part.end) for part in parts]


def check(audio: Audio) -> None:
    """Check that a sound's source is of a type that is taken.

    Raises
    ------
    InputError
        It is not.
    """
    if not isinstance(audio.source, (str, os.PathLike, *BYTES_LIKE, np.ndarray)):
        raise InputError(
            f"is an Audio whose source is {describe_type(audio.source)}; jina_omni.Audio takes a path, bytes, an open "
            "file, or samples: Audio(array, sampling_rate=16_000)"
        )


def measure(
    audio: Audio,
    towers: Towers,
    *,
    truncate: bool,
    stop: threading.Event | None = None,  # noqa: ARG001 - the header is read to its end
) -> list[Medium]:
    """Measure a sound by its header, for the audio tower.

    Parameters
    ----------
    audio : Audio
    towers : Towers
    truncate : bool
        Take the first 30 seconds of a longer sound, instead of refusing it.
    stop : threading.Event, optional
        As `jina_omni.media.kinds.measure` has it.

    Raises
    ------
    InputError
        As far as the header shows it.
    ModalityNotLoadedError
        The audio tower is not loaded.
    """
    tower = towers.require_audio("a sound")
    return [_measure_samples(count_samples(audio), lambda: read_samples(audio, truncate=truncate), tower)]


def measure_track(
    source: FileSource, seconds: float, towers: Towers, *, truncate: bool, excerpt: Excerpt = WHOLE
) -> Medium:
    """Measure the sound track of a video, for the audio tower.

    Parameters
    ----------
    source : path or bytes-like
        Of the video.
    seconds : float
        Of the video, which its sound is expected to last.
    towers, truncate
        As in `measure`.
    excerpt : Excerpt
        The part of the video.

    Raises
    ------
    ModalityNotLoadedError
        The audio tower is not loaded.
    """
    tower = towers.require_audio("a video with sound, which this dialect embeds too")

    def read() -> Samples:
        samples = read_track(source, truncate=truncate, excerpt=excerpt)
        samples = np.empty(0, np.float32) if samples is None else samples
        if excerpt.is_whole or len(samples) >= MIN_SAMPLES:
            return samples
        # The track ends before the pictures, so that the excerpt is silent, or all but the first milliseconds of it.
        n_samples = round(min(seconds, MAX_AUDIO_SECONDS) * SAMPLING_RATE)
        return np.pad(samples, (0, max(n_samples, MIN_SAMPLES) - len(samples)))

    return replace(_measure_samples(round(seconds * SAMPLING_RATE), read, tower), seconds=0.0)


def _measure_samples(n_samples: int, read: Callable[[], Samples], tower: Projector) -> Medium:
    def decode(_stop: threading.Event) -> DecodedMedium:
        samples = read()
        n_frames = require_mel_frames(len(samples))
        if n_frames > tower.max_mel_frames:  # in no published file: their towers take what the reference takes
            raise InputTooLongError(
                f"is a sound of {n_frames} mel frames, over the {tower.max_mel_frames} of the audio tower in "
                f"{tower.path}; split it"
            )
        layout = TokenLayout((audio_token_count(n_frames),))
        return DecodedMedium(layout, compute_log_mel(samples, tower.n_mel), (n_frames,))

    layout = TokenLayout((audio_token_count(count_mel_frames(n_samples)),))
    return Medium("audio", layout, decode, seconds=min(n_samples, MAX_SAMPLES) / SAMPLING_RATE)


def read_samples(audio: Audio, *, truncate: bool = False) -> Samples:
    """Return a sound as mono at 16 kHz.

    Threads may decode at the same time, and no file stays open. Of a long file no more is decoded than is taken.

    Parameters
    ----------
    audio : Audio
        A file's type is found from its bytes: WAV, FLAC, MP3, Ogg, Opus, AIFF, CAF, AU, W64, and with PyAV M4A, AAC,
        WMA and the sound of MP4, MOV, MKV, WebM, AVI, FLV. Sounds that are joined in a file are one. An array holds
        floats in -1..1, int16, int32 or uint8, as (n,), (n, channels) or (channels, n): the first axis has the channels
        if it is at most 8 long or the shorter one.
    truncate : bool
        Take the first 30 seconds of a longer sound, instead of refusing it.

    Returns
    -------
    array of float32, shape (n,)
        At most 480,000 samples, at least 1, all finite and in -1..1. Of n samples at another rate there are
        ceil(n * 16,000 / rate), as in librosa.

    Raises
    ------
    InputTooLongError
        The sound is longer than 30 seconds. A format whose encoders fill up their last frame may be a tenth of a second
        longer; what is over is dropped.
    UnsupportedMediaError
        The file is of another type or codec, is encrypted, or needs a package that is not installed.
    DecodeError
        It is damaged or shorter than it announces, or has no samples.
    InputError
        The file can't be read or has no sound track; an array has no or an odd sampling rate, is empty, or has another
        shape or type; there are over 64 channels.

    Examples
    --------
    >>> read_samples(Audio(np.zeros((44_100, 2), np.float32), sampling_rate=44_100)).shape
    (16000,)
    """
    with _open_stream(audio) as stream:
        return _read_stream(stream, truncate=truncate)


def count_samples(audio: Audio) -> int:
    """Return the approximate number of samples of a sound at 16 kHz, without decoding it.

    Of an array, and of files that are no containers of PyAV's, it is exact up to 30 seconds: what is counted is what is
    decoded. Of containers it is what they announce; one that announces nothing (live WebM) is decoded as far as
    `read_samples` would, so that a longer one counts as a little over 30 seconds.

    Parameters
    ----------
    audio : Audio
        As in `read_samples`.

    Returns
    -------
    int
        May be over 480,000, at which `read_samples` refuses or cuts.

    Raises
    ------
    InputError
        As in `read_samples`, as far as the header shows it, but not for being too long.

    Examples
    --------
    >>> count_samples(Audio(np.zeros((2, 7_200 * 8_000), np.int16), sampling_rate=8_000))
    115200000
    """
    with _open_stream(audio) as stream:
        length = stream.length
        if length is None:
            length = 0
            for block in stream.blocks:
                length += len(block)
                if length > _max_samples(stream):
                    break
        n_samples = _resampled_length(length, stream.rate)
        return min(n_samples, MAX_SAMPLES) if length <= _max_samples(stream) else n_samples


def read_track(source: FileSource, *, truncate: bool = False, excerpt: Excerpt = WHOLE) -> Samples | None:
    """Return the sound track of a video as mono at 16 kHz, mixed and resampled as the reference does for videos.

    That is by FFmpeg's resampler instead of soxr, and its mix of a track of floats is louder than the average.

    Parameters
    ----------
    source : path or bytes-like
        Of a video.
    truncate : bool
        As in `read_samples`.
    excerpt : Excerpt
        The part that is returned.

    Returns
    -------
    array of float32, shape (n,), or None
        As `read_samples` returns it; None where there is no sound track, or an empty one, or none in the excerpt.

    Raises
    ------
    InputError
        As in `read_samples`.
    """
    with open_track(source) as stream:
        try:
            return None if stream is None else _read_stream(cut_stream(stream, excerpt), truncate=truncate)
        except NoSoundThereError:
            return None


@contextlib.contextmanager
def _open_stream(audio: Audio, seconds: float | None = None) -> Iterator[AudioStream]:
    """Open a sound, of which so many seconds from the beginning are asked for; by default what an embedding takes."""
    excerpt = make_excerpt(audio.start, audio.end)
    if seconds is None:
        seconds = min(excerpt.end, excerpt.start + MAX_AUDIO_SECONDS)
    if isinstance(audio.source, np.ndarray):
        yield cut_stream(_stream_array(audio.source, audio.sampling_rate), excerpt)
        return
    if audio.sampling_rate is not None:
        raise InputError("is a file, which has its own sampling rate; pass sampling_rate with arrays only")
    with open_sound(audio.source, seconds=seconds) as stream:
        yield cut_stream(stream, excerpt)


def _stream_array(array: npt.NDArray[Any], sampling_rate: int | None) -> AudioStream:
    rate = _check_rate(sampling_rate)
    if array.dtype.kind != "f" and array.dtype.str[1:] not in _INTEGERS:
        raise InputError(f"is an array of {array.dtype}; samples are floats in -1..1, int16, int32 or uint8")
    if array.ndim not in (1, 2):
        raise InputError(f"is an array of the shape {array.shape}; a sound is (n,), (n, channels) or (channels, n)")
    if array.size == 0:
        raise InputError(f"is an array of the shape {array.shape}, which has no samples; leave it out")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    elif array.shape[0] <= 8 or array.shape[0] < array.shape[1]:
        array = array.T
    check_format(rate, array.shape[1])
    blocks = (array[start : start + _BLOCK_SAMPLES] for start in range(0, len(array), _BLOCK_SAMPLES))
    return AudioStream(rate, len(array), exact=True, blocks=blocks)


def _check_rate(sampling_rate: Any) -> int:
    if sampling_rate is None:
        raise InputError(
            "is an array of samples, which does not say how many make a second; pass that too: "
            "Audio(array, sampling_rate=16_000)"
        )
    whole = isinstance(sampling_rate, float) and sampling_rate.is_integer()  # as columns with gaps have it
    try:
        rate = operator.index(int(sampling_rate) if whole else sampling_rate)
    except TypeError:
        rate = 0
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise InputError(
            f"has the sampling rate {short_repr(sampling_rate)}; sampling_rate is an int, of "
            f"{MIN_SAMPLING_RATE:,} to {MAX_SAMPLING_RATE:,} samples per second"
        )
    return rate


def _max_samples(stream: AudioStream) -> int:
    """Return the largest number of samples that a sound may have, at its own rate."""
    padding = 0 if stream.exact else round(_PADDING_SECONDS * stream.rate)
    return MAX_AUDIO_SECONDS * stream.rate + padding


def _read_stream(stream: AudioStream, *, truncate: bool) -> Samples:
    """Return the samples of a sound at 16 kHz, as far as they are taken."""
    samples = _replace_non_finite(_resample(_decode(stream, truncate=truncate), stream.rate))
    peak = max(samples.max(), -samples.min())
    return samples / peak if peak > 1 else samples


def _decode(stream: AudioStream, *, truncate: bool) -> Samples:
    """Return the samples that are taken, at the sound's own rate; a second more where it is cut, for the resampler."""
    if stream.exact and not truncate and stream.length is not None and stream.length > _max_samples(stream):
        raise _too_long(stream)
    wanted = (MAX_AUDIO_SECONDS + 1) * stream.rate
    pieces, n = [], 0
    for block in stream.blocks:
        pieces.append(_mix_down(block))
        n += len(block)
        if n > _max_samples(stream) and not truncate:
            raise _too_long(stream)
        if n >= wanted:
            break
    if n == 0:
        raise DecodeError("is a sound without samples; it is damaged or cut short")
    return _replace_non_finite(np.concatenate(pieces)[:wanted])


def _too_long(stream: AudioStream) -> InputTooLongError:
    seconds = f"more than {MAX_AUDIO_SECONDS}"
    if stream.length is not None and stream.length > _max_samples(stream):
        length = stream.length / stream.rate
        seconds = f"{math.ceil(length * 100) / 100:,.2f}" if stream.exact else f"about {length:,.1f}"
    return InputTooLongError(
        f"is a sound of {seconds} seconds, over this model's limit of {MAX_AUDIO_SECONDS}; split it, or pass "
        f"truncate=True to take its first {MAX_AUDIO_SECONDS} seconds; Audio.split() returns its parts"
    )


def _mix_down(block: Block) -> Samples:
    """Return the average of the channels, as float32 (librosa's ``to_mono``)."""
    silence, scale = _INTEGERS.get(block.dtype.str[1:], (0, 1))
    with np.errstate(over="ignore", invalid="ignore"):  # such as two channels of opposite infinities
        total = np.zeros(len(block), np.float32)
        for channel in block.T:
            total += channel.astype(np.float32) - np.float32(silence)
        total /= np.float32(scale * block.shape[1])
    return total


def _replace_non_finite(samples: Samples) -> Samples:
    """Return samples with 0 in the place of NaN and infinity."""
    return np.nan_to_num(samples, nan=0, posinf=0, neginf=0)


def _resample(samples: Samples, rate: int) -> Samples:
    """Return samples at 16 kHz as librosa's ``soxr_hq`` gives them, at most 30 seconds."""
    import soxr

    length = min(_resampled_length(len(samples), rate), MAX_SAMPLES)
    if rate != SAMPLING_RATE:
        samples = soxr.resample(samples, rate, SAMPLING_RATE, quality="HQ")
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _resampled_length(n: int, rate: int) -> int:
    return -(-n * SAMPLING_RATE // rate)
