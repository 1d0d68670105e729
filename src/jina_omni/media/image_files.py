# SPDX-License-Identifier: Apache-2.0
"""Files of images: from their bytes to a PIL image whose pixels are perhaps not yet read.

Each type has one decoder. What Pillow opens elsewhere in the process stays as it is: the plug-in for HEIC is used
without registering it, and no setting of Pillow is changed. Variants that Pillow does not read are rewritten for it,
read here, or refused by name.
"""

from __future__ import annotations

import importlib
import io
import itertools
import os
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

from PIL import Image as PILImage
from PIL import UnidentifiedImageError

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError
from jina_omni.media.bmp_bitfields import read_bitfields
from jina_omni.media.decoders import describe_cause, import_decoder
from jina_omni.media.file_types import FILE_TYPES, FileType, unsupported_type
from jina_omni.media.files import read_media_type
from jina_omni.media.image_errors import CONVERT, is_unsupported
from jina_omni.media.limits import MAX_ENCODED_BYTES, MAX_JPEG_SCANS, MAX_PIXELS
from jina_omni.media.picture_options import Colour
from jina_omni.media.png_texts import leave_out_large_texts
from jina_omni.media.raw_photos import RAW_TYPES, make_raw_error, refuse_raw_photo
from jina_omni.media.tiff_directories import read_directories, rewrite_big_endian

__all__ = ["Draw", "load", "open_image"]

Draw: TypeAlias = Callable[[bytes, Colour | None], bytes]
"""From an SVG file, on a background, to a PNG file."""

# Their decoders read the whole file into memory.
_READ_WHOLE = {"image/webp", "image/avif", "image/heic", "image/svg+xml", "image/jp2"}

# Compressions that a libtiff may be built without, as some in the wheels of Pillow are. Its error is the same as for
# damage.
_OPTIONAL_CODECS = {"lzma", "webp", "zstd"}

_PNG = b"\x89PNG"

# TIFF 6.0, the tags that decide whether Pillow has a mode for a picture.
_COMPRESSION = 259
_TIFF_VARIANT = {258: "bits", _COMPRESSION: "compression", 262: "photometric interpretation", 339: "sample format"}


def open_image(file: BinaryIO, draw: Draw, background: Colour | None) -> PILImage.Image:
    """Open the file of an image.

    Parameters
    ----------
    file : binary file
        Its type is found from its bytes.
    draw : callable
        Draws an SVG.
    background : tuple of 3 int, optional
        What lies behind an SVG. Other files keep their alpha.

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another type, or of a variant that no decoder reads.
    DecodeError
        The header is damaged.
    InputError
        The image has more than `MAX_PIXELS` pixels, or takes too long to decode.
    """
    media_type = read_media_type(file)
    file_type = FILE_TYPES.get(media_type)
    if media_type in _READ_WHOLE and (n_bytes := _count_bytes(file)) > MAX_ENCODED_BYTES:
        raise _over_limit(f"{n_bytes:,} bytes of {media_type} are over the limit of {MAX_ENCODED_BYTES:,}")
    try:
        if file_type is not None and media_type in RAW_TYPES:
            raise make_raw_error(file_type.name)
        if file_type is None or file_type.kind != "image" or file_type.decoder is None:
            raise unsupported_type(media_type, "image")
        if file_type.decoder == "pillow-heif":
            image: PILImage.Image = import_decoder("pillow_heif", "heic", "a HEIC image").HeifImageFile(file)
        elif file_type.decoder == "resvg":
            image = PILImage.open(io.BytesIO(draw(file.read(), background)), formats=("PNG",))
        else:
            image = _open_with_pillow(file, file_type)
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise _over_limit(str(error)) from None
    # Pillow itself only warns up to twice its limit, once, and not where the process has silenced warnings.
    if image.width * image.height > MAX_PIXELS:
        raise _over_limit(f"{image.width:,} x {image.height:,} pixels are over the limit of {MAX_PIXELS:,}")
    n_scans = _count_scans(file) if media_type == "image/jpeg" else 1
    if n_scans * image.width * image.height > MAX_JPEG_SCANS * MAX_PIXELS:
        raise _over_limit(f"{image.width:,} x {image.height:,} pixels are drawn {n_scans:,} times over")
    if media_type == "image/tiff" and (n_pixels := _count_tile_pixels(image)) > MAX_PIXELS:
        raise _over_limit(f"its tiles of {n_pixels:,} pixels are over the limit of {MAX_PIXELS:,}")
    return image


