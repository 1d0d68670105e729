# SPDX-License-Identifier: Apache-2.0
"""Images: the input `Image`, and the way from files, bytes and arrays to patches.

Pixels decide parity, so the reference's own library works on them: Pillow decodes, converts to RGB and resizes. What
its ``convert("RGB")`` gives is what is embedded: alpha is dropped without compositing, an animation gives its first
frame, colour profiles are ignored, 16-bit colour keeps its high bytes. Orientation and background are options.

Two things differ, since there ``convert`` clips and would leave a white or black area: greyscale of 16 or 32 bits is
taken only while all its values lie in 0 to 255, and floating-point pixels never are. An SVG, which the reference does
not read, is drawn on white.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageOps
from PIL import Image as PILImage

from jina_omni.arguments import suggest_arguments
from jina_omni.describe import describe_type
from jina_omni.errors import InputError
from jina_omni.media import svg
from jina_omni.media.files import BYTES_LIKE, FileSource, describe_options, describe_source, open_source
from jina_omni.media.image_errors import as_image_error
from jina_omni.media.image_files import Draw, load, open_image
from jina_omni.media.medium import Medium, make_still
from jina_omni.media.notebook import render_medium, show_picture
from jina_omni.media.open_files import read_if_open
from jina_omni.media.patches import Patches, PatchGrid, VisionGeometry, pack_patches
from jina_omni.media.picture_options import DEFAULT_OPTIONS, Background, Orientation, PictureOptions, check_options
from jina_omni.media.pixels import convert_to_rgb
from jina_omni.media.towers import Towers
from jina_omni.media.turns import turn_by_exif

__all__ = ["Image", "ImageSource", "check", "decode", "find_grid", "measure", "patch_pixels", "read_patches"]

ImageSource: TypeAlias = FileSource | PILImage.Image | npt.NDArray[np.uint8]
"""What an image may come as: a path, a file's bytes, a PIL image, or pixels."""


# Reading a lazily opened image changes it, so two threads that were handed the same PIL image take turns. PIL images
# can't be hashed, so there are a few locks for all instead of one for each.
_LOCKS = tuple(threading.Lock() for _ in range(16))


# Compared by identity: two arrays, compared, give an array.
@suggest_arguments
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image:
    """An image.

    Parameters
    ----------
    source : path, bytes-like, open file, PIL image or array
        A path (a str too, here), the bytes of a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC, SVG, PPM, ICO or JPEG 2000
        file, a PIL image, or an array of uint8 of the shape (height, width), (height, width, 1), (height, width, 3) or
        (height, width, 4). Of an animation the first frame is taken, as the reference does. An open file is read at
        once, from its start; a path when it is embedded, not before.
    orientation : {"as-stored", "upright"}, optional
        ``upright`` turns the picture as its EXIF data say, ``as-stored`` does not; by default as the model has it. HEIC
        and TIFF pictures come upright in any case, since the decoders that the reference uses turn them.
    background : str or tuple of 3 int, optional
        The colour that shows where the picture is transparent: a name such as "white", "#ff8000", or red, green and
        blue from 0 to 255. By default as the model has it.

    Examples
    --------
    >>> Image("a.jpg", orientation="upright")
    Image('a.jpg', orientation='upright')
    """

    source: ImageSource
    orientation: Orientation | None = field(default=None, kw_only=True)
    background: Background | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", read_if_open(self.source))

    def __repr__(self) -> str:
        return f"Image({describe_source(self.source)}{describe_options(self, 'orientation', 'background')})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the picture, small."""
        return render_medium(self, lambda: show_picture(_draw(self)))


def check(image: Image) -> None:
    """Check that an image's source is of a type that is taken, and its options.

    Raises
    ------
    InputError
        They are not.
    """
    if not isinstance(image.source, (str, os.PathLike, *BYTES_LIKE, PILImage.Image, np.ndarray)):
        raise InputError(
            f"is an Image whose source is {describe_type(image.source)}; jina_omni.Image takes a path, bytes, an open "
            "file, a PIL image or an array of uint8"
        )
    check_options("Image", image.orientation, image.background)


