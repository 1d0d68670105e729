"""Merges that name no tokens, or each other in circles; tokens that are no text.

The file loads, and text becomes a vector.
"""

import numpy as np
from stage import ends, files, written

import jina_omni
from testing.gguf_parts import Parts, key

changes = {
    "tokenizer.ggml.merges": lambda old: [" ", "a", "a  b", "a b", "b a", "ab a", b"\xff \xff", "x" * 9000, *old],
    "tokenizer.ggml.tokens": lambda old: ["", b"\xff\xc0", "\u0120" * 40, *old[3:]],
}
for name, change in changes.items():
    parts = Parts(files().text)
    parts.keys[name] = key(name, "string", change(parts.header.values[name]))
    with jina_omni.Model(written("text.gguf", parts.joined())) as attacked:
        assert np.isfinite(attacked.encode("ab ababab b a")).all()
    ends("a vector")
