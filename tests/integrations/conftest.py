"""The model that all integrations are tested with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.demo import DATA, scenes

# Set before any framework is imported: no telemetry, and no lower priority than other processes.
os.environ |= {
    "ANONYMIZED_TELEMETRY": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}

TEXT = DATA / "toy-retrieval-F16.gguf"
VISION = DATA / "toy-retrieval-vision-mmproj-F16.gguf"


def draw(shape: str, colour: str, path: Path) -> Path:
    """Draw a shape that the packaged model knows."""
    scenes.Picture(shape, colour, 1, "top").draw(np.random.default_rng(0)).save(path)
    return path


@pytest.fixture(scope="session")
def open_model() -> partial[jina_omni.Model]:
    """Return what opens the packaged model, whose task is retrieval, so that queries and documents differ."""
    return partial(jina_omni.Model, TEXT, [VISION])


@pytest.fixture(scope="session")
def model(open_model: partial[jina_omni.Model]) -> Iterator[jina_omni.Model]:
    with open_model(device="cpu", n_threads=1) as model:
        yield model


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    things = (("circle", "red"), ("square", "blue"), ("triangle", "green"))
    return [draw(shape, colour, folder / f"{colour}-{shape}.png") for shape, colour in things]
