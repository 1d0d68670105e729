# SPDX-License-Identifier: Apache-2.0
"""Images: the input `Image`, and the way from files, bytes and arrays to patches.

Pixels decide parity, so the reference's own library works on them: Pillow decodes, converts to RGB and resizes. What
its ``convert("RGB")`` gives is what is embedded: alpha is dropped without compositing, an animation gives its first
frame, colour profiles are ignored, 16-bit colour keeps its high bytes.

Two things differ, since there ``convert`` clips and would leave a white or black area: greyscale of 16 or 32 bits is
taken only while all its values lie in 0 to 255, and floating-point pixels never are.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PILImage

from jina_omni.describe import describe_type
from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError
from jina_omni.media import svg
from jina_omni.media.decoders import as_decode_error, import_decoder
from jina_omni.media.file_types import FILE_TYPES, FileType, unsupported_type
from jina_omni.media.files import BYTES_LIKE, FileSource, describe_source, open_source, read_media_type
from jina_omni.media.limits import MAX_ENCODED_BYTES, MAX_JPEG_SCANS, MAX_PIXELS
from jina_omni.media.medium import Medium, make_still
from jina_omni.media.patches import Patches, PatchGrid, VisionGeometry, pack_patches
from jina_omni.media.towers import Towers

__all__ = ["Image", "ImageSource", "check", "decode", "find_grid", "measure", "patch_pixels", "read_patches"]

ImageSource: TypeAlias = FileSource | PILImage.Image | npt.NDArray[np.uint8]
"""What an image may come as: a path, a file's bytes, a PIL image, or pixels."""

_Draw: TypeAlias = Callable[[bytes], bytes]
"""From an SVG file to a PNG file."""

# Their decoders read the whole file into memory.
_READ_WHOLE = {"image/webp", "image/avif", "image/heic", "image/svg+xml"}

# Reading a lazily opened image changes it, so two threads that were handed the same PIL image take turns. PIL images
# can't be hashed, so there are a few locks for all instead of one for each.
_LOCKS = tuple(threading.Lock() for _ in range(16))


# Compared by identity: two arrays, compared, give an array.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image:
    """An image.

    Parameters
    ----------
    source : path, bytes-like, PIL image or array
        A path (a str too, here), the bytes of a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC, SVG or PPM file, a PIL
        image, or an array of uint8 of the shape (height, width), (height, width, 1), (height, width, 3) or
        (height, width, 4). Alpha is dropped, so that what an SVG leaves transparent is black, and of an animation the
        first frame is taken, as the reference does. It is read when it is embedded, not before.
    exif_orientation : bool
        Turn the picture as its EXIF data say. The reference does not, so it is off by default. HEIC and TIFF pictures
        come upright in any case.

    Examples
    --------
    >>> Image("a.jpg", exif_orientation=True)
    Image('a.jpg', exif_orientation=True)
    """

    source: ImageSource
    exif_orientation: bool = field(default=False, kw_only=True)

    def __repr__(self) -> str:
        return f"Image({describe_source(self.source)}{', exif_orientation=True' if self.exif_orientation else ''})"


def check(image: Image) -> None:
    """Check that an image's source is of a type that is taken.

    Raises
    ------
    InputError
        It is not.
    """
    if not isinstance(image.source, (str, os.PathLike, *BYTES_LIKE, PILImage.Image, np.ndarray)):
        raise InputError(
            f"is an Image whose source is {describe_type(image.source)}; jina_omni.Image takes a path, bytes, a PIL "
            "image or an array of uint8"
        )


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
    drawing = svg.Drawing()

    def read(stop: threading.Event) -> tuple[Patches, PatchGrid]:
        return read_patches(image, geometry, functools.partial(drawing.decode, stop=stop))

    return [make_still(find_grid(image, geometry, functools.partial(drawing.measure, stop=stop)), read, geometry)]


