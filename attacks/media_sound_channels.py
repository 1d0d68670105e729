"""Sounds of eight channels and more, whose list of planes PyAV reads beyond its end, also damaged.

DecodeError or the vector; never an abort.
"""

import random

from stage import expect_vector_or_error

import jina_omni
from testing.media_damages import damage
from testing.media_files import signal, sound_container

rng = random.Random(0)
for kind in ("mp4", "adts"):
    data = sound_container(signal(0.1, 48_000, 8), kind, "aac", 48_000)
    expect_vector_or_error(jina_omni.Audio(data))
    for _ in range(100):
        expect_vector_or_error(jina_omni.Audio(damage(rng, data, data)), truncate=True)