def _draw(image: Image) -> PILImage.Image:
    check(image)
    return decode(image)


def measure(
    image: Image,
    towers: Towers,
    *,
    truncate: bool,  # noqa: ARG001 - nothing to cut
    stop: threading.Event | None = None,
) -> list[Medium]:
    """Measure an image by its header, for the vision tower; an SVG by drawing it.

    Parameters
    ----------
    image : Image
    towers : Towers
    truncate : bool
        As `jina_omni.media.kinds.measure` has it.
    stop : threading.Event, optional
        Ends a drawing soon after it is set.

    Raises
    ------
    InputError
        As far as the header shows it.
    ModalityNotLoadedError
        The vision tower is not loaded.
    Cancelled
        Through `stop`.
    """
    geometry = towers.require_vision("an image")
    options = towers.pictures
    drawing = svg.Drawing()

    def read(stop: threading.Event) -> tuple[Patches, PatchGrid]:
        return read_patches(image, geometry, options=options, draw=functools.partial(drawing.decode, stop=stop))

    grid = find_grid(image, geometry, options=options, draw=functools.partial(drawing.measure, stop=stop))
    return [make_still(grid, read, geometry)]


def decode(image: Image, *, options: PictureOptions = DEFAULT_OPTIONS, draw: Draw = svg.to_png) -> PILImage.Image:
    """Return an image's pixels as RGB.

    Threads may decode at the same time, and no file stays open.

    Parameters
    ----------
    image : Image
        A file's type is found from its bytes. Of an animation the first frame is taken, of a PIL image the current
        one.
    options : PictureOptions
        Those that the image does not have itself.
    draw : callable
        Draws an SVG.

    Returns
    -------
    PIL.Image.Image
        Of the mode RGB. May be the image's source itself, so it is to be read only.

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another type.
    DecodeError
        They are damaged or cut short.
    InputError
        The file can't be read; the image is empty; a file has more than `MAX_PIXELS` pixels; the type or range of
        pixels can't be taken.

    Examples
    --------
    >>> from jina_omni import Image
    >>> decode(Image(np.zeros((2, 3), np.uint8))).size
    (3, 2)
    """
    options = options.override(image.orientation, image.background)
    with _open_image(image.source, draw, options) as pixels:
        load(pixels)
        if options.orientation == "as-stored" or pixels.format == "TIFF":  # Pillow has turned it
            return convert_to_rgb(pixels, options.background)
        if pixels is image.source:  # the caller's own, not to be turned in place
            return convert_to_rgb(ImageOps.exif_transpose(pixels), options.background)
        ImageOps.exif_transpose(pixels, in_place=True)
        return convert_to_rgb(pixels, options.background)


def find_grid(
    image: Image, geometry: VisionGeometry, *, options: PictureOptions = DEFAULT_OPTIONS, draw: Draw = svg.to_png
) -> PatchGrid:
    """Return the grid of the patches of an image, from the file's header where that says it.

    Parameters
    ----------
    image : Image
        As in `decode`.
    geometry : VisionGeometry
        Of the vision file.
    options, draw
        As in `decode`.

    Returns
    -------
    tuple of int
        (1, h, w), in patches.

    Raises
    ------
    InputError
        As in `decode`, as far as the header shows it, and as in `smart_resize`.

    Examples
    --------
    >>> find_grid(Image(np.zeros((480, 640, 3), np.uint8)), VisionGeometry())
    (1, 30, 40)
    """
    options = options.override(image.orientation, image.background)
    if isinstance(image.source, np.ndarray):
        height, width = _check_array(image.source).shape[:2]
    else:
        with _open_image(image.source, draw, options) as pixels:
            height, width = _find_size(pixels, options.orientation)
    return geometry.image_grid(height, width)