def decode(image: Image, draw: _Draw = svg.to_png) -> PILImage.Image:
    """Return an image's pixels as RGB.

    Threads may decode at the same time, and no file stays open.

    Parameters
    ----------
    image : Image
        A file's type is found from its bytes. Of an animation the first frame is taken, of a PIL image the current
        one. It is turned as its EXIF data say only on request (TIFF always: Pillow itself does it).
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
    with _open_image(image.source, draw) as pixels:
        _load(pixels)
        if not image.exif_orientation:
            return _convert_to_rgb(pixels)
        if pixels is image.source:  # the caller's own, not to be turned in place
            return _convert_to_rgb(ImageOps.exif_transpose(pixels))
        ImageOps.exif_transpose(pixels, in_place=True)
        return _convert_to_rgb(pixels)


def find_grid(image: Image, geometry: VisionGeometry, draw: _Draw = svg.to_png) -> PatchGrid:
    """Return the grid of the patches of an image, from the file's header where that says it.

    Parameters
    ----------
    image : Image
        As in `decode`.
    geometry : VisionGeometry
        Of the vision file.
    draw : callable
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
    if isinstance(image.source, np.ndarray):
        height, width = _check_array(image.source).shape[:2]
    else:
        with _open_image(image.source, draw) as pixels:
            height, width = _find_size(pixels, exif_orientation=image.exif_orientation)
    return geometry.image_grid(height, width)


