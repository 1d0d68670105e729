# SPDX-License-Identifier: Apache-2.0
"""The files of a database that a command looks at, as its options choose them."""

from __future__ import annotations

import argparse
from pathlib import Path

from jina_omni.cli.collection.database import Database
from jina_omni.cli.collection.scope import Scope
from jina_omni.cli.problems import CommandError

__all__ = ["open_database", "read_scope"]


def open_database(path: Path) -> Database:
    """Open the database of the option ``--db``.

    Raises
    ------
    CommandError
        There is none.
    """
    database = Database.open(path.resolve()) if path.is_dir() else None
    if database is None:
        raise CommandError(f"{path} is not a database; create it with: jina-omni index FOLDER --db {path}")
    return database


def read_scope(args: argparse.Namespace) -> Scope:
    """Return the scope of the options ``--kind`` and ``--under``."""
    return Scope(args.kind, [str(path) for folder in args.under for path in _list_places(folder)])


def _list_places(folder: Path) -> list[Path]:
    """Return the paths under which a database may have a folder.

    `jina-omni index` resolves the links of the folder that it gets, and keeps those that it finds in it.
    """
    path = folder.absolute()
    return list(dict.fromkeys(parent.resolve() / path.relative_to(parent) for parent in [path, *path.parents]))
