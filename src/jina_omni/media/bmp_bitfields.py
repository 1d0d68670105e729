# SPDX-License-Identifier: Apache-2.0
"""BMP files whose channels lie in bits that Pillow does not know, such as four bits each.

Such a file has a mask for each channel (BITMAPV4HEADER of Windows, with the compression BI_BITFIELDS). It is not
compressed.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from jina_omni.errors import DecodeError, InputError
from jina_omni.media.limits import MAX_PIXELS

__all__ = ["read_bitfields"]

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6  # [MS-WMF] 2.1.1.7, Compression


def read_bitfields(file: BinaryIO) -> PILImage.Image | None:
    """Return the pixels of such a file as RGB or RGBA; None if it is another BMP file.

    Parameters
    ----------
    file : binary file

    Raises
    ------
    DecodeError
        It is cut short.
    InputError
        It has too many pixels.
    """
    file.seek(0)
    head = file.read(14 + 56).ljust(14 + 56, b"\0")
    start, header_size, width, height, _planes, n_bits, compression = struct.unpack_from("<IIiiHHI", head, 10)
    masks = struct.unpack_from("<4I", head, 14 + 40)
    if header_size == 40 and compression == _BITFIELDS or header_size == 52:  # noqa: RUF021
        masks = masks[:3]  # the header has no fourth one
    is_usual = n_bits in (16, 32) and width > 0 and height != 0 and compression in (_BITFIELDS, _ALPHA_BITFIELDS)
    if not (is_usual and header_size >= 40 and all(masks[:3])):
        return None
    if width * abs(height) > MAX_PIXELS:
        raise InputError(f"is a BMP of {width:,} x {abs(height):,} pixels, over the limit of {MAX_PIXELS:,}; shrink it")
    n_row = -(-width * n_bits // 32) * 4  # rows are padded to 32 bits
    file.seek(start)
    data = file.read(n_row * abs(height))
    if len(data) < n_row * abs(height):
        raise DecodeError(f"is a BMP whose {abs(height):,} rows are not all there; it is cut short")
    rows = np.frombuffer(data, f"<u{n_bits // 8}").reshape(abs(height), -1)[:, :width]
    channels = [_read_channel(rows, mask) for mask in masks if mask]
    pixels = np.stack(channels, axis=-1)
    return PILImage.fromarray(pixels if height < 0 else pixels[::-1])  # the last row comes first, unless it says so


def _read_channel(rows: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.uint8]:
    shift = (mask & -mask).bit_length() - 1
    values = (rows.astype(np.uint64) & np.uint64(mask)) >> np.uint64(shift)
    channel: npt.NDArray[np.uint8] = (values * np.uint64(255) // np.uint64(mask >> shift)).astype(np.uint8)
    return channel
