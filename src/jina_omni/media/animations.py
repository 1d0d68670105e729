# SPDX-License-Identifier: Apache-2.0
"""Animated pictures as videos: GIF, WebP, PNG and AVIF, decoded by Pillow.

FFmpeg does not decode animated WebP. As in an image, alpha is dropped unless a background is chosen.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Generator, Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, features
from PIL import Image as PILImage

from jina_omni.errors import Cancelled, InputError, UnsupportedMediaError
from jina_omni.media.decoders import as_decode_error
from jina_omni.media.excerpts import WHOLE, Excerpt
from jina_omni.media.file_types import FILE_TYPES
from jina_omni.media.files import FileSource, open_source, read_media_type
from jina_omni.media.limits import MAX_ANIMATION_PIXELS, MAX_FRAME_PIXELS
from jina_omni.media.picture_options import DEFAULT_OPTIONS, Colour, PictureOptions
from jina_omni.media.pixels import convert_to_rgb
from jina_omni.media.png_texts import leave_out_large_texts
from jina_omni.media.turns import AS_STORED, Turn, turn_by_exif
from jina_omni.media.video_streams import Film, Frame

__all__ = ["decode_frames", "is_animation", "measure_film"]


_TYPES = ("image/gif", "image/webp", "image/png", "image/avif")

# A frame that is to be shown no longer than this is shown for a tenth of a second, as in browsers.
_SHORTEST, _USUAL = 0.01, 0.1


def is_animation(source: FileSource) -> bool:
    """Return whether a file is of a type that holds animated pictures.

    Raises
    ------
    InputError
        It can't be read.
    """
    with as_decode_error("a video"), open_source(source) as file:
        return read_media_type(file) in _TYPES


def measure_film(
    source: FileSource,
    excerpt: Excerpt = WHOLE,
    pictures: PictureOptions = DEFAULT_OPTIONS,
    stop: threading.Event | None = None,
) -> Film:
    """Measure an animation, which is decoded for it: only the frames say how long they are shown.

    Parameters
    ----------
    source : path or bytes-like
        For which `is_animation` is true.
    excerpt : Excerpt
        The part that is measured. If no frame begins in it, it has the one that is shown then; behind the end there is
        none.
    pictures : PictureOptions
        How the frames are laid out.
    stop : threading.Event, optional
        Once it is set, no further frame is decoded.

    Raises
    ------
    UnsupportedMediaError
        This Pillow does not read it.
    DecodeError
        It is damaged or cut short.
    InputError
        It can't be read, has more than 35 million pixels, or more than `MAX_ANIMATION_PIXELS` in all frames.
    Cancelled
        Through `stop`.
    """
    begins, end, size = [], 0.0, (0, 0)
    for begin, seconds, frame in _decode(source, excerpt, pictures, stop):
        size = frame.size
        begins.append(begin)
        end = begin + seconds
    return Film(size, len(begins), len(begins) / (end - begins[0]) if begins else 0.0, end)


def decode_frames(
    source: FileSource,
    excerpt: Excerpt = WHOLE,
    pictures: PictureOptions = DEFAULT_OPTIONS,
    stop: threading.Event | None = None,
) -> Generator[Frame, None, None]:
    """Decode the frames of an animation; parameters and errors are those of `measure_film`."""
    for _, _, frame in _decode(source, excerpt, pictures, stop):
        yield frame


def _decode(
    source: FileSource, excerpt: Excerpt, pictures: PictureOptions, stop: threading.Event | None
) -> Iterator[tuple[float, float, Frame]]:
    """Yield the frames of an excerpt, each with its time from the beginning and its duration, in seconds."""
    with as_decode_error("an animation"), open_source(source) as file:
        picture = _open_picture(file)
        if picture.width * picture.height > MAX_FRAME_PIXELS:
            raise InputError(
                f"has frames of {picture.width:,} x {picture.height:,} pixels, over the limit of "
                f"{MAX_FRAME_PIXELS:,}; shrink it, as the model would do anyway"
            )
        turn = AS_STORED
        if pictures.orientation == "upright":
            turn = turn_by_exif(picture.getexif().get(ExifTags.Base.Orientation, 1))
        size = turn.turn_size(picture.height, picture.width)
        begin = 0.0
        n_frames = getattr(picture, "n_frames", 1)
        if n_frames * picture.width * picture.height > MAX_ANIMATION_PIXELS:
            raise InputError(
                f"has {n_frames:,} frames of {picture.width:,} x {picture.height:,} pixels, over the limit of "
                f"{MAX_ANIMATION_PIXELS:,} pixels in all; shrink it, or convert it: ffmpeg -i IN OUT.mp4"
            )
        # A PNG may hold another picture for viewers that do not animate it.
        first = 1 if getattr(picture, "default_image", False) else 0
        for i in range(first, n_frames):
            if stop is not None and stop.is_set():
                raise Cancelled
            picture.seek(i)
            picture.load()  # only then a WebP knows the frame's duration
            duration = picture.info.get("duration", 0) / 1000
            seconds = duration if duration > _SHORTEST else _USUAL
            # One that has begun before is taken if none begins in the excerpt.
            is_only = begin < excerpt.start and begin + seconds >= excerpt.end
            is_last = begin < excerpt.start < begin + seconds and i + 1 == n_frames
            if excerpt.start <= begin < excerpt.end or is_only or is_last:
                yield begin, seconds, Frame(size, functools.partial(_read_rgb, picture, turn, pictures.background))
            begin += seconds


def _open_picture(file: BinaryIO) -> PILImage.Image:
    file_type = FILE_TYPES[read_media_type(file)]
    name = file_type.name.upper()
    if name in ("WEBP", "AVIF") and not features.check(name.lower()):
        raise UnsupportedMediaError(
            f"is {file_type.name}, which this Pillow does not read; install the newest from PyPI: pip install -U pillow"
        )
    if name == "PNG":
        file = leave_out_large_texts(file)
    importlib.import_module(f"PIL.{file_type.plugin}")  # or Pillow would import all its forty decoders
    try:
        return PILImage.open(file, formats=(name,))
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise InputError(f"is too large to decode safely ({error}); shrink it") from None


def _read_rgb(picture: PILImage.Image, turn: Turn, background: Colour | None) -> npt.NDArray[np.uint8]:
    return turn.turn(np.asarray(convert_to_rgb(picture, background)))
