"""A TIFF whose directories follow each other in a circle, and whose tags all hold the whole file.

A vector or DecodeError.
"""

import struct
import warnings

import PIL.Image
from stage import expect_vector, expect_vector_or_error

import jina_omni
from testing.media_files import encoded

picture = encoded(PIL.Image.new("RGB", (64, 64), (9, 99, 199)), "TIFF")
first = struct.unpack_from("<I", picture, 4)[0]
n = struct.unpack_from("<H", picture, first)[0]
expect_vector(jina_omni.Image(picture[: first + 2 + 12 * n] + struct.pack("<I", first) + picture[first + 6 + 12 * n :]))
tags = b"".join(struct.pack("<HHII", 33000 + i, 7, 100_000, 0) for i in range(20_000))
directory = struct.pack("<H", n + 20_000) + picture[first + 2 : first + 2 + 12 * n] + tags + bytes(4)
warnings.simplefilter("ignore")
expect_vector_or_error(
    jina_omni.Image(picture[:4] + struct.pack("<I", len(picture)) + picture[8:] + directory + bytes(100_000))
)
