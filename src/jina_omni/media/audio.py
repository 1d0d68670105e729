# SPDX-License-Identifier: Apache-2.0
"""Audio: from files, bytes and arrays to the samples that the audio tower's frames are computed from.

Samples decide parity, so the way is the reference's, that of ``librosa.load(sr=16_000)``: libsndfile decodes, channels
are averaged in float32, soxr resamples at high quality. Then values that are no numbers become 0, and a clip with peaks
over 1 is divided by the highest.

Two things differ. A value that is no number becomes 0 before the resampler too, which would smear it over its
neighbours. And of a sound that is cut at 30 seconds, only those seconds count for its peak, since the rest is never
decoded.
"""

from __future__ import annotations

import contextlib
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from jina_omni.errors import DecodeError, InputError, InputTooLongError
from jina_omni.media.files import FileSource, shown
from jina_omni.media.mel import MAX_SAMPLES, SAMPLE_RATE, Samples
from jina_omni.media.sound_files import MAX_RATE, MIN_RATE, Block, Sound, check_format, open_sound, open_track

if TYPE_CHECKING:
    from jina_omni.inputs import Audio

__all__ = ["measure", "samples_of", "track_samples"]

_MAX_SECONDS = MAX_SAMPLES // SAMPLE_RATE
_BLOCK_SAMPLES = 1 << 16  # of an array, converted at a time

# The middle of each type of integers, and what is 1 above it, as in libsndfile.
_INTEGERS = {"u1": (128, 1 << 7), "i2": (0, 1 << 15), "i4": (0, 1 << 31)}


def samples_of(audio: Audio, where: str = "input", *, truncate: bool = False) -> Samples:
    """Return a sound as mono at 16 kHz.

    Threads may decode at the same time, and no file stays open. Of a long file no more is decoded than is taken.

    Parameters
    ----------
    audio : Audio
        A file's kind is found from its bytes: WAV, FLAC, MP3, Ogg, Opus, AIFF, and with PyAV M4A, AAC, WMA and the
        sound of MP4, MOV, MKV, WebM, AVI, FLV. An array holds floats in -1..1, int16, int32 or uint8, as (n,),
        (n, channels) or (channels, n): the first axis has the channels if it is at most 8 long or the shorter one.
    where : str
        What messages call the input.
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
        The file is of another kind, or needs a package that is not installed.
    DecodeError
        It is damaged, or has no samples.
    InputError
        The file can't be read or has no sound track; an array has no or an odd sampling rate, is empty, or has another
        shape or type; there are over 64 channels.

    Examples
    --------
    >>> from jina_omni.inputs import Audio
    >>> samples_of(Audio(np.zeros((44_100, 2), np.float32), sampling_rate=44_100)).shape
    (16000,)

    .. versionadded:: 0.1.0
    """
    with _opened(audio, where) as sound:
        return _taken(sound, where, truncate=truncate)


def measure(audio: Audio, where: str = "input") -> int:
    """Return about how many samples at 16 kHz a sound has, without decoding it.

    Of an array, WAV, FLAC, AIFF, Ogg and Opus it is exact. Of MP3, and all that PyAV reads, it is what the file
    announces; where that announces nothing (AAC without a container, live WebM), the file is decoded as far as
    `samples_of` would, so that a longer one counts as a little over 30 seconds.

    Parameters
    ----------
    audio, where
        As in `samples_of`.

    Returns
    -------
    int
        May be over 480,000, at which `samples_of` refuses or cuts.

    Raises
    ------
    InputError
        As in `samples_of`, as far as the header shows it, but not for being too long.

    Examples
    --------
    >>> from jina_omni.inputs import Audio
    >>> measure(Audio(np.zeros((2, 7_200 * 8_000), np.int16), sampling_rate=8_000))
    115200000

    .. versionadded:: 0.1.0
    """
    with _opened(audio, where) as sound:
        length = sound.length
        if length is None:
            length = 0
            for block in sound.blocks:
                length += len(block)
                if length > _limit(sound):
                    break
        taken = _resampled_length(length, sound.rate)
        return min(taken, MAX_SAMPLES) if length <= _limit(sound) else taken


def track_samples(source: FileSource, where: str = "input", *, truncate: bool = False) -> Samples | None:
    """Return the sound track of a video as mono at 16 kHz, mixed and resampled as the reference does for videos.

    That is by FFmpeg's resampler instead of soxr, and its mix of a track of floats is louder than the average.

    Parameters
    ----------
    source : path or bytes-like
        Of a video.
    where, truncate
        As in `samples_of`.

    Returns
    -------
    array of float32, shape (n,), or None
        As `samples_of` returns it; None where there is no sound track, or an empty one.

    Raises
    ------
    InputError
        As in `samples_of`.

    .. versionadded:: 0.1.0
    """
    with open_track(source, where) as sound:
        return None if sound is None else _taken(sound, where, truncate=truncate)


