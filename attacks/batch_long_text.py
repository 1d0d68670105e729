"""A text of more tokens than one batch takes (GGML_ASSERT(n_ubatch >= n_tokens)).

The same vector, whatever a batch takes.
"""

import numpy as np
from stage import model_files, report

import jina_omni

text = "some words " * 1500
for size in ("small", "nano"):
    with jina_omni.Model(model_files(size).text, n_threads=2) as attacked:
        assert attacked.count_tokens(text) > 2 * 512
        expected = attacked.encode(text)
        for most in (1, 16, 512):
            assert np.array_equal(attacked.encode(["a", text, "b"], batch_tokens=most)[1], expected)
report("the same vectors")
