# SPDX-License-Identifier: Apache-2.0
"""A lock on a file, which the system releases when its process ends, however that happens."""

from __future__ import annotations

import sys
from typing import IO, Any

from jina_omni.cli.problems import CommandError

__all__ = ["lock"]


def lock(file: IO[Any]) -> None:
    """Lock an open file until it is closed.

    Raises
    ------
    CommandError
        Another process has locked it.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CommandError(f"{file.name} is in use by another jina-omni; wait until that one has ended") from error
