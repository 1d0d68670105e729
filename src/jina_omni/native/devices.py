# SPDX-License-Identifier: Apache-2.0
"""The devices of ggml's registry."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jina_omni.describe import suggest
from jina_omni.errors import ModelLoadError
from jina_omni.native.arguments import require
from jina_omni.native.boundary import call, extension_problem, get_integer, get_string, read_struct


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
    is_integrated : bool
        Whether it is a GPU that shares the memory of the CPU.
    compute_capability : int
        Of an NVIDIA GPU, 10 * major + minor; else 0.
    """

    index: int
    name: str
    description: str
    is_cpu: bool
    is_integrated: bool = False
    compute_capability: int = 0

    @property
    def memory_free(self) -> int:
        """Bytes, 0 where unknown. To answer, a driver may start the device, which takes some of its memory."""
        return self._read_memory()[0]

    @property
    def memory_total(self) -> int:
        """Bytes, 0 where unknown; asked like `memory_free`."""
        return self._read_memory()[1]

    def _read_memory(self) -> tuple[int, int]:
        free, total = np.zeros(1, np.int64), np.zeros(1, np.int64)
        call("omni_device_memory", self.index, free, total)
        return int(free[0]), int(total[0])


def devices() -> list[Device]:
    """Return the devices of this build, in ggml's order."""
    return [_describe(index) for index in range(get_integer("omni_device_count"))]


def _describe(index: int) -> Device:
    info = read_struct("omni_device_get", index)
    return Device(
        index=index,
        name=info.name,
        description=info.description,
        is_cpu=bool(info.is_cpu),
        is_integrated=bool(info.is_integrated),
        compute_capability=info.compute_capability,
    )


def why_no_accelerator(found: Iterable[Device]) -> str | None:
    """Return why only the CPU is there though a build for more is; None without such a build or if all is well."""
    if extension_problem or not all(device.is_cpu for device in found):
        return extension_problem
    backend = get_string("omni_backend")
    if backend == "cpu":
        return None
    return (
        f"this build is for {backend}, but finds no such device; check the driver (what ggml said went to the logger "
        "jina_omni.native)"
    )


def _choose(found: list[Device]) -> Device:
    """Return the discrete accelerator with the most free memory, else an integrated one, else the CPU.

    Of a single one the memory is not asked for.
    """
    accelerators = [device for device in found if not device.is_cpu]
    best = [device for device in accelerators if not device.is_integrated] or accelerators or found[:1]
    return best[0] if len(best) == 1 else max(best, key=lambda device: device.memory_free)


def find_device(name: str) -> Device:
    """Return the device that `name` means.

    Parameters
    ----------
    name : str
        ``"auto"`` (the accelerator with the most free memory, a discrete one before those that share the memory of the
        CPU, else the CPU), ``"cpu"``, or a name that `devices` lists; a
        backend without number (``"cuda"``) is its first device.

    Raises
    ------
    ModelLoadError
        No such device in this build or machine.

    Warns
    -----
    RuntimeWarning
        ``"auto"`` falls back to the CPU although an accelerator's build is installed.
    """
    found = devices()
    wanted = require("the name of a device", name, str).lower()
    problem = why_no_accelerator(found)
    if wanted == "auto":
        device = _choose(found)
        if problem and device.is_cpu:
            warnings.warn(f"falling back to the CPU: {problem}", RuntimeWarning, stacklevel=3)
        return device
    for device in found:
        if wanted in (device.name, device.name.split(":")[0]):
            return device
    names = ", ".join(device.name for device in found)
    raise ModelLoadError(
        f"device {name!r} is not available; this build and machine have: {names}"
        + suggest(wanted, ["auto", *(device.name for device in found)])
        + (f"; {problem}" if problem else "")
    )


def find_devices(names: Sequence[str]) -> list[Device]:
    """Return the devices that `names` mean, in that order, for a model that computes on all of them.

    Parameters
    ----------
    names : sequence of str
        As `find_device` takes them, except ``"auto"``.

    Raises
    ------
    ValueError
        There is no name; a name is ``"auto"``; two are the same device; or the CPU is beside accelerators, which
        round otherwise, so that an embedding would depend on which of them computed it.
    ModelLoadError
        As in `find_device`.
    """
    if not names:
        raise ValueError("devices is empty; name one device at least, or leave it out")
    found: dict[str, tuple[str, Device]] = {}
    for name in names:
        if name.lower() == "auto":
            raise ValueError("devices has 'auto', which chooses one device; name each device, or pass device='auto'")
        device = find_device(name)
        if device.name in found:
            other = found[device.name][0]
            raise ValueError(f"devices has {other!r} and {name!r}, which are the same device; name each device once")
        found[device.name] = (name, device)
    chosen = [device for _, device in found.values()]
    if len(chosen) > 1 and any(device.is_cpu for device in chosen):
        raise ValueError("devices has 'cpu' beside others; leave it out, or pass device='cpu' alone")
    return chosen
