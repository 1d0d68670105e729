"""Views of one number as a trillion frames, samples or pixels.

InputError, without the memory that they claim.
"""

import numpy as np
from stage import expect_error, expect_vector

import jina_omni

one = np.uint8(0)
for n in (10**12, 2 * 10**7):
    expect_error(jina_omni.Video(np.broadcast_to(one, (n, 32, 32, 3))), jina_omni.InputError, f"{n:,} frames, over")
sound = np.broadcast_to(np.int16(0), (10**14,))
expect_error(jina_omni.Audio(sound, sampling_rate=16_000), jina_omni.InputTooLongError, "over this model's limit of 30")
expect_vector(jina_omni.Audio(sound, sampling_rate=16_000), truncate=True)
expect_error(jina_omni.Image(np.broadcast_to(one, (10**7, 10**7, 3))), jina_omni.InputError, "not enough memory")
