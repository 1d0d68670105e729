# SPDX-License-Identifier: Apache-2.0
"""From samples to the log-mel frames that the audio tower takes.

What ``WhisperFeatureExtractor`` of transformers computes over 30 seconds, for the frames that a clip really has.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputError

__all__ = ["MAX_SAMPLES", "SAMPLE_RATE", "frame_count", "log_mel", "require_frames"]

SAMPLE_RATE = 16_000
"""Samples per second of all that goes to the audio tower."""

MAX_SAMPLES = 30 * SAMPLE_RATE
"""Longest sound that the reference takes, in samples."""

_WINDOW = 400  # samples of a frame
_HOP = 160  # samples from one frame to the next
_EDGE = _WINDOW // 2  # samples by which a frame's middle is past its begin
_MAX_FRAMES = MAX_SAMPLES // _HOP
_MIN_FRAMES = 3  # two stride-2 steps make less than one row of fewer
_FLOOR = 1e-10  # power, as far as the reference looks down
_RANGE = 8  # powers of ten below the loudest, as far as the tower does
_BLOCK_FRAMES = 256  # frames transformed at a time, so that their doubles stay in the cache

Samples = npt.NDArray[np.float32]
Mel = npt.NDArray[np.float32]


def frame_count(n_samples: int) -> int:
    """Return how many mel frames a clip has: min(3000, ceil(n / 160)), the reference's ``mask[::160]``.

    Examples
    --------
    >>> frame_count(176_000), frame_count(1), frame_count(480_000)
    (1100, 1, 3000)

    .. versionadded:: 0.1.0
    """
    return min(_MAX_FRAMES, -(-n_samples // _HOP))


def require_frames(n_samples: int, where: str = "input") -> int:
    """Return `frame_count` of a clip that is long enough to give the tower a row.

    Raises
    ------
    InputError
        It has fewer than 3 frames.

    Examples
    --------
    >>> require_frames(321)
    3

    .. versionadded:: 0.1.0
    """
    n_frames = frame_count(n_samples)
    if n_frames < _MIN_FRAMES:
        needed = (_MIN_FRAMES - 1) * _HOP + 1
        raise InputError(
            f"{where} is a sound of {n_samples / SAMPLE_RATE * 1000:.1f} ms, which is too short; the model needs "
            f"{math.ceil(needed / SAMPLE_RATE * 10_000) / 10} ms: leave it out, or pad it with silence"
        )
    return n_frames


def log_mel(samples: Samples, n_mel: int = 128) -> Mel:
    """Return the log-mel frames of a clip.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        Mono, at 16 kHz, in -1..1; at most 480,000.
    n_mel : int
        Mel bands, as many as the audio file says.

    Returns
    -------
    array of float32, shape (frame_count(n), n_mel)
        A row for each frame.

    Notes
    -----
    As ``WhisperFeatureExtractor``: zeros up to 30 seconds; power spectrum of periodic Hann windows of 400 samples every
    160, the ends reflected; Slaney's mel bands of 0 to 8,000 Hz; ``x = log10(max(power, 1e-10))``;
    ``(max(x, max(all x) - 8) + 4) / 4``. The maximum is that of the whole 30 seconds. Frames that begin in the clip and
    end in the zeros, but do not count as the clip's, take part in it; those of zeros alone can't be above another.

    Examples
    --------
    >>> log_mel(np.zeros(16_000, np.float32)).shape
    (100, 128)

    .. versionadded:: 0.1.0
    """
    n = len(samples)
    n_heard = min(_MAX_FRAMES, -(-(n + _EDGE) // _HOP))  # frames with at least one of the samples
    padded = np.zeros((n_heard - 1) * _HOP + _WINDOW, np.float32)
    padded[_EDGE : _EDGE + n] = samples
    padded[:_EDGE] = padded[2 * _EDGE : _EDGE : -1]
    if n_heard == _MAX_FRAMES:
        end = _EDGE + MAX_SAMPLES
        past = len(padded) - end
        padded[end:] = padded[end - 2 : end - 2 - past : -1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]

    window = 0.5 - 0.5 * np.cos(2 * np.pi / _WINDOW * np.arange(_WINDOW))
    bins, weights, starts = _mel_filters(n_mel)
    mel = np.empty((n_heard, n_mel), np.float32)
    for start in range(0, n_heard, _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        spectrum = np.fft.rfft(frames[block] * window)  # doubles: quiet bands lie 80 dB below the loudest
        power = (spectrum.real**2 + spectrum.imag**2).T
        # No product of matrices: nearly all of its factors would be 0, and its threads would fight over processors.
        mel[block] = np.add.reduceat(power[bins] * weights, starts).T
    np.maximum(mel, np.float32(_FLOOR), out=mel)
    np.log10(mel, out=mel)
    np.maximum(mel, mel.max() - np.float32(_RANGE), out=mel)
    mel += 4
    mel /= 4
    return mel[: frame_count(n)]


@functools.lru_cache(maxsize=2)
def _mel_filters(n_mel: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return what the bands sum up: bins of a spectrum, their weights (a column), and where each band begins in these.

    Triangles of Slaney's Auditory Toolbox, each of the area 1 over hertz. Their corners are evenly spread over its mel
    scale, which is linear to 1,000 Hz (15 mel) and then logarithmic, 27 mel for each factor of 6.4.
    """
    top = 15 + 27 * math.log(8) / math.log(6.4)  # 8,000 Hz
    mels = np.linspace(0, top, n_mel + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))
    frequencies = np.linspace(0, SAMPLE_RATE / 2, _WINDOW // 2 + 1)
    low, middle, high = (edges[i : i + n_mel, np.newaxis] for i in range(3))
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))
    used = triangles > 0
    used[:, 0] |= ~used.any(axis=1)  # a band too narrow for any bin takes one with the weight 0
    bands, bins = np.nonzero(used)
    return bins, triangles[used][:, np.newaxis], np.searchsorted(bands, np.arange(n_mel))
