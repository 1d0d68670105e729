# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from dataclasses import replace

import pytest

from jina_omni.native import Context, find_device


@pytest.mark.parametrize(
    ("capabilities", "value"),
    [([], None), ([80], None), ([89, 90], "1"), ([90], "1"), ([100], None), ([120], None)],
)
def test_cuda_graphs_are_switched_off_before_a_hopper_gpu_computes(
    capabilities: list[int], value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contexts compute on the CPU; what is worked around is decided by the descriptions of devices."""
    cpu = find_device("cpu")
    gpus = [replace(cpu, name="cuda", is_cpu=False, compute_capability=capability) for capability in capabilities]
    monkeypatch.setitem(Context.__init__.__globals__, "devices", lambda: [cpu, *gpus])
    monkeypatch.setenv("GGML_CUDA_DISABLE_GRAPHS", "")  # so that the end of the test restores it
    monkeypatch.delenv("GGML_CUDA_DISABLE_GRAPHS")
    Context(cpu, 1).close()
    assert os.environ.get("GGML_CUDA_DISABLE_GRAPHS") is None
    for gpu in gpus[:1]:
        Context(gpu, 1).close()
    assert os.environ.get("GGML_CUDA_DISABLE_GRAPHS") == value


def test_a_value_that_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = find_device("cpu")
    gpu = replace(cpu, is_cpu=False, compute_capability=90)
    monkeypatch.setitem(Context.__init__.__globals__, "devices", lambda: [gpu])
    monkeypatch.setenv("GGML_CUDA_DISABLE_GRAPHS", "mine")
    Context(gpu, 1).close()
    assert os.environ["GGML_CUDA_DISABLE_GRAPHS"] == "mine"
