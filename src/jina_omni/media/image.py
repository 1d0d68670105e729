# SPDX-License-Identifier: Apache-2.0
"""Images: from files, bytes and arrays to pixels of the size that the vision tower takes.

Pixels decide parity, so the reference's own library works on them: Pillow decodes, converts to RGB and resizes. What
its ``convert("RGB")`` gives is what is embedded: alpha is dropped without compositing, an animation gives its first
frame, colour profiles are ignored, 16-bit colour keeps its high bytes.

Two things differ, since there ``convert`` clips and would leave a white or black area: greyscale of 16 or 32 bits is
taken only while all its values lie in 0 to 255, and floating-point pixels never are.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PILImage

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError
from jina_omni.media import svg
from jina_omni.media.extras import require
from jina_omni.media.files import FileSource, as_decode_error, kind_of, open_source, unsupported
from jina_omni.media.patches import PIXEL_LIMIT, Grid, Patches, VisionGeometry, pack, smart_resize

if TYPE_CHECKING:
    from jina_omni.inputs import Image

__all__ = ["ImageSource", "decode", "grid_of", "grid_of_size", "patches", "patches_of"]

ImageSource: TypeAlias = FileSource | PILImage.Image | npt.NDArray[np.uint8]
"""What an image may come as: a path, a file's bytes, a PIL image, or pixels."""

# Pillow's name of each kind of file that is read, and the module that holds its decoder. Others (PSD, EPS, FITS, ...)
# stay shut: rarely sent, and their decoders are where most of Pillow's security fixes go.
_DECODERS = {
    "image/jpeg": ("JPEG", "PIL.JpegImagePlugin"),
    "image/png": ("PNG", "PIL.PngImagePlugin"),
    "image/gif": ("GIF", "PIL.GifImagePlugin"),
    "image/webp": ("WEBP", "PIL.WebPImagePlugin"),
    "image/bmp": ("BMP", "PIL.BmpImagePlugin"),
    "image/tiff": ("TIFF", "PIL.TiffImagePlugin"),
    "image/avif": ("AVIF", "PIL.AvifImagePlugin"),
    "image/x-portable-anymap": ("PPM", "PIL.PpmImagePlugin"),
}
# Their decoders read the whole file into memory. Uncompressed, a picture of the most pixels is as large as this.
_READ_WHOLE = {"image/webp", "image/avif", "image/heic", "image/svg+xml"}
_MOST_BYTES = 4 * PIXEL_LIMIT

# A progressive JPEG is drawn once for each of its scans: ten mostly. A few bytes make a scan.
_MOST_SCANS = 100  # of a picture of the most pixels, and more of a smaller one

_READABLE = "JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC, SVG and PPM"

# Reading a lazily opened image changes it, so two threads that were handed the same PIL image take turns. PIL images
# can't be hashed, so there are a few locks for all instead of one for each.
_LOCKS = tuple(threading.Lock() for _ in range(16))


def decode(image: Image, where: str = "input") -> PILImage.Image:
    """Return an image's pixels as RGB.

    Threads may decode at the same time, and no file stays open.

    Parameters
    ----------
    image : Image
        A file's kind is found from its bytes. Of an animation the first frame is taken, of a PIL image the frame at
        which it stands. Only where it asks for it is it turned as its EXIF data say (TIFF always: Pillow itself does
        it).
    where : str
        What messages call the input.

    Returns
    -------
    PIL.Image.Image
        Of the mode RGB. May be the image's source itself, so it is to be read only.

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another kind.
    DecodeError
        They are damaged or cut short.
    InputError
        The file can't be read; the image is empty; a file has more than `PIXEL_LIMIT` pixels; the type or range of
        pixels can't be taken.

    Examples
    --------
    >>> from jina_omni import Image
    >>> decode(Image(np.zeros((2, 3), np.uint8))).size
    (3, 2)

    .. versionadded:: 0.1.0
    """
    with _opened(image.source, where) as pixels:
        _load(pixels, where)
        if not image.exif_orientation:
            return _rgb(pixels, where)
        if pixels is image.source:  # the caller's own, not to be turned in its place
            return _rgb(ImageOps.exif_transpose(pixels), where)
        ImageOps.exif_transpose(pixels, in_place=True)
        return _rgb(pixels, where)


def grid_of(image: Image, geometry: VisionGeometry, where: str = "input") -> Grid:
    """Return the grid that `patches_of` would give, from the file's header where that says it.

    Parameters
    ----------
    image, where
        As in `decode`.
    geometry : VisionGeometry
        Of the vision file.

    Returns
    -------
    tuple of int
        (1, height, width), in patches.

    Raises
    ------
    InputError
        As in `decode`, as far as the header shows it, and as in `smart_resize`.

    Examples
    --------
    >>> from jina_omni import Image
    >>> grid_of(Image(np.zeros((480, 640, 3), np.uint8)), VisionGeometry())
    (1, 30, 40)

    .. versionadded:: 0.1.0
    """
    if isinstance(image.source, np.ndarray):
        height, width = _checked(image.source, where).shape[:2]
    else:
        with _opened(image.source, where) as pixels:
            height, width = _size(pixels, exif_orientation=image.exif_orientation)
    return grid_of_size(height, width, geometry, where)


