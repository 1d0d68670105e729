"""The model that all integrations are tested with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

import jina_omni

# Before any of them is imported: they are not to call home, nor to wait for all else that runs on this machine.
os.environ |= {
    "ANONYMIZED_TELEMETRY": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}

DATA = Path(str(files("jina_omni.demo") / "data"))


@pytest.fixture(scope="session")
def open_model() -> partial[jina_omni.Model]:
    """Return what opens the packaged model; as a retrieval file, so that queries and documents differ."""
    return partial(jina_omni.Model, DATA / "text.gguf", [DATA / "vision-mmproj.gguf"], task="retrieval")


@pytest.fixture(scope="session")
def model(open_model: partial[jina_omni.Model]) -> Iterator[jina_omni.Model]:
    with open_model(device="cpu", n_threads=1) as model:
        yield model


@pytest.fixture(scope="session")
def pictures() -> list[Path]:
    return [DATA / f"{name}.png" for name in ("red-circle", "blue-square", "green-triangle")]
