"""Merges of tokens that don't exist or that contain each other, and tokens that are not valid UTF-8.

The file loads, and texts become vectors.
"""

import numpy as np
from stage import model_files, report, write_file

import jina_omni
from testing.gguf_parts import Parts, key

changes = {
    "tokenizer.ggml.merges": lambda old: [" ", "a", "a  b", "a b", "b a", "ab a", b"\xff \xff", "x" * 9000, *old],
    "tokenizer.ggml.tokens": lambda old: ["", b"\xff\xc0", "\u0120" * 40, *old[3:]],
}
for name, change in changes.items():
    parts = Parts(model_files().text)
    parts.keys[name] = key(name, "string", change(parts.header.values[name]))
    with jina_omni.Model(write_file("text.gguf", parts.joined())) as attacked:
        assert np.isfinite(attacked.encode("ab ababab b a")).all()
    report("a vector")