def grid_of_size(height: int, width: int, geometry: VisionGeometry, where: str = "input") -> Grid:
    """Return the grid of an image of a size.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    geometry : VisionGeometry
        Of the vision file.
    where : str
        What messages call the input.

    Returns
    -------
    tuple of int
        (1, height, width), in patches.

    Raises
    ------
    InputError
        As in `smart_resize`.

    Examples
    --------
    >>> grid_of_size(480, 640, VisionGeometry())
    (1, 30, 40)

    .. versionadded:: 0.1.0
    """
    height, width = _target(height, width, geometry, where)
    return 1, height // geometry.patch_size, width // geometry.patch_size


def patches_of(image: Image, geometry: VisionGeometry, where: str = "input") -> tuple[Patches, Grid]:
    """Return an image as the rows that the vision tower takes: `decode`, then `patches`.

    Parameters
    ----------
    image, where
        As in `decode`.
    geometry : VisionGeometry
        Of the vision file.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError
        As in `decode` and `smart_resize`.

    Examples
    --------
    >>> from jina_omni import Image
    >>> rows, grid = patches_of(Image(np.zeros((480, 640, 3), np.uint8)), VisionGeometry())
    >>> rows.shape, grid
    ((1200, 1536), (1, 30, 40))

    .. versionadded:: 0.1.0
    """
    return patches(decode(image, where), geometry, where)


def patches(pixels: PILImage.Image, geometry: VisionGeometry, where: str = "input") -> tuple[Patches, Grid]:
    """Return pixels as the rows that the vision tower takes.

    Resized to the size of `smart_resize` with Pillow's bicubic filter (a = -0.5, antialiased), stretched and not
    padded, as ``Qwen2VLImageProcessorPil`` of transformers does; see `pack` for the rest.

    Parameters
    ----------
    pixels : PIL.Image.Image
        Of the mode RGB, as `decode` returns it.
    geometry : VisionGeometry
        Of the vision file.
    where : str
        What messages call the input.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError
        The image is empty, or more than 200 times as long as wide.

    Examples
    --------
    >>> rows, grid = patches(PILImage.new("RGB", (640, 480)), VisionGeometry())
    >>> rows.shape, grid
    ((1200, 1536), (1, 30, 40))

    .. versionadded:: 0.1.0
    """
    height, width = _target(pixels.height, pixels.width, geometry, where)
    if pixels.size != (width, height):
        pixels = pixels.resize((width, height), PILImage.Resampling.BICUBIC)
    return pack(np.asarray(pixels)[np.newaxis], geometry)


