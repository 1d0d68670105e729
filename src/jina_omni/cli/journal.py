# SPDX-License-Identifier: Apache-2.0
"""A file of JSON lines that embeddings are appended to, so that a run that was stopped can go on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from jina_omni.cli.lock import lock
from jina_omni.cli.problems import CommandError

__all__ = ["Journal"]


class Journal:
    """A file of embeddings, each with its name and identity.

    Parameters
    ----------
    file : BinaryIO
        What the lines are written to.
    identity : str
        Of the embeddings; see `jina_omni.cli.model_choice.describe_identity`.

    Attributes
    ----------
    n_done : Counter of str
        How many embeddings of each name the file had when it was opened.
    """

    def __init__(self, file: BinaryIO, identity: str) -> None:
        self._file = file
        self._identity = identity
        self.n_done: Counter[str] = Counter()

    @classmethod
    def open(cls, path: Path, identity: str) -> Journal:
        """Open the file of this path, or create it.

        Raises
        ------
        CommandError
            Another process writes to it, or it has something else than embeddings of this identity.
        """
        file = path.open("a+b")
        try:
            lock(file)
            journal = cls(file, identity)
            file.seek(0)
            n_bytes = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):  # a process was killed while it wrote this line
                    file.truncate(n_bytes)
                    break
                journal.n_done[journal._parse_name(line, f"{path}, line {number}")] += 1
                n_bytes += len(line)
        except BaseException:
            file.close()
            raise
        return journal

    def add(self, name: str, vector: npt.NDArray[Any]) -> None:
        """Append an embedding."""
        # The shortest decimals that give the same number again; those of a Python float would be twice as long.
        values = vector.tolist() if vector.dtype.kind in "iu" else [float(str(value)) for value in vector]
        line = {"name": name, "model": self._identity, "vector": values}
        self._file.write(json.dumps(line).encode() + b"\n")

    def flush(self) -> None:
        """Pass what was added to the operating system, which keeps it when this process is killed."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """Yield the names and embeddings of the file."""
        self._file.seek(0)
        for line in self._file:
            parsed = json.loads(line)
            yield parsed["name"], np.array(parsed["vector"], np.float32)

    def _parse_name(self, line: bytes, place: str) -> str:
        try:
            parsed = json.loads(line)
            name, identity = str(parsed["name"]), parsed["model"]
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{place} was not written by this command; write to another file with --out") from error
        if identity != self._identity:
            raise CommandError(
                f"{place} is an embedding of {identity}, but this run makes those of {self._identity}, which don't "
                "compare; write to another file with --out, or remove this one"
            )
        return name
