# SPDX-License-Identifier: Apache-2.0
"""Pictures one by one as the frames of a video."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
from PIL import Image as PILImage

from jina_omni.errors import InputError, located, naming_file
from jina_omni.media.files import BYTES_LIKE
from jina_omni.media.image import Image, check, decode
from jina_omni.media.open_files import is_open_file
from jina_omni.media.picture_options import Background, Orientation, PictureOptions, check_options

__all__ = ["Pictures", "unpack_frames"]

Pictures: TypeAlias = Any
"""A list of what `Image` takes. `Video` turns it into an array at once, so other code need not be typed for it."""

_PICTURES = (Image, PILImage.Image, np.ndarray, str, os.PathLike, *BYTES_LIKE)


def unpack_frames(source: Any, orientation: Orientation | None = None, background: Background | None = None) -> Any:
    """Return the source of a video, with a list of pictures as an array of uint8 of the shape (n, height, width, 3).

    Parameters
    ----------
    source
        Pictures are a list or a tuple of `Image`, or of what that takes, all of one size; they are decoded as `decode`
        does it. What is not pictures stays as it is.
    orientation, background : optional
        Of the video, for the pictures that do not have their own.

    Raises
    ------
    InputError
        One can't be decoded, they differ in size, or an option is not one that is taken.
    """
    if not isinstance(source, (list, tuple)) or not source:
        return source
    if not all(isinstance(frame, _PICTURES) or is_open_file(frame) for frame in source):
        return source
    check_options("Video", orientation, background)
    options = PictureOptions().override(orientation, background)
    frames = []
    for i, frame in enumerate(source):
        picture = frame if isinstance(frame, Image) else Image(frame)
        with located(frame=i), naming_file(picture.source):
            check(picture)
            frames.append(np.asarray(decode(picture, options=options)))
    sizes = {(frame.shape[1], frame.shape[0]): None for frame in frames}
    if len(sizes) > 1:
        named = " and ".join(f"{width} x {height}" for width, height in list(sizes)[:2])
        raise InputError(f"has frames of {named} pixels; resize them to one size")
    return np.stack(frames)
