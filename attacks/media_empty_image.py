"""An image of no height, no width or both (GGML_ASSERT in mtmd).

InputError.
"""

import numpy as np
import PIL.Image
from stage import expect_error

import jina_omni

for shape in ((0, 0, 3), (0, 9, 3), (9, 0, 3), (0, 9), (0, 0, 0), (0,)):
    expect_error(jina_omni.Image(np.zeros(shape, np.uint8)), jina_omni.InputError, "is empty|of the shape")
expect_error(PIL.Image.new("RGB", (0, 5)), jina_omni.InputError, "is empty")
