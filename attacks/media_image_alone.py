"""An image without a text, at which the official server ends (llama-server b9415, b9616).

A vector.
"""

import numpy as np
from stage import expect_vector

import jina_omni

expect_vector(jina_omni.Image(np.zeros((64, 64, 3), np.uint8)))
