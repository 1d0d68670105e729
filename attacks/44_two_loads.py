"""Two loads of the same files, which gave other vectors each time (torch reference, random adapter).

The same bits.
"""

import numpy as np
from stage import ends, files, model

import jina_omni

expected = model().encode(["a text", "another"])
for _ in range(3):
    with jina_omni.Model(files().text, n_threads=1) as again:
        assert np.array_equal(again.encode(["a text", "another"]), expected)
ends("the same bits")
