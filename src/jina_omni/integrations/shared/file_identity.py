# SPDX-License-Identifier: Apache-2.0
"""The identities of model files, which are compared instead of gigabytes of weights."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from jina_omni.errors import ModelLoadError
from jina_omni.repository import list_parts

__all__ = ["FileIdentity", "describe_files"]

# The header, which has the keys, the vocabulary and the table of tensors, takes 6 MB in the published files.
_HEADER_BYTES = 16 * 2**20

# Weights that were trained further have the same header. Nearly every block of them differs.
_N_SAMPLES = 256
_SAMPLE_BYTES = 4096


class FileIdentity(TypedDict):
    """What is compared of a model file: name, size, and the SHA-256 of its header and of samples of the rest."""

    name: str
    size: int
    sha256: str


def describe_files(paths: Iterable[str]) -> list[FileIdentity]:
    """Return the identities of model files. Of a split file, given by its first part, each part has one.

    Raises
    ------
    ModelLoadError
        A file can't be read.
    """
    parts = [Path(path).with_name(name) for path in paths for name in list_parts(Path(path).name)]
    return [_describe_file(part) for part in parts]


def _describe_file(path: Path) -> FileIdentity:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(file.read(_HEADER_BYTES))
            rest = size - _HEADER_BYTES
            for i in range(_N_SAMPLES if rest > 0 else 0):
                file.seek(_HEADER_BYTES + rest * i // _N_SAMPLES)
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise ModelLoadError(f"{path}: the file can't be read: {error}") from error
    return {"name": path.name, "size": size, "sha256": digest.hexdigest()}
