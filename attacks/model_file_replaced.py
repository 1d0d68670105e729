"""A model file that is replaced while others load it, by a short one and by a damaged one.

ModelLoadError, or a model whose vectors stay as they were.
"""

import collections
import itertools
import threading

import numpy as np
from stage import FOLDER, model, model_files, report, write_file

import jina_omni

whole = model_files().text.read_bytes()
path = write_file("text.gguf", whole)
others = [write_file(f"{n}.gguf", whole[:n]) for n in (len(whole), 100, len(whole) // 2)]
stop = threading.Event()


def replace() -> None:
    """Move another file to the path, as downloads end; writing into a mapped one is out of scope."""
    for other in itertools.cycle(others):
        (FOLDER / "next.gguf").hardlink_to(other)
        (FOLDER / "next.gguf").replace(path)
        if stop.wait(0.003):
            return


replacer = threading.Thread(target=replace)
replacer.start()
expected = model().encode("a text")
outcomes = collections.Counter()
for _ in range(60):
    try:
        with jina_omni.Model(path, n_threads=1) as attacked:
            assert np.array_equal(attacked.encode("a text"), expected)
        outcomes["vector"] += 1
    except jina_omni.ModelLoadError as error:
        outcomes[str(error).partition(": ")[2][:30]] += 1
stop.set()
replacer.join()
report(str(dict(outcomes)))
