"""Files of other runtimes, made of a text file of ours and kept beside it. Delete one to have it made again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def find_export(source: Path, name: str) -> Path:
    """Return the folder of an export, which need not exist.

    Parameters
    ----------
    source
        The text file that it is made of.
    name
        Of the runtime and the weights.
    """
    return source.with_name(f"{source.stem}-{name}")


def make_export(source: Path, name: str, write: Callable[[Path, Path], None]) -> Path:
    """Return the folder of an export, written when it isn't there.

    Parameters
    ----------
    source, name
        As in `find_export`.
    write
        Takes `source` and an empty folder, which it fills. It must be importable: it runs in a process of its own,
        since it takes gigabytes that the benchmark's process would keep.
    """
    folder = find_export(source, name)
    if not folder.exists():
        print(f"exporting {folder.name} ...", flush=True)
        # under another name first: a broken export must not look like a finished one
        part = folder.with_name(folder.name + ".part")
        part.mkdir(exist_ok=True)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(write, source, part).result()
        part.rename(folder)
    return folder
