# SPDX-License-Identifier: Apache-2.0
"""The files of a database that a command looks at, as its options choose them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from jina_omni.cli.collection.scope import Scope

__all__ = ["read_scope", "report_gone"]


def read_scope(args: argparse.Namespace) -> Scope:
    """Return the scope of the options ``--kind`` and ``--under``."""
    return Scope(args.kind, [str(path) for folder in args.under for path in _list_places(folder)])


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