def read_patches(image: Image, geometry: VisionGeometry, draw: _Draw = svg.to_png) -> tuple[Patches, PatchGrid]:
    """Return an image as the patches that the vision tower takes: `decode`, then `patch_pixels`.

    Parameters
    ----------
    image : Image
        As in `decode`.
    geometry : VisionGeometry
        Of the vision file.
    draw : callable
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
    return patch_pixels(decode(image, draw), geometry)


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
def _open_image(source: ImageSource, draw: _Draw) -> Iterator[PILImage.Image]:
    """Open an image, its pixels perhaps not yet read; what fails in the body fails as an `InputError`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_decode_error("an image"))
        if isinstance(source, PILImage.Image):
            stack.enter_context(_LOCKS[id(source) // 64 % len(_LOCKS)])
            image = source
        elif isinstance(source, np.ndarray):
            image = PILImage.fromarray(np.ascontiguousarray(_check_array(source)))
        else:
            image = _open_encoded(stack.enter_context(open_source(source)), draw)
        _check_not_empty(image.height, image.width)
        yield image


def _open_encoded(file: BinaryIO, draw: _Draw) -> PILImage.Image:
    media_type = read_media_type(file)
    file_type = FILE_TYPES.get(media_type)
    if media_type in _READ_WHOLE and (n_bytes := _count_bytes(file)) > MAX_ENCODED_BYTES:
        raise _over_limit(f"{n_bytes:,} bytes of {media_type} are over the limit of {MAX_ENCODED_BYTES:,}")
    try:
        if file_type is None or file_type.kind != "image" or file_type.decoder is None:
            raise unsupported_type(media_type, "image")
        if file_type.decoder == "pillow-heif":
            # Pillow's plug-in, used without registering it: what Pillow opens elsewhere in the process stays as it is.
            image: PILImage.Image = import_decoder("pillow_heif", "heic", "a HEIC image").HeifImageFile(file)
        elif file_type.decoder == "resvg":
            image = PILImage.open(io.BytesIO(draw(file.read())), formats=("PNG",))
        else:
            image = _open_with_pillow(file, file_type)
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise _over_limit(str(error)) from error
    # Pillow itself only warns up to twice its limit, once, and not where the process has silenced warnings.
    if image.width * image.height > MAX_PIXELS:
        raise _over_limit(f"{image.width:,} x {image.height:,} pixels are over the limit of {MAX_PIXELS:,}")
    n_scans = _count_scans(file) if media_type == "image/jpeg" else 1
    if n_scans * image.width * image.height > MAX_JPEG_SCANS * MAX_PIXELS:
        raise _over_limit(f"{image.width:,} x {image.height:,} pixels are drawn {n_scans:,} times over")
    if media_type == "image/tiff" and (n_pixels := _count_tile_pixels(image)) > MAX_PIXELS:
        raise _over_limit(f"its tiles of {n_pixels:,} pixels are over the limit of {MAX_PIXELS:,}")
    return image


def _count_bytes(file: BinaryIO) -> int:
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    return length


def _count_scans(file: BinaryIO) -> int:
    """Return the largest number of scans that a JPEG file may have; its position stays."""
    position = file.tell()
    file.seek(0)
    # The marker of a scan; content never has these bytes (ITU-T T.81, B.1.1.5).
    blocks = itertools.islice(iter(lambda: file.read(1 << 20), b""), MAX_ENCODED_BYTES >> 20)
    n = sum(block.count(b"\xff\xda") for block in blocks)
    file.seek(position)
    return n


def _count_tile_pixels(image: PILImage.Image) -> int:
    """Return the pixels of a tile of a TIFF file, each of which libtiff decodes whole, however little it shows."""
    width, height = (image.tag_v2.get(tag, 0) for tag in (322, 323))  # type: ignore[attr-defined]
    return int(width) * int(height)


def _open_with_pillow(file: BinaryIO, file_type: FileType) -> PILImage.Image:
    # By itself Pillow would import all its forty decoders to find one that it did not import at first.
    # A Pillow before 11.3 has no decoder for AVIF, one built without a codec has a decoder that says so.
    try:
        supported = getattr(importlib.import_module(f"PIL.{file_type.plugin}"), "SUPPORTED", True)
    except ImportError:
        supported = False
    if not supported:
        raise UnsupportedMediaError(
            f"is {file_type.name}, which this Pillow does not read; install the newest from PyPI: pip install -U pillow"
        )
    try:
        return PILImage.open(file, formats=(file_type.name.upper(),))
    except UnidentifiedImageError as error:
        raise DecodeError(
            f"begins as {file_type.name}, but its header can't be read; it is damaged or cut short"
        ) from error


def _over_limit(reason: str) -> InputError:
    return InputError(
        f"is too large to decode safely ({reason}); shrink it to a few megapixels, as the model would do "
        "anyway. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, open it with PIL.Image.open and pass the PIL image"
    )


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


def _find_size(pixels: PILImage.Image, *, exif_orientation: bool) -> tuple[int, int]:
    """Return the height and width that decoding will give."""
    if exif_orientation or pixels.format == "TIFF":
        orientation = pixels.getexif().get(ExifTags.Base.Orientation, 1)
        if pixels.format != "TIFF":
            turned = orientation in (5, 6, 7, 8)  # EXIF 2.3, tag 0x0112: the picture lies on its side
            return (pixels.width, pixels.height) if turned else (pixels.height, pixels.width)
        if orientation != 1:
            pixels.load()  # turns the picture; whether Pillow's size shows that before depends on its version
    return pixels.height, pixels.width


def _load(image: PILImage.Image) -> None:
    """Decode an image. Its mode is read afterwards, since some decoders change it here."""
    size = image.size
    image.load()
    if image.format == "HEIF" and image.size != size:  # libheif learns of a damaged crop only when it decodes
        raise DecodeError("has pixels of another size than its header says; it is damaged")


def _convert_to_rgb(image: PILImage.Image) -> PILImage.Image:
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise InputError(
            "has floating-point pixels, which have no agreed range; scale them to 0 to 255 and pass an array of uint8"
        )
    if image.mode.startswith("I"):
        low, high = image.getextrema()
        if low < 0 or high > 255:  # type: ignore[operator]  # one band, so two numbers
            raise InputError(
                f"has {image.mode} pixels of {low} to {high}, and a conversion to 8 bits clips all over 255; "
                "scale them, such as (array / 257).round().astype('uint8') for 16 bits, and pass that array"
            )
    if isinstance(image.info.get("transparency"), bytes):
        # `convert` would warn that these alphas get lost, which is what the reference does and we document.
        image = image.copy()
        del image.info["transparency"]
    return image.convert("RGB")


def _check_not_empty(height: int, width: int) -> None:
    if height < 1 or width < 1:
        raise InputError(f"is an image of {width} x {height} pixels, which is empty; leave it out")
