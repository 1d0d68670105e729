"""Contexts for the device that these tests compute on, and for float32 results to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jina_omni.native import Context, Device, find_device

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.device)


@pytest.fixture(scope="session")
def context(device: Device) -> Iterator[Context]:
    """Return one for the device; on a CPU with ggml's own operations, which any other device computes with."""
    context = Context(device, 2, portable=device.is_cpu)
    yield context
    context.close()


@pytest.fixture(scope="session")
def exact() -> Iterator[Context]:
    context = Context(find_device("cpu"), 2, exact=True)
    yield context
    context.close()
