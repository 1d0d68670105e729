"""Each allocation of a call fails once; run in a process that tests/faults/failing_memory.cpp is preloaded into.

    LD_PRELOAD=failing_memory.so python -m tests.faults.allocations TEXT MMPROJ [AT_MOST]

prints, for each kind of call, how many allocations it makes and how many of them were made to fail: all, or AT_MOST
(400) of them: the first and the last, and others by chance.
"""

from __future__ import annotations

import ctypes
import random
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jina_omni import JinaOmniError
from jina_omni.native import Context, Projector, TextModel, find_device

Vectors = NDArray[np.float32]
CPU = find_device("cpu")


def main(text_path: str, mmproj_path: str, at_most: int = 400) -> None:
    """Fail each allocation of each call; raise if the call then gives neither an error nor its vectors."""
    fail_after = ctypes.CDLL(None).fail_after
    fail_after.argtypes, fail_after.restype = [ctypes.c_int64], ctypes.c_int64
    rng = np.random.default_rng(0)
    text, projector, context = TextModel(text_path, CPU), Projector(mmproj_path, CPU), Context(CPU, 2)
    ids, lengths = np.arange(90, dtype=np.int32), np.array([60, 30], np.int32)
    words = "some words, größer als 3.14 <|im_end|>"
    patch = 3 * 2 * projector.patch_size**2
    patches, grids = rng.random((24, patch), np.float32), np.array([(1, 4, 4), (1, 4, 2)], np.int32)
    n_long = min(217, projector.max_mel_frames)
    frames, clips = rng.random((n_long + 3, projector.n_mel), np.float32), np.array([n_long, 3], np.int32)

    def load_text() -> Vectors:
        return np.array(TextModel(text_path, CPU).tokenize(words), np.float32)

    def load_projector() -> Vectors:
        return np.array([Projector(mmproj_path, CPU).n_mel], np.float32)

    def start_context() -> Vectors:
        own = Context(CPU, 2)
        try:
            return own.encode_sequences(text, ids, lengths)
        finally:
            own.close()

    calls: dict[str, Callable[[], Vectors]] = {
        "load a text file": load_text,
        "load an mmproj file": load_projector,
        "start a context": start_context,
        "tokenize": lambda: np.array(text.tokenize(words), np.float32),
        "encode sequences": lambda: context.encode_sequences(text, ids, lengths),
        "encode patches": lambda: context.encode_patches(projector, patches, grids),
        "encode mel": lambda: context.encode_mel(projector, frames, clips),
    }
    for name, call in calls.items():
        call()
        fail_after(-1)
        expected = call()
        n = fail_after(-1)
        by_chance = random.Random(0).sample(range(n), min(n, at_most // 2))
        some = range(n) if n <= at_most else [*range(at_most // 4), n - 1, *by_chance]
        n_error = 0
        for i in some:
            fail_after(i)
            try:
                found = call()
            except (JinaOmniError, MemoryError):
                n_error += 1
            else:
                assert np.array_equal(found, expected), f"{name}: other vectors without allocation {i}"
            finally:
                fail_after(-1)
            assert np.array_equal(call(), expected), f"{name}: other vectors after allocation {i} failed"
        print(f"{name}: {n} allocations, {len(some)} failed, {n_error} errors", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:4]))
