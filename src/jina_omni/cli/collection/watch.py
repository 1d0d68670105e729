# SPDX-License-Identifier: Apache-2.0
"""Waiting until files change, by the notices of the operating system."""

from __future__ import annotations

import math
import os.path
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from jina_omni.cli.collection.database import is_database
from jina_omni.cli.collection.selection import IGNORE_FILE
from jina_omni.cli.problems import CommandError
from jina_omni.optional_packages import import_optional

__all__ = ["import_watchfiles", "watch"]

_STEP = 1.0  # seconds until the first yield: what changed before the watch began has no notice
_QUIET = 1.0  # seconds without a change until one is yielded, since a file that grows would be embedded again and again
_MAX_DELAY = 10.0  # seconds until a change is yielded if others follow it all the time
_MAX_WAIT = 300.0  # seconds without a notice: there is none of linked folders and of most network drives


def import_watchfiles() -> Any:
    """Return the package that `watch` needs.

    Raises
    ------
    CommandError
        watchfiles is not installed.
    """
    try:
        return import_optional("watchfiles", "search")
    except ImportError as error:
        raise CommandError(f"--watch needs {error}") from error


def watch(folders: Sequence[Path]) -> Iterator[None]:
    """Return what yields whenever files of the folders have changed, or may have without a notice of it.

    Raises
    ------
    CommandError
        As in `import_watchfiles`.
    """
    present = [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112 - Path.is_dir may raise

    def is_watched(_change: object, path: str) -> bool:
        return any(_is_visible(Path(path), folder) for folder in present)

    changes = import_watchfiles().watch(
        *present,
        watch_filter=is_watched,
        step=round(1000 * _QUIET),
        debounce=round(1000 * _MAX_DELAY),
        rust_timeout=round(1000 * _STEP),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    return _wait(changes)


def _wait(changes: Iterator[Collection[object]]) -> Iterator[None]:
    last = -math.inf
    for change in changes:
        if change or time.monotonic() - last > _MAX_WAIT:
            yield
            last = time.monotonic()


def _is_visible(path: Path, folder: Path) -> bool:
    """Return whether a path is one in the folder that an update looks at."""
    if path == folder:
        return True
    if not path.is_relative_to(folder):
        return False
    *parents, name = path.relative_to(folder).parts
    if any(part.startswith(".") for part in parents) or (name.startswith(".") and name != IGNORE_FILE):
        return False
    inner = (here for here in (path, *path.parents) if here != folder and here.is_relative_to(folder))
    return not any(map(is_database, inner))
