# SPDX-License-Identifier: Apache-2.0
"""Processors: how many of this machine's are ours to use, and the instruction sets that they compute with."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from jina_omni.arguments import check_choice
from jina_omni.errors import ModelLoadError
from jina_omni.native.boundary import get_string


def instruction_sets() -> list[str]:
    """Return the instruction sets of the CPU that this build has kernels for and this machine runs, the best first."""
    names: list[str] = []
    while (name := get_string("omni_kernels_name", len(names))) is not None:
        names.append(name)
    return names


def linear_products(instruction_set: str) -> list[str]:
    """Return what an instruction set multiplies in linear layers, the fastest first.

    These are ``int8``, ``int16`` and ``float32``; on AMX also ``int8 tiles`` and ``16-bit tiles``.

    Raises
    ------
    ValueError
        It is not one of `instruction_sets`.
    """
    known = instruction_sets()
    check_choice("instruction_set", instruction_set, known)
    kernels = known.index(instruction_set)
    names: list[str] = []
    while (name := get_string("omni_product_name", kernels, len(names))) is not None:
        names.append(name)
    return names


def chosen_instruction_set() -> str:
    """Return the instruction set to compute with: the best, unless ``JINA_OMNI_INSTRUCTION_SET`` names another.

    Raises
    ------
    ModelLoadError
        The variable names one that this build or machine lacks.
    """
    names = instruction_sets()
    wanted = os.environ.get("JINA_OMNI_INSTRUCTION_SET", "").strip().lower()
    if wanted and wanted not in names:
        raise ModelLoadError(
            f"JINA_OMNI_INSTRUCTION_SET is {wanted!r}, but this build and machine have {', '.join(names)}; "
            "unset it for the best"
        )
    return wanted or names[0]


def usable_cpus() -> int:
    """Return how many processors this process may keep busy: its affinity, cut by its cgroup's quota."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity to ask for
        count = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, count if quota is None else min(count, int(quota)))


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return the processors that our cgroup and those around it (version 2, else 1) grant, None without a limit."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        lines = []
    # those of version 2 have no controllers, and a container may see its own cgroup as the root
    places = {controllers: place.strip("/") for _, controllers, place in lines}
    quotas = [_quota(folder / "cpu.max") for folder in _with_parents(root, places.get("", ""))]
    if not any(quotas):
        first = next((places[c] for c in places if "cpu" in c.split(",")), "")
        quotas = [_quota(f / "cpu.cfs_quota_us", f / "cpu.cfs_period_us") for f in _with_parents(root / "cpu", first)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _with_parents(root: Path, place: str) -> list[Path]:
    parts = PurePosixPath(place).parts
    if ".." in parts:  # outside of what this container sees
        parts = ()
    return [root.joinpath(*parts[:n]) for n in range(len(parts) + 1)]


def _quota(*paths: Path) -> float | None:
    """Return the processors that files with a limit and its period grant; "max" and -1 are no limit."""
    try:
        limit, period = " ".join(path.read_text() for path in paths).split()
        return int(limit) / int(period) if int(limit) > 0 else None
    except (OSError, ValueError):
        return None
