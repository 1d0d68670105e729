# SPDX-License-Identifier: Apache-2.0
"""From pixels to the patches that the vision tower takes: sizes, and the layout of patches.

The arithmetic is that of transformers' processors, since it decides parity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputError, ModelLoadError
from jina_omni.media.limits import MAX_ASPECT_RATIO, MAX_PIXELS
from jina_omni.native import Projector

__all__ = ["TEMPORAL_PATCH_SIZE", "PatchGrid", "Patches", "VisionGeometry", "pack_patches", "smart_resize"]

PatchGrid: TypeAlias = tuple[int, int, int]
"""Number of patches: time, height, width."""

Patches: TypeAlias = npt.NDArray[np.float32]

TEMPORAL_PATCH_SIZE = 2
"""Frames in a patch; the files have no key for it."""

_BLOCK = 64  # patches normalised at a time, so that their floats stay in the cache


@dataclass(frozen=True, slots=True)
class VisionGeometry:
    """What pixels a vision tower takes. The defaults are those of jina-embeddings-v5-omni, both sizes.

    Parameters
    ----------
    patch_size : int
        Side of a patch, in pixels.
    merge_size : int
        Patches per side of the block that becomes one token.
    min_pixels, max_pixels : int
        Smallest and largest area of a resized image, in pixels: 256 to 1,280 tokens (model card; constants of the
        model's sentence-transformers code).
    mean, std : tuple of 3 floats
        Of the channels red, green, blue, where pixel values are 0 to 1 (the model's preprocessor_config.json).
    video_min_pixels, video_max_pixels : int
        Smallest and largest area of all resized frames of a video together, in pixels: 128 to 6,272 tokens
        (video_preprocessor_config.json of the small model).

    Raises
    ------
    ModelLoadError
        A value is out of range: they come from a file, which may be damaged.

    Examples
    --------
    >>> VisionGeometry().factor
    32
    """

    patch_size: int = 16
    merge_size: int = 2
    min_pixels: int = 262_144
    max_pixels: int = 1_310_720
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    video_min_pixels: int = 262_144
    video_max_pixels: int = 12_845_056

    def __post_init__(self) -> None:
        # The upper bounds keep a damaged file from asking for any amount of memory.
        sizes_fit = self.patch_size > 0 and self.merge_size > 0 and self.factor <= 1024
        images_fit = 0 < self.min_pixels <= self.max_pixels <= MAX_PIXELS
        if not (sizes_fit and images_fit and 0 < self.video_min_pixels <= self.video_max_pixels <= MAX_PIXELS):
            raise ModelLoadError(
                f"the vision file's image sizes make no sense: patch_size {self.patch_size}, "
                f"merge_size {self.merge_size}, image_min_pixels {self.min_pixels}, "
                f"image_max_pixels {self.max_pixels}, video_min_pixels {self.video_min_pixels}, "
                f"video_max_pixels {self.video_max_pixels}; download it again"
            )
        means_fit = len(self.mean) == 3 and all(map(math.isfinite, self.mean))
        if not (means_fit and len(self.std) == 3 and all(math.isfinite(s) and s > 0 for s in self.std)):
            raise ModelLoadError(
                f"the vision file's image_mean {self.mean} and image_std {self.std} make no sense; download it again"
            )

    @classmethod
    def from_projector(cls, vision: Projector) -> VisionGeometry:
        """Return the geometry of a vision file; a key that is absent there, and so 0, takes its default.

        Parameters
        ----------
        vision : Projector
            With ``path``, ``patch_size``, ``merge_size``, ``image_min_pixels``, ``image_max_pixels``,
            ``video_min_pixels``, ``video_max_pixels``, ``image_mean`` and ``image_std``. Of the last two, all zeros
            count as absent.

        Raises
        ------
        ModelLoadError
            A value is out of range.
        """
        default = cls()
        try:
            return cls(
                patch_size=vision.patch_size or default.patch_size,
                merge_size=vision.merge_size or default.merge_size,
                min_pixels=vision.image_min_pixels or default.min_pixels,
                max_pixels=vision.image_max_pixels or default.max_pixels,
                video_min_pixels=vision.video_min_pixels or default.video_min_pixels,
                video_max_pixels=vision.video_max_pixels or default.video_max_pixels,
                mean=vision.image_mean if any(vision.image_mean) else default.mean,
                std=vision.image_std if any(vision.image_std) else default.std,
            )
        except ModelLoadError as error:
            raise ModelLoadError(f"{vision.path}: {error}") from None

    @property
    def factor(self) -> int:
        """Pixels that the sides of a resized image are multiples of."""
        return self.patch_size * self.merge_size

    @property
    def patch_values(self) -> int:
        """Number of floats of one patch."""
        return 3 * TEMPORAL_PATCH_SIZE * self.patch_size**2

    def count_tokens(self, grid: PatchGrid) -> int:
        """Return the number of media tokens that the patches of a grid become.

        Examples
        --------
        >>> VisionGeometry().count_tokens((1, 30, 40))
        300
        """
        return math.prod(grid) // self.merge_size**2

    def resize_image(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that an image is stretched to; errors are those of `smart_resize`."""
        return smart_resize(height, width, min_pixels=self.min_pixels, max_pixels=self.max_pixels, factor=self.factor)

    def image_grid(self, height: int, width: int) -> PatchGrid:
        """Return the grid of the patches of an image, (1, h, w); errors are those of `smart_resize`.

        Examples
        --------
        >>> VisionGeometry().image_grid(480, 640)
        (1, 30, 40)
        """
        height, width = self.resize_image(height, width)
        return 1, height // self.patch_size, width // self.patch_size


def pack_patches(frames: npt.NDArray[np.uint8], geometry: VisionGeometry) -> tuple[Patches, PatchGrid]:
    """Return resized frames as normalised patches, in the layout of ``pixel_values`` of transformers.

    Parameters
    ----------
    frames : array of uint8, shape (n, height, width, 3)
        Sides are multiples of ``geometry.factor``. Two neighbours make one patch in time; an odd last frame, and so a
        still image, counts twice.
    geometry : VisionGeometry
        Of the vision file.

    Returns
    -------
    array of float32, shape (t * h * w, 3 * 2 * patch_size**2)
        A row holds (channel, frame of the pair, y, x) of one patch. Patches come in the order (t, h / merge_size,
        w / merge_size, merge_size, merge_size), so that those of one token are neighbours.
    tuple of int
        The grid (t, h, w), in patches.

    Notes
    -----
    ``(x - 255 * mean) / (255 * std)`` in float32: rescaling and normalising in one, as transformers 5 does it in
    ``_fuse_mean_std_and_rescale_factor``. Doing one after the other, as its PIL backend does, differs by up to 6e-8.

    Examples
    --------
    >>> patches, grid = pack_patches(np.full((4, 32, 32, 3), 255, np.uint8), VisionGeometry())
    >>> patches.shape, grid, float(patches.min())
    ((8, 1536), (2, 2, 2), 1.0)
    """
    patch, merge = geometry.patch_size, geometry.merge_size
    n_frames, height, width, _ = frames.shape
    n_groups = -(-n_frames // TEMPORAL_PATCH_SIZE)
    h, w = height // patch, width // patch
    mean = (np.array(geometry.mean, np.float32) * np.float32(255))[:, np.newaxis]
    std = (np.array(geometry.std, np.float32) * np.float32(255))[:, np.newaxis]

    patches = np.empty((n_groups, h * w, 3, TEMPORAL_PATCH_SIZE, patch * patch), np.float32)
    floats = np.empty((_BLOCK, 3, patch * patch), np.float32)
    for i, frame in enumerate(frames):
        group, first = divmod(i, TEMPORAL_PATCH_SIZE)
        places = slice(first, None if i == n_frames - 1 else first + 1)
        # Put in order while a value is still one byte: a quarter of the memory to move.
        tiles = frame.reshape(h // merge, merge, patch, w // merge, merge, patch, 3)
        tiles = tiles.transpose(0, 3, 1, 4, 6, 2, 5).reshape(h * w, 3, patch * patch)
        for start in range(0, h * w, _BLOCK):
            block = tiles[start : start + _BLOCK]
            values = floats[: len(block)]
            np.copyto(values, block)
            values -= mean
            values /= std
            patches[group, start : start + _BLOCK, :, places] = values[:, :, np.newaxis]
    return patches.reshape(n_groups * h * w, geometry.patch_values), (n_groups, h, w)


def smart_resize(
    height: int,
    width: int,
    *,
    min_pixels: int,
    max_pixels: int,
    factor: int,
    n_frames: int | None = None,
) -> tuple[int, int]:
    """Return the size to which an image or the frames of a video are stretched.

    Parameters
    ----------
    height, width : int
        Of the image or of a frame, in pixels.
    min_pixels, max_pixels : int
        Smallest and largest area of the result; of a video, the sum over its frames.
    factor : int
        Both sides of the result are multiples of it.
    n_frames : int, optional
        Number of frames that are taken of a video; None for an image.

    Returns
    -------
    tuple of int
        Height and width.

    Raises
    ------
    InputError
        The picture is empty, or more than 200 times as long as wide; a side of a video is less than ``factor``.

    Notes
    -----
    ``smart_resize`` of Qwen2-VL for images and of Qwen3-VL for videos, in transformers 5.1. There an odd number of
    frames is rounded up where the area is compared with the limits, but not where it is corrected. Later versions round
    differently and enlarge small videos.

    Examples
    --------
    >>> smart_resize(440, 600, min_pixels=262_144, max_pixels=1_310_720, factor=32)
    (448, 608)
    """
    what = "an image" if n_frames is None else "a video"
    if height < 1 or width < 1:
        raise InputError(f"is {what} of {width} x {height} pixels, which is empty; leave it out")
    if max(height, width) / min(height, width) > MAX_ASPECT_RATIO:
        raise InputError(
            f"is {what} of {width:,} x {height:,} pixels, more than {MAX_ASPECT_RATIO} times as long as wide, "
            "which the model does not take; cut it into pieces, or pad it"
        )
    if n_frames is not None and min(height, width) < factor:
        scale = math.ceil(factor / min(height, width))
        raise InputError(
            f"is a video of {width} x {height} pixels, and the model takes none whose sides are under "
            f"{factor}; scale it up by {scale}, to {width * scale} x {height * scale}"
        )
    n = n_frames or 1
    n_padded = 1 if n_frames is None else -(-n // TEMPORAL_PATCH_SIZE) * TEMPORAL_PATCH_SIZE
    # Python's round goes to the even neighbour at .5, here as in the reference. A side may become 0: that is under the
    # minimum.
    new_height = round(height / factor) * factor
    new_width = round(width / factor) * factor
    if n_padded * new_height * new_width > max_pixels:
        shrink = math.sqrt(n * height * width / max_pixels)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif n_padded * new_height * new_width < min_pixels:
        grow = math.sqrt(min_pixels / (n * height * width))
        new_height = math.ceil(height * grow / factor) * factor
        new_width = math.ceil(width * grow / factor) * factor
    return new_height, new_width
