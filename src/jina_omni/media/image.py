# SPDX-License-Identifier: Apache-2.0
"""Images: from bytes to pixels, and from pixels to the rows that the vision tower takes.

Pixels decide parity, so both steps are the reference's own: Pillow decodes, converts to RGB and resizes, and the
arithmetic is that of transformers. What Pillow's ``convert("RGB")`` gives is what is embedded: alpha is dropped without
compositing, an animation gives its first frame, colour profiles are ignored, 16-bit colour keeps its high bytes.

Two things differ, since there ``convert`` clips and would leave a white or black area: greyscale of 16 or 32 bits is
taken only while all its values lie in 0 to 255, and floating-point pixels never are.
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import io
import math
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PILImage

from jina_omni.errors import DecodeError, InputError, JinaOmniError, ModelLoadError, UnsupportedMediaError

if TYPE_CHECKING:
    from jina_omni.inputs import Image
    from jina_omni.native import Projector

__all__ = [
    "PIXEL_LIMIT",
    "Grid",
    "ImageGeometry",
    "ImageSource",
    "Patches",
    "check_file",
    "decode",
    "grid_of",
    "pack",
    "patches",
    "patches_of",
    "smart_resize",
    "sniff",
]

ImageSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | PILImage.Image | npt.NDArray[np.uint8]
)
"""What an image may come as: a path, a file's bytes, a PIL image, or pixels."""

Grid: TypeAlias = tuple[int, int, int]
"""Size in patches: time, height, width."""

Patches: TypeAlias = npt.NDArray[np.float32]

PIXEL_LIMIT = 1024**3 // 4 // 3
"""Largest encoded image, in pixels: Pillow's MAX_IMAGE_PIXELS, a quarter of a GiB of RGB."""

TEMPORAL_PATCH_SIZE = 2  # frames in a patch; the files have no key for it

_MAX_ASPECT = 200  # Qwen2-VL smart_resize, transformers
_HEAD_BYTES = 4096  # enough for every signature below
_BLOCK_ROWS = 64  # patches normalised at a time, so that their floats stay in the cache

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
_READABLE = "JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF and PPM"

