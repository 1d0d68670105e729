# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from dataclasses import replace

import pytest

from jina_omni.native import Context, find_device


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GGML_CUDA_DISABLE_GRAPHS", "JINA_OMNI_CUDA_GRAPHS"):
        monkeypatch.setenv(name, "")  # so that the end of the test restores it
        monkeypatch.delenv(name)


def find_workarounds(capability: int) -> tuple[str, ...]:
    """Open a context on the CPU: what is worked around is decided by the description of a device."""
    described = replace(find_device("cpu"), name="cuda:0", is_cpu=False, compute_capability=capability)
    context = Context(described, 1)
    context.close()
    return context.workarounds


@pytest.mark.parametrize(
    ("capability", "value"), [(0, None), (80, None), (89, None), (90, "1"), (100, None), (120, None)]
)
def test_cuda_graphs_are_switched_off_before_a_hopper_gpu_computes(capability: int, value: str | None) -> None:
    found = find_workarounds(capability)
    assert os.environ.get("GGML_CUDA_DISABLE_GRAPHS") == value
    assert len(found) == (value is not None)
    assert all("JINA_OMNI_CUDA_GRAPHS=1 leaves them on" in one for one in found)


def test_a_value_that_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GGML_CUDA_DISABLE_GRAPHS", "mine")
    find_workarounds(90)
    assert os.environ["GGML_CUDA_DISABLE_GRAPHS"] == "mine"


def test_cuda_graphs_stay_on_where_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINA_OMNI_CUDA_GRAPHS", "1")
    assert find_workarounds(90) == ()
    assert "GGML_CUDA_DISABLE_GRAPHS" not in os.environ


def test_the_cpu_has_no_workarounds() -> None:
    context = Context(find_device("cpu"), 1)
    context.close()
    assert context.workarounds == ()
