# SPDX-License-Identifier: Apache-2.0
"""The database of a collection: a LanceDB table of embeddings, which also stores the settings that made them."""

from __future__ import annotations

import json
import os.path
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.cli.collection.scope import Scope
from jina_omni.cli.collection.tables import (
    PathTable,
    check_columns,
    compact,
    convert_errors,
    has_table,
    match_any,
    remove_paths,
)
from jina_omni.cli.lock import lock
from jina_omni.cli.model_choice import Conventions, ModelChoice
from jina_omni.cli.problems import CommandError, check_unicode, format_command
from jina_omni.optional_packages import import_optional

__all__ = [
    "Content",
    "Database",
    "Failure",
    "FileEmbeddings",
    "FileState",
    "Folder",
    "Hit",
    "Place",
    "Settings",
    "check_place",
    "is_database",
    "lock_database",
    "open_database",
]

Floats: TypeAlias = npt.NDArray[np.float32]

_TABLE = "files"
_LOCK = "index.lock"
_SETTINGS_KEY = b"jina_omni"  # in the metadata of the table's schema
_BATCH_ROWS = 1024  # of embeddings that are copied together


class FileState(NamedTuple):
    """A file's size, time and digest when it was embedded."""

    size: int
    mtime_ns: int
    sha256: str


class Place(NamedTuple):
    """What of a file an embedding is of: a page, from 1, or an excerpt, in seconds. All are 0 of the whole file."""

    page: int = 0
    start: float = 0.0
    end: float = 0.0


class FileEmbeddings(NamedTuple):
    """The embeddings of a file, shape (n, dim), the place of each, and the kind of file: text, image, audio, ..."""

    kind: str
    places: list[Place]
    vectors: Floats


class Folder(NamedTuple):
    """A folder whose files the database has, and which of them: patterns, each in a line."""

    path: str
    include: str = ""
    exclude: str = ""


class Failure(NamedTuple):
    """A file or a folder that could not be embedded.

    Attributes
    ----------
    path : str
        See `jina_omni.cli.problems.escape`.
    size, mtime_ns : int
        Of the file, as in `FileState`; -1 where they can't be read.
    error : str
        The name of the error's class.
    media_type : str
        Of the file; an empty string where its bytes don't say it.
    message : str
        What is wrong, with the path.
    conditions : str
        What the failure depends on besides the file: the version of this library, what the model embeds, and options.
    """

    path: str
    size: int
    mtime_ns: int
    error: str
    media_type: str
    message: str
    conditions: str

    @property
    def is_of_unread_kind(self) -> bool:
        """Whether the file is not damaged, but of a kind that this installation or this model does not read."""
        return self.error in ("UnsupportedMediaError", "ModalityNotLoadedError")


class Content(NamedTuple):
    """A content that the database has: the files that have it, the shortest path first, and its embeddings."""

    paths: list[str]
    embeddings: FileEmbeddings


class Hit(NamedTuple):
    """A file or a place in it that a search found, and the cosine of its embedding and the query's."""

    cosine: float
    path: str
    place: Place
    kind: str
    sha256: str


@dataclass(frozen=True)
class Settings:
    """How the embeddings of a database are made.

    Attributes
    ----------
    choice : ModelChoice
    dim : int or None
        The size that embeddings are cut to.
    conventions : Conventions
    pages : bool
        Whether each page of a PDF has an embedding of its own.
    identity : str
        Of the embeddings; see `jina_omni.cli.model_choice.describe_identity`.
    """

    choice: ModelChoice
    dim: int | None
    conventions: Conventions
    pages: bool
    identity: str


