# SPDX-License-Identifier: Apache-2.0
"""An index of files: one table of LanceDB, which tells by itself how its vectors were made."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jina_omni.cli.options import Choice
from jina_omni.cli.problems import CommandError
from jina_omni.optional_packages import import_optional

__all__ = ["Contents", "Database", "Hit", "Settings", "State"]

Floats = npt.NDArray[np.float32]

_TABLE = "files"
_KEY = b"jina_omni"  # of the settings, in the metadata of the table's schema
_MANY = 1000  # paths of one condition
_KEPT = timedelta(hours=1)  # for searches that run while old versions are removed


class State(NamedTuple):
    """What a file was like when it was embedded."""

    size: int
    mtime_ns: int
    sha256: str


class Contents(NamedTuple):
    """The vectors of a file, (n, dim), and the page of each, from 1; 0 is the whole file."""

    pages: list[int]
    vectors: Floats


class Hit(NamedTuple):
    """A file or page that was found, and the cosine of its vector and the query's."""

    score: float
    path: str
    page: int


@dataclass(frozen=True)
class Settings:
    """How the vectors of a database are made.

    Attributes
    ----------
    choice : Choice
        Of a model.
    dim : int or None
    dialect : str or None
    pages : bool
        Whether each page of a document has a vector of its own.
    identity : str
        What they must have in common with others to compare; see `jina_omni.cli.options.identity`.
    """

    choice: Choice
    dim: int | None
    dialect: str | None
    pages: bool
    identity: str


class Database:
    """A table with a row for each file, or each page; nothing of it is written but by its own methods."""

    def __init__(self, folder: Path, table: Any, settings: Settings) -> None:
        self.settings = settings
        self._folder = folder
        self._table = table

    @classmethod
    def open(cls, folder: Path) -> Database | None:
        """Open the database of a folder; None where there is none.

        Raises
        ------
        CommandError
            LanceDB is not installed, or the database is damaged, or is not one of ours.
        """
        try:
            lancedb = import_optional("lancedb", "search")
        except ImportError as error:
            raise CommandError("a database needs LanceDB: pip install 'jina-omni[search]'") from error
        if not (folder / f"{_TABLE}.lance").is_dir():
            return None
        with _told(folder):
            table = lancedb.connect(str(folder)).open_table(_TABLE)
            held = json.loads(table.schema.metadata[_KEY])
            settings = Settings(**held | {"choice": Choice(**held["choice"])})
        return cls(folder, table, settings)

    @classmethod
    def create(cls, folder: Path, settings: Settings, dim: int) -> Database:
        """Make an empty database of vectors of `dim` numbers."""
        import lancedb
        import pyarrow as pa

        columns = {
            "path": pa.string(),
            "page": pa.int32(),
            "size": pa.int64(),
            "mtime_ns": pa.int64(),
            "sha256": pa.string(),
            "vector": pa.list_(pa.float32(), dim),
        }
        schema = pa.schema(columns, metadata={_KEY: json.dumps(asdict(settings))})
        with _told(folder):
            table = lancedb.connect(str(folder)).create_table(_TABLE, schema=schema)
        return cls(folder, table, settings)

    def states(self) -> dict[str, State]:
        """Return the state of each file, by its path."""
        with _told(self._folder):
            rows = self._table.search().select(["path", "size", "mtime_ns", "sha256"]).to_arrow()
        return {row.pop("path"): State(**row) for row in rows.to_pylist()}

    def contents(self, digests: Collection[str]) -> dict[str, Contents]:
        """Return the vectors of files, by their SHA-256, as far as they are there."""
        found: dict[str, dict[int, Any]] = {}
        if digests:
            with _told(self._folder):
                query = self._table.search().where(_is_in("sha256", digests))
                rows = query.select(["sha256", "page", "vector"]).to_arrow()
            for row in rows.to_pylist():  # also of a copy, whose vectors are the same
                found.setdefault(row["sha256"], {})[row["page"]] = row["vector"]
        return {
            digest: Contents(sorted(pages), np.array([pages[page] for page in sorted(pages)], np.float32))
            for digest, pages in found.items()
        }

    def add(self, files: Sequence[tuple[str, State, Contents]]) -> None:
        """Add files that are not there, all or, when this process is killed, none."""
        if not files:
            return
        import pyarrow as pa

        rows = [
            {"path": path, "page": page, **state._asdict(), "vector": vector}
            for path, state, contents in files
            for page, vector in zip(contents.pages, contents.vectors, strict=True)
        ]
        with _told(self._folder):
            self._table.add(pa.Table.from_pylist(rows, schema=self._table.schema))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files."""
        left = list(paths)
        with _told(self._folder):
            for first in range(0, len(left), _MANY):
                self._table.delete(_is_in("path", left[first : first + _MANY]))

    def tidy(self) -> None:
        """Join the small pieces that many additions leave, and remove old versions."""
        with _told(self._folder):
            self._table.optimize(cleanup_older_than=_KEPT)

    def search(self, vector: Floats, k: int) -> list[Hit]:
        """Return the `k` nearest rows, the best first."""
        with _told(self._folder):
            query = self._table.search(vector).distance_type("cosine").limit(k)
            rows = query.select(["path", "page", "_distance"]).to_list()
        return [Hit(1 - row["_distance"], row["path"], row["page"]) for row in rows]


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn what LanceDB raises, which has no class of its own, into this command's error."""
    try:
        yield
    except Exception as error:
        raise CommandError(f"{folder}: LanceDB says: {str(error)[:300] or type(error).__name__}") from error


def _is_in(column: str, values: Iterable[str]) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"