def load(image: PILImage.Image) -> None:
    """Decode an image. Its mode is read afterwards, since some decoders change it here.

    Raises
    ------
    UnsupportedMediaError
        Pillow has no codec for the compression of a TIFF file.
    DecodeError
        The pixels of a HEIC file have another size than its header says.
    """
    size = image.size
    try:
        image.load()
    except OSError as error:
        compression = image.info.get("compression")
        if image.format == "TIFF" and compression in _OPTIONAL_CODECS and "decoder error" in str(error):
            raise UnsupportedMediaError(
                f"is TIFF that is compressed by {compression}, which this Pillow can't decode ({error}); {CONVERT}"
            ) from None
        raise
    if image.format == "HEIF" and image.size != size:  # libheif learns of a damaged crop only when it decodes
        raise DecodeError("has pixels of another size than its header says; it is damaged")


def _open_with_pillow(file: BinaryIO, file_type: FileType) -> PILImage.Image:
    # By itself Pillow would import all its forty decoders to find one that it did not import at first.
    # A Pillow before 11.3 has no decoder for AVIF, one built without a codec has a decoder that says so.
    module = f"PIL.{file_type.plugin}"
    try:
        plugin = importlib.import_module(module)
        supported = getattr(plugin, "SUPPORTED", True)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        supported = False
    if not supported:
        raise UnsupportedMediaError(
            f"is {file_type.name}, which this Pillow does not read; install the newest from PyPI: pip install -U pillow"
        )
    if file_type.name == "ICO":
        return _open_icon(file, plugin)
    if file_type.name == "PNG":
        file = leave_out_large_texts(file)
    if file_type.name == "TIFF":
        refuse_raw_photo(file)
        file = rewrite_big_endian(file)
    try:
        return PILImage.open(file, formats=(_find_format(file_type),))
    except (UnidentifiedImageError, OSError) as error:
        if file_type.name == "BMP" and (image := read_bitfields(file)) is not None:
            return image
        if not isinstance(error, UnidentifiedImageError):
            raise
        _refuse_variant(file, file_type, plugin)
        raise DecodeError(
            f"begins as {file_type.name}, but its header can't be read; it is damaged or cut short"
        ) from None


def _open_icon(file: BinaryIO, plugin: Any) -> PILImage.Image:
    """Open the largest picture of an icon. Pillow's class for icons decodes it at once, before its size is checked."""
    icon = plugin.IcoFile(file)
    file.seek(4)
    (n_pictures,) = struct.unpack("<H", file.read(2))
    table = file.read(16 * n_pictures)
    for (place,) in struct.iter_unpack("<12xI", table[: len(table) // 16 * 16]):
        file.seek(place)
        head = file.read(12).ljust(12, b"\0")
        if not head.startswith(_PNG):  # the header of a BMP, whose height counts a mask too; a PNG is not decoded yet
            width, height = struct.unpack_from("<ii", head, 4)
            if abs(width * height) > 2 * MAX_PIXELS:
                raise _over_limit(f"{abs(width):,} x {abs(height) // 2:,} pixels are over the limit of {MAX_PIXELS:,}")
    image: PILImage.Image = icon.frame(0)
    return image


def _refuse_variant(file: BinaryIO, file_type: FileType, plugin: Any) -> None:
    """Raise an error if a plug-in does not read a file for another reason than damage, which Pillow keeps to itself."""
    file.seek(0)
    factory, _ = PILImage.OPEN[_find_format(file_type)]
    try:
        factory(file, "")
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything
        reason = describe_cause(error)
        is_supported = not is_unsupported(error)
    else:
        return
    if file_type.name == "TIFF":
        directory = next(iter(read_directories(file)), {})
        found = {name: directory[tag] for tag, name in _TIFF_VARIANT.items() if directory.get(tag)}
        reason = ", ".join(f"{name} {' '.join(map(str, values))}" for name, values in found.items()) or reason
        is_supported = is_supported and directory.get(_COMPRESSION, (1,))[0] in plugin.COMPRESSION_INFO
    if not is_supported:
        raise UnsupportedMediaError(f"is {file_type.name} of a variant that Pillow does not read ({reason}); {CONVERT}")


def _find_format(file_type: FileType) -> str:
    """Return Pillow's name of a type."""
    return file_type.name.upper().replace(" ", "")


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


def _over_limit(reason: str) -> InputError:
    return InputError(
        f"is too large to decode safely ({reason}); shrink it to a few megapixels, as the model would do "
        "anyway. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, open it with PIL.Image.open and pass the PIL image"
    )
