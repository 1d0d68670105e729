"""Image and video preprocessing of the reference (MODEL_FACTS sections 3 and 4), by Pillow and numpy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .weights import Weights

_PATCH, _MERGE, _FRAMES = 16, 2, 2
_FACTOR = _PATCH * _MERGE


@dataclass(frozen=True)
class Limits:
    """Least and most pixels of an image, and of a video's frames together."""

    image: tuple[int, int] = (262_144, 1_310_720)
    video: tuple[int, int] = (262_144, 12_845_056)

    @classmethod
    def of(cls, weights: Weights) -> Limits:
        """Read them from a vision projector file, as far as it has them."""

        def pair(kind: str, default: tuple[int, int]) -> tuple[int, int]:
            found = [weights.key(f"clip.vision.{kind}_{end}_pixels") for end in ("min", "max")]
            return default if None in found else (int(str(found[0])), int(str(found[1])))

        return cls(pair("image", cls.image), pair("video", cls.video))


@dataclass(frozen=True)
class Patches:
    """Rows of normalised pixels in the order (t, h/2, w/2, 2, 2), each (channel, frame, y, x), and the grid in patches.

    The grid is (t, h, w).
    """

    rows: NDArray[np.float32]
    grid: tuple[int, int, int]


def smart_resize(height: int, width: int, limits: tuple[int, int], n_frames: int | None = None) -> tuple[int, int]:
    """Return the height and width that an image or a video's frames are stretched to.

    Parameters
    ----------
    limits
        Least and most pixels, of all frames together for a video.
    n_frames
        Frames of the video as they are; None for an image.
    """
    # A video's odd frame counts twice where the size is checked but once where it is corrected, as in transformers 5.1.
    n_padded = 1 if n_frames is None else math.ceil(n_frames / _FRAMES) * _FRAMES
    n_frames = n_frames or 1
    h, w = round(height / _FACTOR) * _FACTOR, round(width / _FACTOR) * _FACTOR
    if n_padded * h * w > limits[1]:
        beta = math.sqrt(n_frames * height * width / limits[1])
        h, w = (max(_FACTOR, math.floor(side / beta / _FACTOR) * _FACTOR) for side in (height, width))
    elif n_padded * h * w < limits[0]:
        beta = math.sqrt(limits[0] / (n_frames * height * width))
        h, w = (math.ceil(side * beta / _FACTOR) * _FACTOR for side in (height, width))
    return h, w


def image_patches(image: Image.Image, limits: Limits) -> Patches:
    """Return the patches of a still image, which counts as a pair of equal frames."""
    image = image.convert("RGB")
    h, w = smart_resize(image.height, image.width, limits.image)
    return _patches(np.repeat(_resize(image, h, w)[None], _FRAMES, axis=0))


def video_patches(frames: NDArray[np.uint8], limits: Limits) -> Patches:
    """Return the patches of frames of one size, the last one repeated where their number is odd."""
    n, height, width, _ = frames.shape
    h, w = smart_resize(height, width, limits.video, n)
    resized = np.stack([_resize(Image.fromarray(frame), h, w) for frame in frames])
    return _patches(np.concatenate([resized, resized[-1:]]) if n % _FRAMES else resized)


def _resize(image: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def _patches(frames: NDArray[np.uint8]) -> Patches:
    n, height, width, _ = frames.shape
    t, h, w = n // _FRAMES, height // _PATCH, width // _PATCH
    pixels = frames.astype(np.float32) / np.float32(127.5) - np.float32(1)
    split = pixels.reshape(t, _FRAMES, h // _MERGE, _MERGE, _PATCH, w // _MERGE, _MERGE, _PATCH, 3)
    rows = split.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(t * h * w, 3 * _FRAMES * _PATCH * _PATCH)
    return Patches(np.ascontiguousarray(rows), (t, h, w))
