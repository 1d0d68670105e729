"""A file that does not say how to pool, and one that says it wrong (silently wrong vectors).

The vectors of the file that says it.
"""

import numpy as np
from stage import ends, files, model, written

import jina_omni
from testing.gguf_parts import Parts, key

for kind in (None, 0, 1, 2, 3, 4, 99):
    parts = Parts(files().text)
    parts.keys.pop("qwen3.pooling_type", None)
    if kind is not None:
        parts.keys["qwen3.pooling_type"] = key("qwen3.pooling_type", "u32", kind)
    with jina_omni.Model(written("text.gguf", parts.joined())) as attacked:
        assert np.array_equal(attacked.encode("a text"), model().encode("a text"))
ends("the same vectors")
