# SPDX-License-Identifier: Apache-2.0
"""Files of vectors, written whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from jina_omni.cli.problems import CommandError
from jina_omni.optional_packages import import_optional

__all__ = ["FORMATS", "check_format", "write_vectors"]

FORMATS = (".jsonl", ".npy", ".npz", ".parquet")


def check_format(path: Path) -> None:
    """Check, before the work is done, that a file of this name can be written.

    Raises
    ------
    CommandError
        Its ending is unknown, it exists, or its format needs a package that is not installed.
    """
    if path.suffix not in FORMATS:
        raise CommandError(f"{path}: what to write is told by the ending of --out: {', '.join(FORMATS)}")
    if path.suffix != ".jsonl" and path.exists():
        raise CommandError(f"{path} is there already; remove it, or write to another file with --out")
    if path.suffix == ".parquet":
        try:
            import_optional("pyarrow", "parquet")
        except ImportError as error:
            raise CommandError(f"{path}: a Parquet file needs pyarrow: pip install 'jina-omni[parquet]'") from error


def write_vectors(path: Path, names: Sequence[str], vectors: npt.NDArray[Any], identity: str) -> None:
    """Write vectors (n, dim) and their names; a row of ``.npy`` is a vector alone, so there failed ones stay.

    Parameters
    ----------
    path : Path
        Its ending tells the format.
    names : sequence of str
    vectors : array
    identity : str
        Of what made them, for the metadata of Parquet.
    """
    begun = path.with_name(path.name + ".tmp")
    with begun.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, vectors)
        elif path.suffix == ".npz":
            np.savez(file, names=np.array(names, np.str_), vectors=vectors)
        else:
            _write_parquet(file, names, vectors, identity)
    begun.replace(path)


def _write_parquet(file: BinaryIO, names: Sequence[str], vectors: npt.NDArray[Any], identity: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    table = pa.table({"name": pa.array(names, pa.string()), "vector": rows})
    parquet.write_table(table.replace_schema_metadata({"jina_omni": identity}), file)
