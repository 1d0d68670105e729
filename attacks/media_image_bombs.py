"""Pictures of gigapixels, by their header or by what they unpack to.

InputError that names the size; of text or a profile the picture without it.
"""

import struct
import zlib

from stage import expect_error, expect_vector

import jina_omni


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, more: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(8 * 25), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + more + pixels


for width, height in ((9_480, 9_480), (60_000, 60_000), ((1 << 31) - 1, (1 << 31) - 1)):
    expect_error(jina_omni.Image(png(width, height)), jina_omni.InputError, "too large to decode safely")
# Half a GiB of text or profile is left out, and never unpacked.
text, plain = zlib.compress(bytes(1 << 29), 9), jina_omni.Image(png(8, 8))
for kind, head in ((b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")):
    expect_vector(jina_omni.Image(png(8, 8, chunk(kind, head + text))), like=plain)
