# SPDX-License-Identifier: Apache-2.0
"""Workarounds for defects of accelerators and of ggml's code for them: one function for each defect."""

from __future__ import annotations

import os

from jina_omni.native.devices import Device

_HOPPER = range(90, 100)  # compute capabilities, 10 * major + minor


def apply_workarounds(device: Device) -> tuple[str, ...]:
    """Work around all known defects of a device; to be called before it first computes.

    Parameters
    ----------
    device : Device

    Returns
    -------
    tuple of str
        What was done, in words.
    """
    return _switch_off_cuda_graphs(device)


def _switch_off_cuda_graphs(device: Device) -> tuple[str, ...]:
    """The model cards report crashes of ggml's CUDA graphs on Hopper GPUs.

    ggml only looks whether its variable is set, whatever the value, and once for the process. So there is one of ours.
    """  # noqa: D401
    if device.compute_capability not in _HOPPER or os.environ.get("JINA_OMNI_CUDA_GRAPHS") == "1":
        return ()
    os.environ.setdefault("GGML_CUDA_DISABLE_GRAPHS", "1")
    return ("CUDA graphs are off, which may crash on Hopper GPUs; JINA_OMNI_CUDA_GRAPHS=1 leaves them on",)
