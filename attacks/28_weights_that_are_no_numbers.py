"""Weights that are infinite or no numbers (LC#27784).

NativeError, never a vector; other inputs keep theirs.
"""

import math
import struct

import numpy as np
from stage import ends, files, model, written

import jina_omni
from testing.gguf_parts import Parts

parts = Parts(files().text)
token = int(model()._preparer.tokenizer("~")[0])
for number in (math.nan, math.inf):
    row = parts.header.tensors["token_embd.weight"] + 512 * token
    path = written("text.gguf", parts.overwritten(row, struct.pack("<e", number)))
    with jina_omni.Model(path) as attacked:
        try:
            attacked.encode(["sound", "~"])
        except jina_omni.NativeError as error:
            assert "not finite" in str(error)
        else:
            raise AssertionError(number)
        assert np.array_equal(attacked.encode("a text"), model().encode("a text"))
    ends("NativeError")
