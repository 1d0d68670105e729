"""A file without the key of its pooling, and one where it is wrong (silently wrong vectors).

The vectors of the file with the right key.
"""

import numpy as np
from stage import model, model_files, report, write_file

import jina_omni
from testing.gguf_parts import Parts, key

for kind in (None, 0, 1, 2, 3, 4, 99):
    parts = Parts(model_files().text)
    parts.keys.pop("qwen3.pooling_type", None)
    if kind is not None:
        parts.keys["qwen3.pooling_type"] = key("qwen3.pooling_type", "u32", kind)
    with jina_omni.Model(write_file("text.gguf", parts.joined())) as attacked:
        assert np.array_equal(attacked.encode("a text"), model().encode("a text"))
report("the same vectors")
