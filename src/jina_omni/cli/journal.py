# SPDX-License-Identifier: Apache-2.0
"""Vectors as lines of JSON, appended as they come, so that a run that was cut off can go on."""

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
    """A file of vectors, each with its name and the identity of what made it.

    Parameters
    ----------
    file : BinaryIO
        Takes the lines.
    identity : str
        Of the model and the options; see `jina_omni.cli.options.identity`.

    Attributes
    ----------
    done : Counter of str
        How many vectors of each name the file held when it was opened.
    """

    def __init__(self, file: BinaryIO, identity: str) -> None:
        self._file = file
        self._identity = identity
        self.done: Counter[str] = Counter()

    @classmethod
    def at(cls, path: Path, identity: str) -> Journal:
        """Open the file of this path to go on with it, or make it.

        Raises
        ------
        CommandError
            Another process writes to it, or it holds something else.
        """
        file = path.open("a+b")
        try:
            lock(file)
            journal = cls(file, identity)
            file.seek(0)
            whole = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):  # what a process that was killed had begun
                    file.truncate(whole)
                    break
                journal.done[journal._name(line, f"{path}, line {number}")] += 1
                whole += len(line)
        except BaseException:
            file.close()
            raise
        return journal

    def add(self, name: str, vector: npt.NDArray[Any]) -> None:
        """Append a vector."""
        # The shortest decimals that give the same number again; those of a Python float would be twice as long.
        values = vector.tolist() if vector.dtype.kind in "iu" else [float(str(value)) for value in vector]
        row = {"name": name, "model": self._identity, "vector": values}
        self._file.write(json.dumps(row).encode() + b"\n")

    def flush(self) -> None:
        """Hand what was added to the system, which keeps it when this process is killed."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def rows(self) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """Yield all names and vectors of the file."""
        self._file.seek(0)
        for line in self._file:
            row = json.loads(line)
            yield row["name"], np.array(row["vector"], np.float32)

    def _name(self, line: bytes, where: str) -> str:
        try:
            row = json.loads(line)
            name, identity = str(row["name"]), row["model"]
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{where}: is not of this command; write to another file with --out") from error
        if identity != self._identity:
            raise CommandError(
                f"{where}: is a vector of {identity}, but this run makes those of {self._identity}, which don't "
                "compare; write to another file with --out, or remove this one"
            )
        return name
