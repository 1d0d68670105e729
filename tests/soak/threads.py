"""Sixteen threads on one model get the bits of one: ``python -m tests.soak.threads --minutes 10``."""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import jina_omni
from tests.native import small_pictures
from tests.soak.inputs import mixed

N_THREADS = 16
PRIORITIES = (None, "interactive", "background")


def run(model: jina_omni.Model, seconds: float, n_threads: int = N_THREADS, *, with_pages: bool = True) -> int:
    """Encode from many threads at once; return how many calls there were, all of which had the bits of one thread.

    Raises
    ------
    AssertionError
        A vector had other bits.
    """
    inputs = mixed(45, with_pages=with_pages)
    expected = [model.encode(one) for one in inputs]
    end = time.monotonic() + seconds
    counts = [0] * n_threads
    wrong: list[object] = []

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            while not wrong and (counts[number] == 0 or time.monotonic() < end):
                i = rng.randrange(len(inputs))
                if not np.array_equal(model.encode(inputs[i], priority=rng.choice(PRIORITIES)), expected[i]):
                    wrong.append(f"input {i}")
                counts[number] += 1
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    return sum(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        files = small_pictures.write(Path(folder), "small")
        with jina_omni.Model(files.text, files.combined) as model:
            n_calls = run(model, 60 * minutes)
    print(f"{n_calls:,} calls from {N_THREADS} threads in {minutes:g} minutes, all the same bits")


if __name__ == "__main__":
    main()
