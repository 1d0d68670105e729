"""A TIFF of 8 x 8 pixels in a tile of 256 million, which is unpacked whole.

InputError that names the tile.
"""

import struct
import zlib

from stage import expect_error

import jina_omni


def tiff(side: int) -> bytes:
    """Return a TIFF whose one tile is of this size, and empty."""
    packer = zlib.compressobj(9)
    row = bytes(3 * side)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    place = 8 + 2 + 12 * 12 + 4
    tags = (
        *((256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 3, place), (259, 3, 1, 8), (262, 3, 1, 2), (277, 3, 1, 3)),
        *((284, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, place + 8), (325, 4, 1, len(data))),
        (339, 3, 1, 1),
    )
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + bytes(4) + struct.pack("<4H", 8, 8, 8, 0) + data


expect_error(jina_omni.Image(tiff(16_000)), jina_omni.InputError, "its tiles of 256,000,000 pixels are over the limit")
