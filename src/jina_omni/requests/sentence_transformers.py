# SPDX-License-Identifier: Apache-2.0
"""sentence-transformers: ``{"array", "sampling_rate"}`` and ``{"array", "video_metadata"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jina_omni.describe import describe_type
from jina_omni.errors import InputError, located
from jina_omni.media.audio import Audio
from jina_omni.media.frames import unpack_frames
from jina_omni.media.video import Video
from jina_omni.requests.values import check_keys, require_list

__all__ = ["parse_frames", "parse_samples"]

# Metadata of transformers hold more, which changes nothing once the frames are selected.
_VIDEO_METADATA = {"fps", "frames_indices", "total_num_frames", "width", "height", "duration", "video_backend"}


def parse_samples(value: dict[str, Any]) -> Audio:
    """Return the sound of an array of samples with its sampling rate; the name of its file changes nothing.

    Raises
    ------
    InputError
        A key is unknown or missing.
    """
    check_keys(value, {"array", "sampling_rate"}, {"path"})
    return Audio(value["array"], sampling_rate=value["sampling_rate"])


def parse_frames(value: dict[str, Any]) -> Video:
    """Return the video of an array of frames, at the indices of its metadata or one after the other.

    Raises
    ------
    InputError
        A key is unknown or missing, or a value can't be taken.
    """
    check_keys(value, {"array", "video_metadata"})
    with located(array=None):
        array = unpack_frames(value["array"])
    metadata = value["video_metadata"]
    if not isinstance(array, np.ndarray):
        raise InputError(
            f"is {describe_type(array)}, expected frames; pass a file without this dict", location=(("array", None),)
        )
    with located(video_metadata=None):
        if not isinstance(metadata, Mapping):
            raise InputError(f"is {describe_type(metadata)}, expected a dict, such as {{'fps': 24}}")
        check_keys(metadata, set(), _VIDEO_METADATA)
    fps, indices = metadata.get("fps"), metadata.get("frames_indices")
    if indices is None:
        return Video(array, fps=fps)
    n_frames = len(array) if array.ndim else 0
    with located(frames_indices=None):
        positions = require_list(indices.tolist() if isinstance(indices, np.ndarray) else indices)
    if len(positions) != n_frames or not all(isinstance(i, int) and 0 <= i < 1 << 31 for i in positions):
        raise InputError(f"has {n_frames} frames; its frames_indices must be as many ints, from 0")
    if list(positions) == list(range(n_frames)):
        return Video(array, fps=fps)
    if not isinstance(fps, (int, float)) or not 0 < fps < 1e6:
        raise InputError("has frames_indices, so its fps must be a number over 0 and under a million")
    # As in transformers: the time of a pair is the mean of its two, an odd last frame counts twice.
    pairs = zip(positions[::2], [*positions[1::2], positions[-1]], strict=False)
    return Video(array, fps=fps, timestamps=[(a + b) / 2 / fps for a, b in pairs])
