"""What every side of the text benchmark approximates: torch's float32 embeddings of the same texts."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np

from benchmarks.compare import Side
from benchmarks.engines import Rows, Tokens, TorchText


def find_reference(source: Path, texts: Tokens, n_threads: int) -> Rows | None:
    """Return torch's embeddings with the weights of the F16 file, which are kept beside it.

    Parameters
    ----------
    source
        The F16 text file: what its quantised files lose counts as theirs.
    texts
        Token ids.
    n_threads
        Threads to compute with.

    Returns
    -------
    ndarray, shape (len(texts), n_embd), or None
        None where torch is not installed.
    """
    digest = hashlib.sha256(repr([list(ids) for ids in texts]).encode()).hexdigest()[:12]
    path = source.with_name(f"{source.stem}-float32-{digest}.npy")
    if path.exists():
        return np.load(path)
    if not all(map(importlib.util.find_spec, ("torch", "transformers"))):
        return None
    print("  computing torch's float32 embeddings ...", flush=True)
    with Side("torch", TorchText, path=source, n_threads=n_threads) as torch:
        rows: Rows = torch.run(texts)[1]
    np.save(path, rows)
    return rows
