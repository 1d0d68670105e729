# SPDX-License-Identifier: Apache-2.0
"""Raw photos: what a camera's sensor measured, mostly in a TIFF file whose first picture is a small one for display.

Pillow would take that small picture for the photo.
"""

from __future__ import annotations

from typing import BinaryIO

from jina_omni.errors import UnsupportedMediaError
from jina_omni.media.tiff_directories import Directory, read_directories

__all__ = ["RAW_TYPES", "make_raw_error", "refuse_raw_photo"]

RAW_TYPES = {
    "image/x-canon-cr2",
    "image/x-canon-cr3",
    "image/x-fuji-raf",
    "image/x-olympus-orf",
    "image/x-panasonic-rw2",
}
"""Media types of raw photos that their first bytes say."""

_SUBFILE, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES = 254, 262, 271, 330  # TIFF 6.0
_REDUCED = 1  # NewSubfileType, bit 0
_DNG_VERSION = 50706  # DNG 1.7.1
_SENSOR = {32803, 34892}  # PhotometricInterpretation of TIFF/EP and DNG: colour filter array, linear raw


def refuse_raw_photo(file: BinaryIO) -> None:
    """Check that a TIFF file is not a raw photo.

    Parameters
    ----------
    file : binary file
        It is at its start afterwards.

    Raises
    ------
    UnsupportedMediaError
        It is one.
    """
    directories = read_directories(file)
    file.seek(0)
    if not directories:
        return
    first, *others = directories
    is_dng = _DNG_VERSION in first
    is_sensor = any(_SENSOR & set(directory.get(_PHOTOMETRIC, ())) for directory in directories)
    # A picture for display that stands before the one that it shows.
    is_preview = bool(others) and _SUB_DIRECTORIES in first and bool(_find_subfile(first) & _REDUCED)
    if not (is_dng or is_sensor or is_preview):
        return
    maker = bytes(value & 255 for value in first.get(_MAKE, ())).decode("latin-1").strip("\0 ")
    raise make_raw_error("DNG" if is_dng else f"of {maker}" if maker else "in TIFF")


def make_raw_error(name: str) -> UnsupportedMediaError:
    """Return the error for a raw photo of a type or a maker."""
    return UnsupportedMediaError(
        f"is a raw photo ({name}), which is not read: without developing it, only its small preview could be embedded; "
        "develop it to JPEG or TIFF, such as by darktable-cli IN OUT.jpg, or take its preview on purpose: "
        "exiftool -b -PreviewImage IN > OUT.jpg"
    )


def _find_subfile(directory: Directory) -> int:
    return next(iter(directory.get(_SUBFILE, ())), 0)
