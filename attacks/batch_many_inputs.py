"""More inputs than a batch of the server has sequences (GGML_ASSERT(n_outputs_max <= ...)).

A vector for each, the same as alone.
"""

import numpy as np
from stage import model, report

vectors = model().encode([f"{i}" for i in range(1500)], batch_tokens=1 << 20)
assert np.isfinite(vectors).all()
assert np.array_equal(vectors[777], model().encode("777"))
report("vectors")