def read_patches(
    image: Image, geometry: VisionGeometry, *, options: PictureOptions = DEFAULT_OPTIONS, draw: Draw = svg.to_png
) -> tuple[Patches, PatchGrid]:
    """Return an image as the patches that the vision tower takes: `decode`, then `patch_pixels`.

    Parameters
    ----------
    image : Image
        As in `decode`.
    geometry : VisionGeometry
        Of the vision file.
    options, draw
        As in `decode`.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack_patches`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError
        As in `decode` and `smart_resize`.

    Examples
    --------
    >>> patches, grid = read_patches(Image(np.zeros((480, 640, 3), np.uint8)), VisionGeometry())
    >>> patches.shape, grid
    ((1200, 1536), (1, 30, 40))
    """
    return patch_pixels(decode(image, options=options, draw=draw), geometry)


def patch_pixels(pixels: PILImage.Image, geometry: VisionGeometry) -> tuple[Patches, PatchGrid]:
    """Return pixels as the patches that the vision tower takes.

    Resized to the size of `smart_resize` with Pillow's bicubic filter (a = -0.5, antialiased), stretched and not
    padded, as ``Qwen2VLImageProcessorPil`` of transformers does; see `pack_patches` for the rest.

    Parameters
    ----------
    pixels : PIL.Image.Image
        Of the mode RGB, as `decode` returns it.
    geometry : VisionGeometry
        Of the vision file.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack_patches`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError
        The image is empty, or more than 200 times as long as wide.

    Examples
    --------
    >>> patches, grid = patch_pixels(PILImage.new("RGB", (640, 480)), VisionGeometry())
    >>> patches.shape, grid
    ((1200, 1536), (1, 30, 40))
    """
    height, width = geometry.resize_image(pixels.height, pixels.width)
    if pixels.size != (width, height):
        pixels = pixels.resize((width, height), PILImage.Resampling.BICUBIC)
    return pack_patches(np.asarray(pixels)[np.newaxis], geometry)


@contextlib.contextmanager
def _open_image(source: ImageSource, draw: Draw, options: PictureOptions) -> Iterator[PILImage.Image]:
    """Open an image, its pixels perhaps not yet read; what fails in the body fails as an `InputError`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_image_error(source))
        if isinstance(source, PILImage.Image):
            stack.enter_context(_LOCKS[id(source) // 64 % len(_LOCKS)])
            image = source
        elif isinstance(source, np.ndarray):
            image = PILImage.fromarray(np.ascontiguousarray(_check_array(source)))
        else:
            image = open_image(stack.enter_context(open_source(source)), draw, options.background)
        _check_not_empty(image.height, image.width)
        yield image


def _check_array(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an array of pixels in a shape that Pillow takes."""
    array = np.asarray(array)  # a subclass may override anything
    if array.dtype != np.uint8:
        advice = "; for values of 0 to 1: (array * 255).round().astype('uint8')" if array.dtype.kind == "f" else ""
        raise InputError(f"is an array of {array.dtype}; pixels are uint8, from 0 to 255{advice}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        advice = "; channels come last: array.transpose(1, 2, 0)" if array.ndim == 3 and array.shape[0] < 5 else ""
        raise InputError(
            f"is an array of the shape {array.shape}; an image is (height, width), (height, width, 1), "
            f"(height, width, 3) or (height, width, 4){advice}"
        )
    _check_not_empty(array.shape[0], array.shape[1])
    return array


def _find_size(pixels: PILImage.Image, wanted: Orientation) -> tuple[int, int]:
    """Return the height and width that decoding will give."""
    if wanted == "upright" or pixels.format == "TIFF":
        orientation = pixels.getexif().get(ExifTags.Base.Orientation, 1)
        if pixels.format != "TIFF":
            return turn_by_exif(orientation).turn_size(pixels.height, pixels.width)
        if orientation != 1:
            pixels.load()  # turns the picture; whether Pillow's size shows that before depends on its version
    return pixels.height, pixels.width


def _check_not_empty(height: int, width: int) -> None:
    if height < 1 or width < 1:
        raise InputError(f"is an image of {width} x {height} pixels, which is empty; leave it out")
