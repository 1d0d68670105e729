# SPDX-License-Identifier: Apache-2.0
"""Workarounds for defects of accelerators and of ggml's code for them: one function for each defect."""

from __future__ import annotations

import os
from collections.abc import Iterable

from jina_omni.native.devices import Device

_HOPPER = range(90, 100)  # compute capabilities, 10 * major + minor


def apply_workarounds(found: Iterable[Device]) -> None:
    """Work around all known defects of these devices; to be called before an accelerator first computes.

    Parameters
    ----------
    found : iterable of Device
        All devices of this process, since what ggml reads once holds for all of them.
    """
    _switch_off_cuda_graphs(found)


def _switch_off_cuda_graphs(found: Iterable[Device]) -> None:
    """The model cards report crashes of ggml's CUDA graphs on Hopper GPUs. A value that the user set stays."""  # noqa: D401
    if any(device.compute_capability in _HOPPER for device in found):
        os.environ.setdefault("GGML_CUDA_DISABLE_GRAPHS", "1")
