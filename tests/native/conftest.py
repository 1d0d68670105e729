"""Fixtures of the native tests."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from testing.checkpoints.writer import Checkpoint
from tests.native.weight_types import TYPES


@pytest.fixture(scope="session", params=["small", "nano"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def quantized(checkpoint: Checkpoint, engine: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the tiny text file in all published types."""
    folder = tmp_path_factory.mktemp("quantized")
    return {t: engine.quantize(checkpoint.text, folder / f"{checkpoint.text.stem}-{t}.gguf", t) for t in TYPES}
