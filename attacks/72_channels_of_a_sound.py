"""Sounds of eight channels and more, whose list of planes PyAV reads over its end, and such sounds with damages.

DecodeError or the vector; never an abort.
"""

import random

from stage import survives

import jina_omni
from testing.media_files import signal, sound_container
from tests.fuzz.drivers import damaged

rng = random.Random(0)
for kind in ("mp4", "adts"):
    data = sound_container(signal(0.1, 48_000, 8), kind, "aac", 48_000)
    survives(jina_omni.Audio(data))
    for _ in range(100):
        survives(jina_omni.Audio(damaged(rng, data, data)), truncate=True)
