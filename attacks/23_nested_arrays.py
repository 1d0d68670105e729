"""Arrays of arrays, as deep as the file is long, which a reader follows by recursion (gguf-py).

ModelLoadError that names the file and the key.
"""

import struct

from stage import refuses

from testing.gguf_damages import edit
from testing.gguf_parts import Parts, string

NESTED = struct.pack("<IQ", 9, 1)  # an array of one array


def nest(parts: Parts) -> None:
    parts.keys["nested"] = string("nested") + struct.pack("<I", 9) + NESTED * 100_000 + struct.pack("<IQ", 4, 0)


refuses(edit("arrays in arrays", "small", nest, "key 'nested' is an array of arrays"))
