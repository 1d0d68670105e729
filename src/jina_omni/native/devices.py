# SPDX-License-Identifier: Apache-2.0
"""The devices of ggml's registry, and how many of this machine's processors are ours to use."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jina_omni.errors import ModelLoadError
from jina_omni.native.boundary import call, extension_problem, ffi, lib, text

_HOPPER = range(90, 100)  # compute capabilities, 10 * major + minor


@dataclass(frozen=True)
class Device:
    """One device that this build can compute on.

    Attributes
    ----------
    index : int
        Its place in the registry.
    name : str
        As users write it: ``"cpu"``, ``"cuda:0"``, ``"metal"``.
    description : str
        The hardware's own name.
    is_cpu : bool
    memory_free, memory_total : int
        Bytes, 0 where unknown.
    compute_capability : int
        Of an NVIDIA GPU, 10 * major + minor; else 0.
    """

    index: int
    name: str
    description: str
    is_cpu: bool
    memory_free: int
    memory_total: int
    compute_capability: int = 0


def _user_name(name: str) -> str:
    """Turn ggml's ``CUDA0`` into ``cuda:0``; a name without number stays whole."""
    kind = name.rstrip("0123456789")
    number = name[len(kind) :]
    return f"{kind.lower()}:{number}" if number else kind.lower()


def devices() -> list[Device]:
    """Return the devices of this build, in ggml's order."""
    found = []
    for index in range(lib.omni_device_count()):
        info = ffi.new("omni_device_info *")
        call(lib.omni_device_get, index, info)
        found.append(
            Device(
                index=index,
                name=_user_name(text(info.name)),
                description=text(info.description),
                is_cpu=bool(info.is_cpu),
                memory_free=info.memory_free,
                memory_total=info.memory_total,
                compute_capability=info.compute_capability,
            )
        )
    if crash_in_cuda_graphs(found):
        os.environ.setdefault("GGML_CUDA_DISABLE_GRAPHS", "1")  # ggml reads it once, when it first computes
    return found


def crash_in_cuda_graphs(found: Iterable[Device]) -> bool:
    """Tell whether one is a Hopper GPU, on which the model cards report crashes of ggml's CUDA graphs."""
    return any(device.compute_capability in _HOPPER for device in found)


def why_no_accelerator(found: Iterable[Device]) -> str | None:
    """Return why only the CPU is there though a build for more is; None without such a build or if all is well."""
    if extension_problem or not all(device.is_cpu for device in found):
        return extension_problem
    backend = text(lib.omni_backend())
    if backend == "cpu":
        return None
    return (
        f"this build is for {backend}, but finds no such device; check the driver (what ggml said went to the logger "
        "jina_omni.native)"
    )


def instruction_sets() -> list[str]:
    """Return the instruction sets of the CPU that this build has kernels for and this machine runs, the best first."""
    names: list[str] = []
    while (name := lib.omni_kernels_name(len(names))) != ffi.NULL:
        names.append(text(name))
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


def find_device(name: str) -> Device:
    """Return the device that `name` means.

    Parameters
    ----------
    name : str
        ``"auto"`` (an accelerator where there is one, else the CPU), ``"cpu"``, or a name that `devices` lists; a kind
        without number (``"cuda"``) is its first.

    Raises
    ------
    ModelLoadError
        No such device in this build or machine.

    Warns
    -----
    RuntimeWarning
        ``"auto"`` is the CPU although an accelerator's build is installed.
    """
    found = devices()
    wanted = name.lower()
    problem = why_no_accelerator(found)
    if wanted == "auto":
        device = next((d for d in found if not d.is_cpu), found[0])
        if problem and device.is_cpu:
            warnings.warn(f"the CPU computes: {problem}", RuntimeWarning, stacklevel=3)
        return device
    for device in found:
        if wanted in (device.name, device.name.split(":")[0]):
            return device
    names = ", ".join(device.name for device in found)
    raise ModelLoadError(
        f"device {name!r} is not available; this build and machine have: {names}" + (f"; {problem}" if problem else "")
    )


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