# What a user can do about a known kind that isn't read.
_ADVICE = {
    "image/heic": "convert it to JPEG, or open it with pillow-heif and pass the PIL image",
    "image/svg+xml": "render it to PNG",
    "text/plain": "pass its contents as a str: path.read_text()",
}

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"FORM", "audio/aiff"),
    (b"\x1aE\xdf\xa3", "video/matroska"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"GGUF", "application/gguf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

# Reading a lazily opened image changes it, so two threads that were handed the same PIL image take turns. PIL images
# can't be hashed, so there are a few locks for all instead of one for each.
_LOCKS = tuple(threading.Lock() for _ in range(16))


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """How a vision tower wants its pixels. The defaults are those of jina-embeddings-v5-omni, both sizes.

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

    Raises
    ------
    ModelLoadError
        A value is out of range: they come from a file, which may be damaged.

    Examples
    --------
    >>> ImageGeometry().factor
    32

    .. versionadded:: 0.1.0
    """

    patch_size: int = 16
    merge_size: int = 2
    min_pixels: int = 262_144
    max_pixels: int = 1_310_720
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        # The upper bounds keep a damaged file from asking for any amount of memory.
        sizes_fit = self.patch_size > 0 and self.merge_size > 0 and self.factor <= 1024
        if not (sizes_fit and 0 < self.min_pixels <= self.max_pixels <= PIXEL_LIMIT):
            raise ModelLoadError(
                f"the vision file's image sizes make no sense: patch_size {self.patch_size}, "
                f"merge_size {self.merge_size}, image_min_pixels {self.min_pixels}, "
                f"image_max_pixels {self.max_pixels}; download it again"
            )
        means_fit = len(self.mean) == 3 and all(map(math.isfinite, self.mean))
        if not (means_fit and len(self.std) == 3 and all(math.isfinite(s) and s > 0 for s in self.std)):
            raise ModelLoadError(
                f"the vision file's image_mean {self.mean} and image_std {self.std} make no sense; download it again"
            )

    @classmethod
    def of(cls, vision: Projector) -> ImageGeometry:
        """Return the geometry of a vision file; a key that is absent there, and so 0, takes its default.

        Parameters
        ----------
        vision : Projector
            With ``patch_size``, ``merge_size``, ``image_min_pixels``, ``image_max_pixels``, ``image_mean`` and
            ``image_std``. Of the last two, all zeros count as absent.

        Raises
        ------
        ModelLoadError
            A value is out of range.
        """
        default = cls()
        return cls(
            patch_size=vision.patch_size or default.patch_size,
            merge_size=vision.merge_size or default.merge_size,
            min_pixels=vision.image_min_pixels or default.min_pixels,
            max_pixels=vision.image_max_pixels or default.max_pixels,
            mean=vision.image_mean if any(vision.image_mean) else default.mean,
            std=vision.image_std if any(vision.image_std) else default.std,
        )

    @property
    def factor(self) -> int:
        """Sides of a resized image are multiples of this, in pixels."""
        return self.patch_size * self.merge_size

    @property
    def row_size(self) -> int:
        """Floats in one row of patches."""
        return 3 * TEMPORAL_PATCH_SIZE * self.patch_size**2

    def token_count(self, grid: Grid) -> int:
        """Return how many tokens a grid becomes.

        Examples
        --------
        >>> ImageGeometry().token_count((1, 30, 40))
        300
        """
        return math.prod(grid) // self.merge_size**2


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
        if not image.exif_orientation:
            return _rgb(pixels, where)
        if pixels is image.source:  # the caller's own, not to be turned in its place
            return _rgb(ImageOps.exif_transpose(pixels), where)
        ImageOps.exif_transpose(pixels, in_place=True)
        return _rgb(pixels, where)


def grid_of(image: Image, geometry: ImageGeometry, where: str = "input") -> Grid:
    """Return the grid that `patches_of` would give, from the file's header where that says it.

    Parameters
    ----------
    image, where
        As in `decode`.
    geometry : ImageGeometry
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
    >>> grid_of(Image(np.zeros((480, 640, 3), np.uint8)), ImageGeometry())
    (1, 30, 40)

    .. versionadded:: 0.1.0
    """
    if isinstance(image.source, np.ndarray):
        height, width = _checked(image.source, where).shape[:2]
    else:
        with _opened(image.source, where) as pixels:
            height, width = _size(pixels, exif_orientation=image.exif_orientation)
    return _grid(_target(height, width, geometry, where), geometry)


def patches_of(image: Image, geometry: ImageGeometry, where: str = "input") -> tuple[Patches, Grid]:
    """Return an image as the rows that the vision tower takes: `decode`, then `patches`.

    Parameters
    ----------
    image, where
        As in `decode`.
    geometry : ImageGeometry
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
    >>> rows, grid = patches_of(Image(np.zeros((480, 640, 3), np.uint8)), ImageGeometry())
    >>> rows.shape, grid
    ((1200, 1536), (1, 30, 40))

    .. versionadded:: 0.1.0
    """
    return patches(decode(image, where), geometry, where)


def patches(pixels: PILImage.Image, geometry: ImageGeometry, where: str = "input") -> tuple[Patches, Grid]:
    """Return pixels as the rows that the vision tower takes.

    Resized to the size of `smart_resize` with Pillow's bicubic filter (a = -0.5, antialiased), stretched and not
    padded, as ``Qwen2VLImageProcessorPil`` of transformers does; see `pack` for the rest.

    Parameters
    ----------
    pixels : PIL.Image.Image
        Of the mode RGB, as `decode` returns it.
    geometry : ImageGeometry
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
    >>> rows, grid = patches(PILImage.new("RGB", (640, 480)), ImageGeometry())
    >>> rows.shape, grid
    ((1200, 1536), (1, 30, 40))

    .. versionadded:: 0.1.0
    """
    height, width = _target(pixels.height, pixels.width, geometry, where)
    if pixels.size != (width, height):
        pixels = pixels.resize((width, height), PILImage.Resampling.BICUBIC)
    return pack(np.asarray(pixels)[np.newaxis], geometry)


def pack(frames: npt.NDArray[np.uint8], geometry: ImageGeometry) -> tuple[Patches, Grid]:
    """Return resized frames as normalised patches, in the layout of ``pixel_values`` of transformers.

    Parameters
    ----------
    frames : array of uint8, shape (n, height, width, 3)
        Sides are multiples of ``geometry.factor``. Two neighbours make one patch in time; an odd last frame, and so a
        still image, counts twice.
    geometry : ImageGeometry
        Of the vision file.

    Returns
    -------
    array of float32, shape (t * h * w, 3 * 2 * patch_size**2)
        A row holds (channel, frame of the pair, y, x) of one patch. Rows come in the order (t, h / merge_size,
        w / merge_size, merge_size, merge_size), so that those of one token are neighbours.
    tuple of int
        The grid (t, h, w), in patches.

    Notes
    -----
    ``(x - 255 * mean) / (255 * std)`` in float32: rescaling and normalising in one, as transformers 5 does it in
    ``_fuse_mean_std_and_rescale_factor``. Doing one after the other, as its PIL backend does, differs by up to 6e-8.

    Examples
    --------
    >>> rows, grid = pack(np.full((4, 32, 32, 3), 255, np.uint8), ImageGeometry())
    >>> rows.shape, grid, float(rows.min())
    ((8, 1536), (2, 2, 2), 1.0)

    .. versionadded:: 0.1.0
    """
    patch, merge = geometry.patch_size, geometry.merge_size
    n_frames, height, width, _ = frames.shape
    n_groups = -(-n_frames // TEMPORAL_PATCH_SIZE)
    _, h, w = _grid((height, width), geometry)
    mean = (np.array(geometry.mean, np.float32) * np.float32(255))[:, np.newaxis]
    std = (np.array(geometry.std, np.float32) * np.float32(255))[:, np.newaxis]

    rows = np.empty((n_groups, h * w, 3, TEMPORAL_PATCH_SIZE, patch * patch), np.float32)
    floats = np.empty((_BLOCK_ROWS, 3, patch * patch), np.float32)
    for i, frame in enumerate(frames):
        group, first = divmod(i, TEMPORAL_PATCH_SIZE)
        places = slice(first, None if i == n_frames - 1 else first + 1)
        # Put in order while a value is still one byte: a quarter of the memory to move.
        tiles = frame.reshape(h // merge, merge, patch, w // merge, merge, patch, 3)
        tiles = tiles.transpose(0, 3, 1, 4, 6, 2, 5).reshape(h * w, 3, patch * patch)
        for start in range(0, h * w, _BLOCK_ROWS):
            block = tiles[start : start + _BLOCK_ROWS]
            values = floats[: len(block)]
            np.copyto(values, block)
            values -= mean
            values /= std
            rows[group, start : start + _BLOCK_ROWS, :, places] = values[:, :, np.newaxis]
    return rows.reshape(n_groups * h * w, geometry.row_size), (n_groups, h, w)


def smart_resize(
    height: int, width: int, *, min_pixels: int, max_pixels: int, factor: int, where: str = "input"
) -> tuple[int, int]:
    """Return the size to which an image is stretched (Qwen2-VL ``smart_resize``, transformers).

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    min_pixels, max_pixels : int
        Smallest and largest area of the result.
    factor : int
        Both sides of the result are multiples of it.
    where : str
        What messages call the input.

    Returns
    -------
    tuple of int
        Height and width.

    Raises
    ------
    InputError
        The image is empty, or more than 200 times as long as wide.

    Examples
    --------
    >>> smart_resize(440, 600, min_pixels=262_144, max_pixels=1_310_720, factor=32)
    (448, 608)

    .. versionadded:: 0.1.0
    """
    _check_not_empty(height, width, where)
    if max(height, width) / min(height, width) > _MAX_ASPECT:
        raise InputError(
            f"{where} is an image of {width:,} x {height:,} pixels, more than {_MAX_ASPECT} times as long as wide, "
            "which the model does not take; cut it into pieces, or pad it"
        )
    # Python's round goes to the even neighbour at .5, here as in the reference. A side may become 0: that is under the
    # minimum.
    new_height = round(height / factor) * factor
    new_width = round(width / factor) * factor
    if new_height * new_width > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif new_height * new_width < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        new_height = math.ceil(height * grow / factor) * factor
        new_width = math.ceil(width * grow / factor) * factor
    return new_height, new_width


def sniff(head: bytes) -> str:
    """Return what kind of file begins so, as a media type; an empty string where that can't be said.

    Parameters
    ----------
    head : bytes
        The file's first bytes, 4,096 or all.

    Examples
    --------
    >>> sniff(b"GIF89a")
    'image/gif'

    .. versionadded:: 0.1.0
    """
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    if kind:
        return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _sniff_iso(head)
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "image/x-portable-anymap"
    if b"%PDF-" in head[:1024]:  # PDF 1.7, annex H.3.4.1: readers look for it there
        return "application/pdf"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0" and head[:2] != b"\xff\xfe":  # 11 bits of synchronisation
        return "audio/mpeg"
    return _sniff_text(head)


def check_file(path: str | os.PathLike[str], where: str = "input") -> None:
    """Check that a file is an image, by its first bytes.

    Raises
    ------
    UnsupportedMediaError
        It is of another kind.
    InputError
        It can't be read, or is empty.

    .. versionadded:: 0.1.0
    """
    with _open_path(path, where) as file:
        _kind(file, where)


def _sniff_iso(head: bytes) -> str:
    """Return the kind of an ISO base media file (ISO 14496-12): its major brand, then those it is compatible with."""
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}
    if brands & {b"avif", b"avis"}:
        return "image/avif"
    if brands & _HEIF_BRANDS:
        return "image/heic"
    return "audio/mp4" if head[8:12] in (b"M4A ", b"M4B ") else "video/mp4"


def _sniff_text(head: bytes) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # which takes a character that is cut at the end
    except UnicodeDecodeError:
        return ""
    if not text or "\0" in text:
        return ""
    return "image/svg+xml" if "<svg" in text else "text/plain"


def _kind(file: BinaryIO, where: str) -> str:
    """Return the kind of an open file if it is one that is read."""
    head = file.read(_HEAD_BYTES)
    if not head:
        raise DecodeError(f"{where} is an empty file")
    kind = sniff(head)
    if kind not in _DECODERS:
        what = f"a file of the kind {kind}" if kind else "a file of an unknown kind"
        advice = f"; {_ADVICE[kind]}" if kind in _ADVICE else ""
        raise UnsupportedMediaError(f"{where} is {what}; this version embeds text and images ({_READABLE}){advice}")
    return kind


def _open_path(path: str | os.PathLike[str], where: str) -> BinaryIO:
    file = Path(path)
    try:
        if stat.S_ISREG(file.stat().st_mode):  # a pipe or a device could keep us waiting for ever
            return file.open("rb")
    except (OSError, ValueError) as error:  # a ValueError is a NUL character in the path
        is_url = isinstance(path, str) and path.lower().startswith(("http:", "https:", "data:", "file:"))
        advice = "URLs are not fetched; pass the file's bytes" if is_url else "check the path"
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{where} can't be read: {str(path)[:200]!r}: {reason}; {advice}") from error
    raise InputError(f"{where} is no regular file: {str(path)!r}; pass the path of a file")


@contextlib.contextmanager
def _opened(source: ImageSource, where: str) -> Iterator[PILImage.Image]:
    """Open an image, its pixels perhaps not yet read; what fails in the body fails as an `InputError`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_as_decode_error(where))
        if isinstance(source, PILImage.Image):
            stack.enter_context(_LOCKS[id(source) // 64 % len(_LOCKS)])
            image = source
        elif isinstance(source, np.ndarray):
            image = PILImage.fromarray(np.ascontiguousarray(_checked(source, where)))
        elif isinstance(source, (bytes, bytearray, memoryview)):
            image = _open_encoded(stack.enter_context(io.BytesIO(source)), where)
        else:
            image = _open_encoded(stack.enter_context(_open_path(source, where)), where)
        _check_not_empty(image.height, image.width, where)
        yield image


@contextlib.contextmanager
def _as_decode_error(where: str) -> Iterator[None]:
    # Pillow has no class of its own for damaged files: OSError, SyntaxError, ValueError, struct.error, EOFError and
    # more. A MemoryError comes from sizes in damaged headers, a Warning where the caller's filters make it an error.
    try:
        yield
    except JinaOmniError:
        raise
    except Exception as error:
        raise DecodeError(
            f"{where} can't be decoded as an image ({type(error).__name__}: {error}); it is damaged or cut short"
        ) from error


def _open_encoded(file: BinaryIO, where: str) -> PILImage.Image:
    name, module = _DECODERS[_kind(file, where)]
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
        image = PILImage.open(file, formats=(name,))
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise _over_limit(str(error), where) from error
    except UnidentifiedImageError as error:
        raise DecodeError(
            f"{where} begins as {name}, but its header can't be read; it is damaged or cut short"
        ) from error
    # Pillow itself only warns up to twice its limit, once, and not where the process has silenced warnings.
    if image.width * image.height > PIXEL_LIMIT:
        reason = f"{image.width:,} x {image.height:,} pixels are over the limit of {PIXEL_LIMIT:,}"
        raise _over_limit(reason, where)
    return image


def _over_limit(reason: str, where: str) -> InputError:
    return InputError(
        f"{where} is too large to decode safely ({reason}); shrink it to a few megapixels, as the model would do "
        "anyway. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, open it with PIL.Image.open and pass the PIL image"
    )


def _checked(array: npt.NDArray[np.uint8], where: str) -> npt.NDArray[np.uint8]:
    """Return an array of pixels in a shape that Pillow takes."""
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


def _check_not_empty(height: int, width: int, where: str) -> None:
    if height < 1 or width < 1:
        raise InputError(f"{where} is an image of {width} x {height} pixels, which is empty; leave it out")


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


def _rgb(image: PILImage.Image, where: str) -> PILImage.Image:
    image.load()  # before its mode is looked at, which some decoders change here
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


def _target(height: int, width: int, geometry: ImageGeometry, where: str) -> tuple[int, int]:
    return smart_resize(
        height,
        width,
        min_pixels=geometry.min_pixels,
        max_pixels=geometry.max_pixels,
        factor=geometry.factor,
        where=where,
    )


def _grid(size: tuple[int, int], geometry: ImageGeometry) -> Grid:
    return 1, size[0] // geometry.patch_size, size[1] // geometry.patch_size
