"""A sound of over 30 seconds, for which the encoder has no positions (GGML_ASSERT(n_pos <= 1500)).

InputTooLongError; with truncate the vector of its first 30 seconds.
"""

import numpy as np
from stage import expect_error, expect_vector

import jina_omni

rate = 16_000
samples = np.sin(np.arange(31 * rate) / 9).astype(np.float32) / 2
sound = jina_omni.Audio(samples, sampling_rate=rate)
expect_error(sound, jina_omni.InputTooLongError, r"31\.00 seconds, over this model's limit of 30")
expect_vector(sound, like=jina_omni.Audio(samples[: 30 * rate], sampling_rate=rate), truncate=True)
expect_error(
    jina_omni.Audio(np.zeros(3600 * 8000, np.int16), sampling_rate=8000), jina_omni.InputTooLongError, "3,600.00"
)
