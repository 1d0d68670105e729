"""Weights that are NaN or infinity (LC#27784).

NativeError, never a vector; other inputs keep theirs.
"""

import math
import struct

import numpy as np
from stage import model, model_files, report, write_file

import jina_omni
from testing.gguf_parts import Parts

parts = Parts(model_files().text)
token = int(model()._preparer.tokenizer("~")[0])
for number in (math.nan, math.inf):
    row = parts.header.tensors["token_embd.weight"] + 512 * token
    path = write_file("text.gguf", parts.overwritten(row, struct.pack("<e", number)))
    with jina_omni.Model(path) as attacked:
        try:
            attacked.encode(["sound", "~"])
        except jina_omni.NativeError as error:
            assert "not finite" in str(error)
        else:
            raise AssertionError(number)
        assert np.array_equal(attacked.encode("a text"), model().encode("a text"))
    report("NativeError")
