# SPDX-License-Identifier: Apache-2.0
"""The files of a database that a command looks at, as its options choose them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from jina_omni.cli.collection.database import Database
from jina_omni.cli.collection.scope import Scope
from jina_omni.cli.problems import CommandError, escape, format_command

__all__ = ["read_scope", "report_gone"]


def read_scope(args: argparse.Namespace, database: Database) -> Scope:
    """Return the scope of the options ``--kind`` and ``--under``.

    Raises
    ------
    CommandError
        The database has no file in a folder of ``--under``.
    """
    folders: list[str] = []
    for folder in args.under:
        places = [escape(str(path)) for path in _list_places(folder)]  # a name that is not Unicode is never found
        if not database.has_files(Scope(folders=places)):
            raise CommandError(
                f"{args.db} has no file under {folder}; to see what it has: "
                f"{format_command('db', 'list', '--db', args.db)}"
            )
        folders += places
    return Scope(args.kind, folders)


def report_gone(gone: Collection[str]) -> None:
    """Say on stderr how many files are hidden, as they no longer exist."""
    if gone:
        what = "1 file that no longer exists is" if len(gone) == 1 else f"{len(gone):,} files that no longer exist are"
        print(f"{what} hidden; update the database with jina-omni index", file=sys.stderr)


def _list_places(folder: Path) -> list[Path]:
    """Return the paths under which a database may have a folder.

    `jina-omni index` resolves the links of the folder that it gets, and keeps those that it finds in it.
    """
    path = folder.absolute()
    return list(dict.fromkeys(parent.resolve() / path.relative_to(parent) for parent in [path, *path.parents]))
