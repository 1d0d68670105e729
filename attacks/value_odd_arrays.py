"""Samples that are NaN or infinity, pixels of other types, negative strides.

A finite vector, or InputError.
"""

import math

import numpy as np
from stage import expect_error, expect_vector

import jina_omni

rng = np.random.default_rng(0)
for number in (np.nan, np.inf, -np.inf, 1e38, 1e-45):
    expect_vector(jina_omni.Audio(np.full(8000, number, np.float32), sampling_rate=16_000))
pixels = rng.integers(0, 256, (96, 64, 3), dtype=np.uint8)
expect_vector(jina_omni.Image(pixels[::-1, ::-1, ::-1]), like=jina_omni.Image(pixels[::-1, ::-1, ::-1].copy()))
expect_vector(jina_omni.Image(np.broadcast_to(np.uint8(7), (64, 64, 3))))
for kind in ("f4", "f8", "i8", "c16", "O", "M8[s]", "V3", "?", "U1", ">u2"):
    expect_error(jina_omni.Image(np.zeros((64, 64, 3), kind)), jina_omni.InputError, "is an array of")
for rate in (0, -1, 1 << 70, 1.5, math.nan, "16000", None, True):
    expect_error(jina_omni.Audio(np.zeros(8000, "f4"), sampling_rate=rate), jina_omni.InputError, "rat|make a second")
