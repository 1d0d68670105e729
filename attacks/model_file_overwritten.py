"""A model file that another program writes into, cuts and empties while it is mapped, between calls and during them.

ModelLoadError; a model that keeps a copy in memory has the vector it had.
"""

import collections
import os
import threading

import numpy as np
from stage import model, model_files, report, write_file

import jina_omni

whole = model_files().text.read_bytes()
expected = model().encode("a text")
changes = {
    "written into": lambda file: file.write(b"x" * 4096),
    "cut": lambda file: file.truncate(len(whole) // 2),
    "emptied": lambda file: file.truncate(0),
    "filled with zeros": lambda file: (file.truncate(0), file.truncate(len(whole))),
}


def change(path: os.PathLike, how: str) -> None:
    modified = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        changes[how](file)
    os.utime(path, ns=(modified + 10**9, modified + 10**9))  # the clock of a file system ticks some 250 times a second


outcomes = collections.Counter()
for how in changes if os.name != "nt" else ():  # Windows lets nobody write into a mapped file
    for delay in (0, 0.005, 0.02):
        path = write_file(f"{how} {delay}.gguf", whole)
        with jina_omni.Model(path, n_threads=2) as attacked, jina_omni.Model(path, mmap=False) as copy:
            changer = threading.Timer(delay, change, (path, how))
            changer.start()
            while True:
                try:
                    assert np.array_equal(attacked.encode("a text"), expected)
                except jina_omni.ModelLoadError as error:
                    outcomes[str(error).partition(": ")[2][:21]] += 1
                    break
            changer.join()
            assert np.array_equal(copy.encode("a text"), expected)
report(str(dict(outcomes)) if outcomes else "Windows refuses")
