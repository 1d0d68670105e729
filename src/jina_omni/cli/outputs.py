# SPDX-License-Identifier: Apache-2.0
"""Files of embeddings that are written as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from jina_omni.cli.problems import CommandError
from jina_omni.optional_packages import import_optional
from jina_omni.precision import Embeddings

__all__ = ["check_folder", "check_format", "write_embeddings"]

_FORMATS = (".jsonl", ".npy", ".npz", ".parquet")


def check_format(path: Path) -> None:
    """Check that a file of this name can be written, before anything is embedded.

    Raises
    ------
    CommandError
        Its suffix is unknown, there is no folder for it, it exists, or its format needs a package that is not
        installed.
    """
    if path.suffix not in _FORMATS:
        raise CommandError(f"{path}: --out takes a file that ends in {', '.join(_FORMATS)}")
    check_folder(path)
    if path.suffix != ".jsonl" and path.exists():
        raise CommandError(f"{path} exists already; remove it, or write to another file with --out")
    if path.suffix == ".parquet":
        try:
            import_optional("pyarrow", "parquet")
        except ImportError as error:
            raise CommandError(f"{path}: a Parquet file needs {error}") from error


def check_folder(path: Path) -> None:
    """Check that there is the folder that a file is to be written to.

    Raises
    ------
    CommandError
        There is none.
    """
    if not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent}")


def write_embeddings(path: Path, names: Sequence[str], embeddings: Embeddings, identity: str) -> None:
    """Write embeddings and their names; a ``.npy`` file has the embeddings alone.

    Parameters
    ----------
    path : Path
        Its suffix decides the format.
    names : sequence of str
    embeddings : array, shape (len(names), dim)
    identity : str
        Of the embeddings, for the metadata of a Parquet file.
    """
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, embeddings)
        elif path.suffix == ".npz":
            np.savez(file, names=np.array(names, np.str_), vectors=embeddings)
        else:
            _write_parquet(file, names, embeddings, identity)
    temporary.replace(path)


def _write_parquet(file: BinaryIO, names: Sequence[str], embeddings: Embeddings, identity: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), embeddings.shape[1])
    table = pa.table({"name": pa.array(names, pa.string()), "vector": vectors})
    parquet.write_table(table.replace_schema_metadata({"jina_omni": identity}), file)