def _opened(audio: Audio, where: str) -> contextlib.AbstractContextManager[Sound]:
    if isinstance(audio.source, np.ndarray):
        return contextlib.nullcontext(_array_sound(audio.source, audio.sampling_rate, where))
    if audio.sampling_rate is not None:
        raise InputError(f"{where} is a file, which tells its own sampling rate; pass sampling_rate with arrays only")
    return open_sound(audio.source, where)


def _array_sound(array: npt.NDArray[Any], sampling_rate: int | None, where: str) -> Sound:
    rate = _checked_rate(sampling_rate, where)
    if array.dtype.kind != "f" and array.dtype.str[1:] not in _INTEGERS:
        raise InputError(f"{where} is an array of {array.dtype}; samples are floats in -1..1, int16, int32 or uint8")
    if array.ndim not in (1, 2):
        raise InputError(
            f"{where} is an array of the shape {array.shape}; a sound is (n,), (n, channels) or (channels, n)"
        )
    if array.size == 0:
        raise InputError(f"{where} is an array of the shape {array.shape}, which has no samples; leave it out")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    elif array.shape[0] <= 8 or array.shape[0] < array.shape[1]:
        array = array.T
    check_format(rate, array.shape[1], where)
    blocks = (array[start : start + _BLOCK_SAMPLES] for start in range(0, len(array), _BLOCK_SAMPLES))
    return Sound(rate, len(array), exact=True, blocks=blocks)


def _checked_rate(sampling_rate: Any, where: str) -> int:
    if sampling_rate is None:
        raise InputError(
            f"{where} is an array of samples, which does not tell how many make a second; pass that too: "
            "Audio(array, sampling_rate=16_000)"
        )
    try:
        rate = operator.index(sampling_rate)
    except TypeError:
        rate = 0
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(
            f"{where} has the sampling rate {shown(sampling_rate)}; it is an int, of {MIN_RATE:,} to {MAX_RATE:,} "
            "samples per second"
        )
    return rate


def _limit(sound: Sound) -> int:
    """Return how many samples a sound may have."""
    padding = 0 if sound.exact else sound.rate // 10  # two frames of any codec
    return _MAX_SECONDS * sound.rate + padding


def _taken(sound: Sound, where: str, *, truncate: bool) -> Samples:
    """Return what is taken of a sound, at 16 kHz."""
    samples = _tidy(_resample(_decode(sound, where, truncate=truncate), sound.rate))
    peak = max(samples.max(), -samples.min())
    return samples / peak if peak > 1 else samples


def _decode(sound: Sound, where: str, *, truncate: bool) -> Samples:
    """Return what is taken of a sound, at its own rate; a second more where it is cut, for the resampler's filter."""
    if sound.exact and not truncate and sound.length is not None and sound.length > _limit(sound):
        raise _too_long(sound, where)
    wanted = (_MAX_SECONDS + 1) * sound.rate
    pieces, n = [], 0
    for block in sound.blocks:
        pieces.append(_tidy(_mono(block)))
        n += len(block)
        if n > _limit(sound) and not truncate:
            raise _too_long(sound, where)
        if n >= wanted:
            break
    if n == 0:
        raise DecodeError(f"{where} is a sound without samples; it is damaged or cut short")
    return np.concatenate(pieces)[:wanted]


def _too_long(sound: Sound, where: str) -> InputTooLongError:
    seconds = f"more than {_MAX_SECONDS}"
    if sound.length is not None and sound.length > _limit(sound):
        length = sound.length / sound.rate
        seconds = f"{math.ceil(length * 100) / 100:,.2f}" if sound.exact else f"about {length:,.1f}"
    return InputTooLongError(
        f"{where} is a sound of {seconds} seconds, over this model's limit of {_MAX_SECONDS}; split it, or pass "
        f"truncate=True to take its first {_MAX_SECONDS} seconds"
    )


def _mono(block: Block) -> Samples:
    """Return the average of the channels, as float32 (librosa's ``to_mono``)."""
    middle, scale = _INTEGERS.get(block.dtype.str[1:], (0, 1))
    with np.errstate(over="ignore", invalid="ignore"):  # such as two channels of opposite infinities
        total = np.zeros(len(block), np.float32)
        for channel in block.T:
            total += channel.astype(np.float32) - np.float32(middle)
        total /= np.float32(scale * block.shape[1])
    return total


def _tidy(samples: Samples) -> Samples:
    """Return samples with 0 for all that are no finite numbers."""
    return np.nan_to_num(samples, nan=0, posinf=0, neginf=0)


def _resample(samples: Samples, rate: int) -> Samples:
    """Return samples at 16 kHz as librosa's ``soxr_hq`` gives them, at most 30 seconds."""
    import soxr

    length = min(_resampled_length(len(samples), rate), MAX_SAMPLES)
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ")
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _resampled_length(n: int, rate: int) -> int:
    return -(-n * SAMPLE_RATE // rate)
