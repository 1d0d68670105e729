# SPDX-License-Identifier: Apache-2.0
"""What all LanceDB tables of a database have in common, and tables with one row for a path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, get_type_hints

from jina_omni.cli.problems import CommandError

__all__ = [
    "PathTable",
    "check_columns",
    "compact",
    "convert_errors",
    "has_table",
    "match_any",
    "quote",
    "remove_paths",
]

_MAX_PATHS = 1000  # of one condition
_MIN_VERSION_AGE = timedelta(hours=1)  # of versions to remove: a running search may still read newer ones
_SOURCE = re.compile(r",? \S+\.rs:\d+(:\d+)?")  # a place in the source of Lance, which ends its messages


class _PathRow(Protocol):
    """A named tuple of texts and integers that begins with a path."""

    @property
    def path(self) -> str: ...

    def _asdict(self) -> dict[str, Any]: ...


Row = TypeVar("Row", bound=_PathRow)


class PathTable(Generic[Row]):
    """A table with one row for a path. LanceDB's table is created when something is put into it.

    Parameters
    ----------
    folder : Path
        Of the database.
    connection : lancedb.DBConnection
    row_type : type
        A named tuple of texts and integers that begins with a path.
    name : str
    """

    def __init__(self, folder: Path, connection: Any, row_type: type[Row], name: str) -> None:
        self._folder = folder
        self._connection = connection
        self._row_type = row_type
        self._name = name

    def read(self) -> dict[str, Row]:
        """Return the rows by their paths."""
        table = self._open()
        if table is None:
            return {}
        with convert_errors(self._folder):
            rows = table.to_arrow().to_pylist()
        return {row["path"]: self._row_type(**row) for row in rows}

    def put(self, rows: Collection[Row]) -> None:
        """Add rows, in place of those of the same paths."""
        if not rows:
            return
        import pyarrow as pa

        types = {str: pa.string(), int: pa.int64()}
        schema = pa.schema({name: types[kind] for name, kind in get_type_hints(self._row_type).items()})
        table = self._open()
        with convert_errors(self._folder):
            data = pa.Table.from_pylist([row._asdict() for row in rows], schema=schema)
            if table is None:
                self._connection.create_table(self._name, data=data)
            else:
                merge = table.merge_insert("path").when_matched_update_all().when_not_matched_insert_all()
                merge.execute(data)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove the rows of these paths."""
        table = self._open()
        if table is not None:
            with convert_errors(self._folder):
                remove_paths(table, paths)

    def compact(self) -> None:
        """Join the small pieces that many changes leave, and remove old versions."""
        table = self._open()
        if table is not None:
            with convert_errors(self._folder):
                compact(table)

    def _open(self) -> Any:
        if not has_table(self._folder, self._name):
            return None
        with convert_errors(self._folder):
            table = self._connection.open_table(self._name)
        check_columns(self._folder, table, get_type_hints(self._row_type))
        return table


@contextmanager
def convert_errors(folder: Path) -> Iterator[None]:
    """Convert the errors of LanceDB, which have no common class, to a `CommandError`."""
    try:
        yield
    except Exception as error:
        said = _SOURCE.sub("", str(error))[:300] or type(error).__name__
        raise CommandError(
            f"{folder}: LanceDB says: {said}; if the database is damaged, remove its folder and index again"
        ) from error


def has_table(folder: Path, name: str) -> bool:
    """Return whether a database has a table. One whose creation was killed has a folder, but no version."""
    try:
        return any(path.suffix == ".manifest" for path in (folder / f"{name}.lance/_versions").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False


def check_columns(folder: Path, table: Any, names: Iterable[str]) -> None:
    """Check that a table of a database has these columns.

    Raises
    ------
    CommandError
        It has not.
    """
    if missing := set(names) - set(table.schema.names):
        lacks = ", ".join(sorted(missing))
        raise CommandError(f"{folder} was made by an earlier version, without {lacks}; remove it and index again")


def match_any(column: str, values: Iterable[str]) -> str:
    """Return the SQL condition that a column has one of these values."""
    return f"{column} IN ({', '.join(map(quote, values))})"


def quote(value: str) -> str:
    """Return a string of SQL."""
    return "'" + value.replace("'", "''") + "'"


def remove_paths(table: Any, paths: Iterable[str]) -> None:
    """Remove the rows of these paths from a table of LanceDB."""
    remaining = list(paths)
    for first in range(0, len(remaining), _MAX_PATHS):
        table.delete(match_any("path", remaining[first : first + _MAX_PATHS]))


def compact(table: Any) -> None:
    """Join the small pieces of a table that many changes leave, and remove old versions."""
    table.optimize(cleanup_older_than=_MIN_VERSION_AGE)
