"""A sound of one sample, of none, and of too few for a media token (GGML_ASSERT in mtmd-audio).

InputError.
"""

import numpy as np
from stage import expect_error, expect_vector

import jina_omni

for n in (0, 1, 159, 319):
    sound = jina_omni.Audio(np.zeros(n, np.float32), sampling_rate=16_000)
    expect_error(sound, jina_omni.InputError, "has no samples|too short|frames")
expect_vector(jina_omni.Audio(np.zeros(640, np.float32), sampling_rate=16_000))
