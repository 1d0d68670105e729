"""The processes that tests count."""

from __future__ import annotations

from multiprocessing import resource_tracker

import psutil


def children() -> list[psutil.Process]:
    """Return our child processes but that of multiprocessing, which stays once any test has used it."""
    own = resource_tracker._resource_tracker._pid
    return [process for process in psutil.Process().children() if process.pid != own]
