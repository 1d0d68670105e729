"""How much memory a process has taken at most."""

from __future__ import annotations

import sys
from pathlib import Path


def peak() -> int:
    """Return the most resident memory of this process so far, in bytes."""
    if sys.platform == "linux":  # where `getrusage` counts what the parent had, too
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def peak_of_children() -> int:
    """Return the most resident memory of a process that this one has started and waited for; 0 where unknown."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1024 if sys.platform == "linux" else 1)