@contextlib.contextmanager
def _opened(source: ImageSource, where: str) -> Iterator[PILImage.Image]:
    """Open an image, its pixels perhaps not yet read; what fails in the body fails as an `InputError`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_decode_error("an image", where))
        if isinstance(source, PILImage.Image):
            stack.enter_context(_LOCKS[id(source) // 64 % len(_LOCKS)])
            image = source
        elif isinstance(source, np.ndarray):
            image = PILImage.fromarray(np.ascontiguousarray(_checked(source, where)))
        else:
            image = _open_encoded(stack.enter_context(open_source(source, where)), where)
        _check_not_empty(image.height, image.width, where)
        yield image


def _open_encoded(file: BinaryIO, where: str) -> PILImage.Image:
    kind = kind_of(file, where)
    if kind in _READ_WHOLE and (n_bytes := _length(file)) > _MOST_BYTES:
        raise _over_limit(f"{n_bytes:,} bytes of {kind} are over the limit of {_MOST_BYTES:,}", where)
    try:
        if kind == "image/heic":
            # Pillow's plug-in, used without registering it: what Pillow opens elsewhere in the process stays as it is.
            image: PILImage.Image = require("pillow_heif", "heic", "a HEIC image", where).HeifImageFile(file)
        elif kind == "image/svg+xml":
            image = PILImage.open(io.BytesIO(svg.to_png(file.read(), where)), formats=("PNG",))
        elif kind in _DECODERS:
            image = _open_with_pillow(file, *_DECODERS[kind], where)
        else:
            raise unsupported(kind, "Image", _READABLE, where)
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise _over_limit(str(error), where) from error
    # Pillow itself only warns up to twice its limit, once, and not where the process has silenced warnings.
    if image.width * image.height > PIXEL_LIMIT:
        reason = f"{image.width:,} x {image.height:,} pixels are over the limit of {PIXEL_LIMIT:,}"
        raise _over_limit(reason, where)
    n_scans = _count_scans(file) if kind == "image/jpeg" else 1
    if n_scans * image.width * image.height > _MOST_SCANS * PIXEL_LIMIT:
        raise _over_limit(f"{image.width:,} x {image.height:,} pixels are drawn {n_scans:,} times over", where)
    if kind == "image/tiff" and (n_pixels := _tile_pixels(image)) > PIXEL_LIMIT:
        raise _over_limit(f"its tiles of {n_pixels:,} pixels are over the limit of {PIXEL_LIMIT:,}", where)
    return image


def _length(file: BinaryIO) -> int:
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    return length


def _count_scans(file: BinaryIO) -> int:
    """Return how many scans a JPEG file has at most; the file stays where it is."""
    place = file.tell()
    file.seek(0)
    # The marker of a scan; content never has these bytes (ITU-T T.81, B.1.1.5).
    blocks = itertools.islice(iter(lambda: file.read(1 << 20), b""), _MOST_BYTES >> 20)
    n = sum(block.count(b"\xff\xda") for block in blocks)
    file.seek(place)
    return n


def _tile_pixels(image: PILImage.Image) -> int:
    """Return the pixels of a tile of a TIFF file, each of which libtiff decodes whole, however little it shows."""
    width, height = (image.tag_v2.get(tag, 0) for tag in (322, 323))  # type: ignore[attr-defined]
    return int(width) * int(height)


def _open_with_pillow(file: BinaryIO, name: str, module: str, where: str) -> PILImage.Image:
    # By itself Pillow would import all its forty decoders to find one that it did not import at first.
    # A Pillow before 11.3 has no decoder for AVIF, one built without a codec has a decoder that says so.
    try:
        supported = getattr(importlib.import_module(module), "SUPPORTED", True)
    except ImportError:
        supported = False
    if not supported:
        raise UnsupportedMediaError(
            f"{where} is {name}, which this Pillow does not read; install the newest from PyPI: pip install -U pillow"
        )
    try:
        return PILImage.open(file, formats=(name,))
    except UnidentifiedImageError as error:
        raise DecodeError(
            f"{where} begins as {name}, but its header can't be read; it is damaged or cut short"
        ) from error


def _over_limit(reason: str, where: str) -> InputError:
    return InputError(
        f"{where} is too large to decode safely ({reason}); shrink it to a few megapixels, as the model would do "
        "anyway. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, open it with PIL.Image.open and pass the PIL image"
    )


def _checked(array: npt.NDArray[np.uint8], where: str) -> npt.NDArray[np.uint8]:
    """Return an array of pixels in a shape that Pillow takes."""
    array = np.asarray(array)  # whatever a subclass says of itself
    if array.dtype != np.uint8:
        advice = "; for values of 0 to 1: (array * 255).round().astype('uint8')" if array.dtype.kind == "f" else ""
        raise InputError(f"{where} is an array of {array.dtype}; pixels are uint8, from 0 to 255{advice}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        advice = "; channels come last: array.transpose(1, 2, 0)" if array.ndim == 3 and array.shape[0] < 5 else ""
        raise InputError(
            f"{where} is an array of the shape {array.shape}; an image is (height, width), (height, width, 1), "
            f"(height, width, 3) or (height, width, 4){advice}"
        )
    _check_not_empty(array.shape[0], array.shape[1], where)
    return array


def _size(pixels: PILImage.Image, *, exif_orientation: bool) -> tuple[int, int]:
    """Return the height and width that decoding will give."""
    if exif_orientation or pixels.format == "TIFF":
        orientation = pixels.getexif().get(ExifTags.Base.Orientation, 1)
        if pixels.format != "TIFF":
            turned = orientation in (5, 6, 7, 8)  # EXIF 2.3, tag 0x0112: the picture lies on its side
            return (pixels.width, pixels.height) if turned else (pixels.height, pixels.width)
        if orientation != 1:
            pixels.load()  # turns the picture; whether Pillow's size told so before depends on its version
    return pixels.height, pixels.width


def _load(image: PILImage.Image, where: str) -> None:
    """Decode an image, before its mode is looked at, which some decoders change here."""
    size = image.size
    image.load()
    if image.format == "HEIF" and image.size != size:  # libheif learns of a damaged crop only when it decodes
        raise DecodeError(f"{where} has pixels of another size than its header says; it is damaged")


def _rgb(image: PILImage.Image, where: str) -> PILImage.Image:
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise InputError(
            f"{where} has floating-point pixels, which have no agreed range; scale them to 0 to 255 and pass an array "
            "of uint8"
        )
    if image.mode.startswith("I"):
        low, high = image.getextrema()
        if low < 0 or high > 255:  # type: ignore[operator]  # one band, so two numbers
            raise InputError(
                f"{where} has {image.mode} pixels of {low} to {high}, and a conversion to 8 bits clips all over 255; "
                "scale them, such as (array / 257).round().astype('uint8') for 16 bits, and pass that array"
            )
    if isinstance(image.info.get("transparency"), bytes):
        # `convert` would warn that these alphas get lost, which is what the reference does and we document.
        image = image.copy()
        del image.info["transparency"]
    return image.convert("RGB")


def _check_not_empty(height: int, width: int, where: str) -> None:
    if height < 1 or width < 1:
        raise InputError(f"{where} is an image of {width} x {height} pixels, which is empty; leave it out")


def _target(height: int, width: int, geometry: VisionGeometry, where: str) -> tuple[int, int]:
    return smart_resize(
        height,
        width,
        min_pixels=geometry.min_pixels,
        max_pixels=geometry.max_pixels,
        factor=geometry.factor,
        where=where,
    )
