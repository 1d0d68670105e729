"""The same files loaded twice, which gave other vectors each time (torch reference, random adapter).

The same bits.
"""

import numpy as np
from stage import model, model_files, report

import jina_omni

expected = model().encode(["a text", "another"])
for _ in range(3):
    with jina_omni.Model(model_files().text, n_threads=1) as again:
        assert np.array_equal(again.encode(["a text", "another"]), expected)
report("the same bits")