class Database:
    """A table with a row for each file, or for each page or excerpt, and tables of the folders and of what failed.

    Attributes
    ----------
    folder : Path
    settings : Settings
    folders : PathTable of Folder
    failures : PathTable of Failure
    """

    def __init__(self, folder: Path, connection: Any, table: Any, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.folders = PathTable(folder, connection, Folder, "folders")
        self.failures = PathTable(folder, connection, Failure, "failures")
        self._connection = connection
        self._table = table

    @classmethod
    def open(cls, folder: Path) -> Database | None:
        """Open the database in a folder; None if the folder has none.

        Raises
        ------
        CommandError
            LanceDB is not installed, or the database is damaged or was made by another program.
        """
        try:
            lancedb = import_optional("lancedb", "search")
        except ImportError as error:
            raise CommandError(f"a database needs {error}") from error
        if not has_table(folder, _TABLE):
            return None
        with convert_errors(folder):
            connection = lancedb.connect(str(folder))
            table = connection.open_table(_TABLE)
        check_columns(folder, table, (*Place._fields, "kind"))
        with convert_errors(folder):
            stored = json.loads(table.schema.metadata[_SETTINGS_KEY])
            choice, conventions = ModelChoice(**stored["choice"]), Conventions(**stored["conventions"])
            settings = Settings(**stored | {"choice": choice, "conventions": conventions})
        return cls(folder, connection, table, settings)

    @classmethod
    def create(cls, folder: Path, settings: Settings, dim: int) -> Database:
        """Create an empty database of embeddings of `dim` numbers."""
        import lancedb
        import pyarrow as pa

        columns = {
            "path": pa.string(),
            "kind": pa.string(),
            "page": pa.int32(),
            "start": pa.float64(),
            "end": pa.float64(),
            "size": pa.int64(),
            "mtime_ns": pa.int64(),
            "sha256": pa.string(),
            "vector": pa.list_(pa.float32(), dim),
        }
        schema = pa.schema(columns, metadata={_SETTINGS_KEY: json.dumps(asdict(settings))})
        with convert_errors(folder):
            connection = lancedb.connect(str(folder))
            table = connection.create_table(_TABLE, schema=schema)
        return cls(folder, connection, table, settings)

    def read_states(self) -> dict[str, FileState]:
        """Return the state of each file, by its path."""
        with convert_errors(self.folder):
            rows = self._table.search().select(["path", "size", "mtime_ns", "sha256"]).to_arrow()
        return {row.pop("path"): FileState(**row) for row in rows.to_pylist()}

    def read_kinds(self) -> dict[str, str]:
        """Return the kind of each file, by its path."""
        with convert_errors(self.folder):
            rows = self._table.search().select(["path", "kind"]).to_arrow()
        return {row["path"]: row["kind"] for row in rows.to_pylist()}

    def count_embeddings(self) -> int:
        """Return the number of embeddings."""
        with convert_errors(self.folder):
            return int(self._table.count_rows())

    def has_files(self, scope: Scope) -> bool:
        """Return whether any file is within a scope."""
        with convert_errors(self.folder):
            return bool(self._table.count_rows(" AND ".join(scope.list_conditions()) or None))

    def read_embeddings(self, digests: Collection[str]) -> dict[str, FileEmbeddings]:
        """Return the embeddings of the files that have one of these SHA-256 digests, by digest."""
        found: dict[str, dict[Place, Any]] = {}
        kinds: dict[str, str] = {}
        if digests:
            with convert_errors(self.folder):
                query = self._table.search().where(match_any("sha256", digests))
                rows = query.select(["sha256", "kind", *Place._fields, "vector"]).to_arrow()
            for row in rows.to_pylist():  # the rows of a copy replace equal ones
                found.setdefault(row["sha256"], {})[_read_place(row)] = row["vector"]
                kinds[row["sha256"]] = row["kind"]
        embeddings = {}
        for digest, vectors in found.items():
            places = sorted(vectors)
            rows = np.array([vectors[place] for place in places], np.float32)
            embeddings[digest] = FileEmbeddings(kinds[digest], places, rows)
        return embeddings

    def add(self, files: Sequence[tuple[str, FileState, FileEmbeddings]]) -> None:
        """Add files that the database lacks: all of them or, if this process is killed, none."""
        if not files:
            return
        import pyarrow as pa

        rows = [
            {"path": path, "kind": embeddings.kind, **place._asdict(), **state._asdict(), "vector": vector}
            for path, state, embeddings in files
            for place, vector in zip(embeddings.places, embeddings.vectors, strict=True)
        ]
        with convert_errors(self.folder):
            self._table.add(pa.Table.from_pylist(rows, schema=self._table.schema))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files."""
        with convert_errors(self.folder):
            remove_paths(self._table, paths)

    def replace(self, other: Database) -> None:
        """Take the files, the settings and the failures of another database. Searches find the old ones until then."""
        with convert_errors(self.folder):
            rows = other._table.search().to_batches(_BATCH_ROWS)
            self._table = self._connection.create_table(_TABLE, rows, schema=other._table.schema, mode="overwrite")
        self.settings = other.settings
        self.failures.remove(self.failures.read())
        self.failures.put(list(other.failures.read().values()))
        self.compact()

    def compact(self) -> None:
        """Join the small pieces that many additions leave, and remove old versions."""
        with convert_errors(self.folder):
            compact(self._table)
        self.folders.compact()
        self.failures.compact()

    def search(self, vector: Floats, n_hits: int, scope: Scope) -> list[Hit]:
        """Return the rows whose embeddings are nearest to a vector, the nearest first."""
        columns = ["path", *Place._fields, "kind", "sha256", "_distance"]
        rows = self._rank(vector, n_hits, scope, columns).to_pylist()
        return [Hit(1 - row["_distance"], row["path"], _read_place(row), row["kind"], row["sha256"]) for row in rows]

    def read_cosines(self, vector: Floats, scope: Scope) -> dict[str, Floats]:
        """Return the cosines of a vector and all embeddings, by kind."""
        with convert_errors(self.folder):
            n_rows = self._table.count_rows()
        rows = self._rank(vector, n_rows, scope, ["kind", "_distance"])
        kinds, cosines = rows["kind"].to_numpy(), 1 - rows["_distance"].to_numpy()
        return {kind: cosines[kinds == kind] for kind in sorted(set(kinds))}

    def read_paths(self, digests: Collection[str], scope: Scope) -> dict[str, list[str]]:
        """Return the files of each of these SHA-256 digests, in the order of `Content`."""
        if not digests:
            return {}
        rows = self._read(["path", "sha256"], [match_any("sha256", digests), *scope.list_conditions()])
        return _group_paths(rows.to_pylist())

    def read_contents(self, scope: Scope) -> list[Content]:
        """Return all contents, in the order of their first files."""
        rows = self._read(["path", "kind", "sha256", *Place._fields, "vector"], scope.list_conditions())
        numbers = rows["vector"].combine_chunks().flatten().to_numpy()
        fields = rows.drop_columns(["vector"]).to_pylist()
        vectors = numbers.reshape(len(fields), -1) if fields else numbers
        places: dict[str, dict[Place, int]] = {}
        for i, row in enumerate(fields):  # the rows of a copy replace equal ones
            places.setdefault(row["sha256"], {})[_read_place(row)] = i
        contents = []
        for digest, paths in _group_paths(fields).items():
            chosen = [places[digest][place] for place in sorted(places[digest])]
            kind = fields[chosen[0]]["kind"]
            contents.append(Content(paths, FileEmbeddings(kind, sorted(places[digest]), vectors[chosen])))
        return sorted(contents, key=lambda content: content.paths[0])

    def _read(self, columns: list[str], conditions: Sequence[str]) -> Any:
        """Return columns of the rows that fulfil all conditions, as an Arrow table."""
        with convert_errors(self.folder):
            query = self._table.search().select(columns)
            return (query.where(" AND ".join(conditions)) if conditions else query).to_arrow()

    def _rank(self, vector: Floats, n_rows: int, scope: Scope, columns: list[str]) -> Any:
        """Return columns of the rows that are nearest to a vector, as an Arrow table."""
        with convert_errors(self.folder):
            query = self._table.search(vector).distance_type("cosine").limit(max(n_rows, 1)).select(columns)
            if conditions := scope.list_conditions():
                query = query.where(" AND ".join(conditions), prefilter=True)
            return query.to_arrow()


def open_database(folder: Path) -> Database:
    """Open the database in a folder.

    Raises
    ------
    CommandError
        There is none, or as in `Database.open`.
    """
    _check_not_file(folder)
    database = Database.open(folder.resolve())
    if database is None:
        command = format_command("index", "FOLDER", "--db", folder)
        raise CommandError(f"{folder} is not a database; create it with: {command}")
    return database


def is_database(folder: Path) -> bool:
    """Return whether a folder is that of a database."""
    return os.path.isdir(folder / f"{_TABLE}.lance")  # noqa: PTH112 - Path.is_dir raises where access is denied


def check_place(folder: Path) -> None:
    """Check that a folder is that of a database, or may become one, whose files would mingle with others there.

    Raises
    ------
    CommandError
        It is a file, has other files, or its path is not Unicode.
    """
    _check_not_file(folder)
    check_unicode(folder.resolve())
    if not is_database(folder) and folder.is_dir() and any(path.name != _LOCK for path in folder.iterdir()):
        raise CommandError(f"{folder} has other files; pass a new folder with --db")


@contextmanager
def lock_database(folder: Path) -> Iterator[None]:
    """Keep other processes from updating the database in a folder, which is created where it is missing.

    Raises
    ------
    CommandError
        Another process updates it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as file:
        lock(file)
        yield


def _check_not_file(folder: Path) -> None:
    if folder.is_file():
        raise CommandError(f"{folder} is a file, not a folder for a database")


def _read_place(row: dict[str, Any]) -> Place:
    return Place(*(row[name] for name in Place._fields))


def _group_paths(rows: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the paths of rows by their digests; the shortest first, as a copy has mostly a longer name."""
    paths: dict[str, set[str]] = {}
    for row in rows:
        paths.setdefault(row["sha256"], set()).add(row["path"])
    return {digest: sorted(found, key=lambda path: (len(path), path)) for digest, found in paths.items()}
