# SPDX-License-Identifier: Apache-2.0
"""Which frames of a video are taken, at what size and with which timestamps: the reference's own arithmetic."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jina_omni.describe import short_repr
from jina_omni.dialects import Dialect
from jina_omni.errors import DecodeError, InputError
from jina_omni.media.limits import MAX_FRAMES
from jina_omni.media.patches import TEMPORAL_PATCH_SIZE, PatchGrid, VisionGeometry, smart_resize

__all__ = ["UNKNOWN_FPS", "FrameOptions", "FrameSelection", "check_options", "select_frames"]

# Qwen3VLVideoProcessor, transformers
_FRAMES_PER_SECOND = 2
_MIN_FRAMES = 4
_DEFAULT_MAX_FRAMES = {"card": 768, "sentence-transformers": 32}

UNKNOWN_FPS = 24
"""Frames per second of a source that does not say them."""


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """What a caller asks for; see `jina_omni.Video`.

    Attributes
    ----------
    fps : float or None
    max_frames : int or None
    timestamps : bool, sequence of float or None
    is_array : bool
        Whether the source is an array, of which all frames are taken.
    """

    fps: float | None
    max_frames: int | None
    timestamps: bool | Sequence[float] | None
    is_array: bool


@dataclass(frozen=True, slots=True)
class FrameSelection:
    """The frames that are taken of a video.

    Attributes
    ----------
    n_frames : int
        Of the source.
    size : tuple of int
        Height and width of the source, in pixels.
    fps : float
        Frames per second of the source.
    indices : tuple of int
        The selected frames, ascending, counted from 0.
    timestamps : tuple of float or None
        Seconds to write before each pair of frames, None where none are wanted.
    grid : tuple of int
        (t, h, w), in patches.
    """

    n_frames: int
    size: tuple[int, int]
    fps: float
    indices: tuple[int, ...]
    timestamps: tuple[float, ...] | None
    grid: PatchGrid


def check_options(options: FrameOptions) -> None:
    """Check the types and ranges of the options.

    Raises
    ------
    InputError
        One can't be taken.
    """
    fps, max_frames = options.fps, options.max_frames
    is_real = isinstance(fps, (int, float, np.integer, np.floating))
    if fps is not None and not (is_real and 0 < fps <= sys.float_info.max):
        raise InputError(f"has fps={short_repr(fps)}; pass frames per second, a number over 0")
    if max_frames is not None and not (isinstance(max_frames, (int, np.integer)) and max_frames >= 1):
        raise InputError(f"has max_frames={short_repr(max_frames)}; pass a whole number from 1 on")


def select_frames(
    options: FrameOptions,
    dialect: Dialect,
    n_frames: int,
    size: tuple[int, int],
    fps: float,
    geometry: VisionGeometry,
) -> FrameSelection:
    """Select the frames of a video.

    Parameters
    ----------
    options : FrameOptions
        Checked by `check_options`.
    dialect : {"card", "sentence-transformers"}
        ``card`` takes 2 frames per second of a file, 4 to 768, as ``Qwen3VLVideoProcessor`` of transformers 5.1 does.
        ``sentence-transformers`` takes all, or 32 spread evenly, and gives them timestamps as if they were 24 per
        second. With ``fps``, both take so many per second, with their real times. Of an array both take all.
    n_frames : int
        Of the source.
    size : tuple of int
        Height and width of a frame, in pixels.
    fps : float
        Frames per second of the source.
    geometry : VisionGeometry
        Of the vision file.

    Raises
    ------
    DecodeError
        There is no frame.
    InputError
        There are too many frames, the size can't be taken, or there is not one timestamp for each pair.
    """
    if n_frames < 1:
        raise DecodeError("is a video without a single frame; it is damaged or cut short")
    by_rate = not options.is_array and (dialect == "card" or options.fps is not None)
    most = min(options.max_frames or (n_frames if options.is_array else _DEFAULT_MAX_FRAMES[dialect]), n_frames)
    n = most
    if by_rate:
        # `int` of what transformers computes, in its order; bounded before, since a rate may be huge.
        n = int(min(n_frames / fps * (options.fps or _FRAMES_PER_SECOND), n_frames))
        n = min(max(n, _MIN_FRAMES), most)
    if n > MAX_FRAMES:
        raise InputError(f"is a video of {n:,} frames, over the limit of {MAX_FRAMES:,}; pass max_frames=")
    positions = np.linspace(0, n_frames - 1, n)
    indices = (positions.round() if dialect == "card" or by_rate else positions).astype(int)
    seconds = indices / fps if options.is_array or by_rate else np.arange(n) / UNKNOWN_FPS
    height, width = smart_resize(
        *size,
        min_pixels=geometry.video_min_pixels,
        max_pixels=geometry.video_max_pixels,
        factor=geometry.factor,
        n_frames=n,
    )
    grid = -(-n // TEMPORAL_PATCH_SIZE), height // geometry.patch_size, width // geometry.patch_size
    timestamps = _make_timestamps(options.timestamps, seconds, grid[0])
    return FrameSelection(n_frames, size, fps, tuple(indices.tolist()), timestamps, grid)


def _make_timestamps(
    given: bool | Sequence[float] | None,  # noqa: FBT001
    seconds: npt.NDArray[np.float64],
    n_pairs: int,
) -> tuple[float, ...] | None:
    if given is False:
        return None
    if given is None or given is True:
        firsts, lasts = seconds[::2], seconds[1::2]
        if len(lasts) < n_pairs:  # an odd last frame is paired with itself
            lasts = np.append(lasts, seconds[-1])
        return tuple(((firsts + lasts) / 2).tolist())
    try:
        times = tuple(float(time) for time in given)
    except (TypeError, ValueError, OverflowError):
        raise InputError("has timestamps that are not a sequence of numbers; pass seconds: [0.5, 1.5]") from None
    if not all(map(math.isfinite, times)):
        raise InputError("has a timestamp that is not finite; pass seconds: [0.5, 1.5]")
    if len(times) != n_pairs:
        raise InputError(
            f"has {len(times)} timestamps for {n_pairs} pairs of frames; pass one for each pair, an odd last "
            "frame being a pair of its own, or leave timestamps out"
        )
    return times
