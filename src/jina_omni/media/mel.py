# SPDX-License-Identifier: Apache-2.0
"""From samples to the log-mel frames that the audio tower takes.

What ``WhisperFeatureExtractor`` of transformers computes over 30 seconds, for the frames that a sound really has.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputError
from jina_omni.media.limits import MAX_AUDIO_SECONDS

__all__ = [
    "MAX_SAMPLES",
    "MIN_SAMPLES",
    "SAMPLING_RATE",
    "Samples",
    "compute_log_mel",
    "count_mel_frames",
    "require_mel_frames",
]

SAMPLING_RATE = 16_000
"""Samples per second of all that goes to the audio tower."""

MAX_SAMPLES = MAX_AUDIO_SECONDS * SAMPLING_RATE
"""Longest sound that the reference takes, in samples."""

_WINDOW = 400  # samples of a frame
_HOP = 160  # samples from one frame to the next
_EDGE = _WINDOW // 2  # samples from the start of a frame to its middle
_MAX_FRAMES = MAX_SAMPLES // _HOP
_MIN_FRAMES = 3  # two steps of stride 2 leave no token of fewer
MIN_SAMPLES = (_MIN_FRAMES - 1) * _HOP + 1
"""Shortest sound that has a media token."""

_FLOOR = 1e-10  # smallest power, as in the reference
_RANGE = 8  # powers of ten between the loudest value and the smallest that is kept
_BLOCK_FRAMES = 256  # frames transformed at a time, so that their doubles stay in the cache

Samples = npt.NDArray[np.float32]
Mel = npt.NDArray[np.float32]


def count_mel_frames(n_samples: int) -> int:
    """Return the number of mel frames of a sound: min(3000, ceil(n / 160)), the reference's ``mask[::160]``.

    Examples
    --------
    >>> count_mel_frames(176_000), count_mel_frames(1), count_mel_frames(480_000)
    (1100, 1, 3000)
    """
    return min(_MAX_FRAMES, -(-n_samples // _HOP))


def require_mel_frames(n_samples: int) -> int:
    """Return the number of mel frames of a sound, if it is long enough for one media token.

    Raises
    ------
    InputError
        It has fewer than 3 frames.

    Examples
    --------
    >>> require_mel_frames(321)
    3
    """
    n_frames = count_mel_frames(n_samples)
    if n_frames < _MIN_FRAMES:
        raise InputError(
            f"is a sound of {n_samples / SAMPLING_RATE * 1000:.1f} ms, which is too short; the model needs "
            f"{math.ceil(MIN_SAMPLES / SAMPLING_RATE * 10_000) / 10} ms: leave it out, or pad it with silence"
        )
    return n_frames


def compute_log_mel(samples: Samples, n_mel: int = 128) -> Mel:
    """Return the log-mel frames of a sound.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        Mono, at 16 kHz, in -1..1; at most 480,000.
    n_mel : int
        Mel bands, as many as the audio file says.

    Returns
    -------
    array of float32, shape (count_mel_frames(n), n_mel)
        One frame in each row.

    Notes
    -----
    As ``WhisperFeatureExtractor``: zeros up to 30 seconds; power spectrum of periodic Hann windows of 400 samples every
    160, the ends reflected; Slaney's mel bands of 0 to 8,000 Hz; ``x = log10(max(power, 1e-10))``;
    ``(max(x, max(all x) - 8) + 4) / 4``. The maximum is that of the whole 30 seconds. It includes frames that begin in
    the sound and end in the zeros, though they are not returned; frames of zeros alone can't have the maximum.

    Examples
    --------
    >>> compute_log_mel(np.zeros(16_000, np.float32)).shape
    (100, 128)
    """
    n = len(samples)
    n_audible = min(_MAX_FRAMES, -(-(n + _EDGE) // _HOP))  # frames that contain a sample
    padded = np.zeros((n_audible - 1) * _HOP + _WINDOW, np.float32)
    padded[_EDGE : _EDGE + n] = samples
    padded[:_EDGE] = padded[2 * _EDGE : _EDGE : -1]
    if n_audible == _MAX_FRAMES:
        end = _EDGE + MAX_SAMPLES
        past = len(padded) - end
        padded[end:] = padded[end - 2 : end - 2 - past : -1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]

    window = 0.5 - 0.5 * np.cos(2 * np.pi / _WINDOW * np.arange(_WINDOW))
    bins, weights, starts = _mel_filters(n_mel)
    mel = np.empty((n_audible, n_mel), np.float32)
    for start in range(0, n_audible, _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        spectrum = np.fft.rfft(frames[block] * window)  # doubles: quiet bands lie 80 dB below the loudest
        power = (spectrum.real**2 + spectrum.imag**2).T
        # Not a matrix product: nearly all of its factors would be 0, and its threads would compete for processors.
        mel[block] = np.add.reduceat(power[bins] * weights, starts).T
    np.maximum(mel, np.float32(_FLOOR), out=mel)
    np.log10(mel, out=mel)
    np.maximum(mel, mel.max() - np.float32(_RANGE), out=mel)
    mel += 4
    mel /= 4
    return mel[: count_mel_frames(n)]


@functools.lru_cache(maxsize=2)
def _mel_filters(n_mel: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return the bins of the spectrum that the bands sum up, their weights (a column), and the start of each band.

    Triangles of Slaney's Auditory Toolbox, each of the area 1 over hertz. Their corners are evenly spread over its mel
    scale, which is linear to 1,000 Hz (15 mel) and then logarithmic, 27 mel for each factor of 6.4.
    """
    top = 15 + 27 * math.log(8) / math.log(6.4)  # 8,000 Hz
    mels = np.linspace(0, top, n_mel + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))
    frequencies = np.linspace(0, SAMPLING_RATE / 2, _WINDOW // 2 + 1)
    low, middle, high = (edges[i : i + n_mel, np.newaxis] for i in range(3))
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))
    used = triangles > 0
    used[:, 0] |= ~used.any(axis=1)  # a band too narrow for any bin takes one with the weight 0
    bands, bins = np.nonzero(used)
    return bins, triangles[used][:, np.newaxis], np.searchsorted(bands, np.arange(n_mel))
