"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from types import ModuleType

import pytest

# Before numpy is imported: threads of its own would fight ours for the processors.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, write_checkpoint


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Return the files of the tiny small model."""
    return write_checkpoint(tmp_path_factory.mktemp("small"), TINY["small"])


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Return the files of the tiny nano model."""
    return write_checkpoint(tmp_path_factory.mktemp("nano"), TINY["nano"])


@pytest.fixture(scope="session")
def engine() -> ModuleType:
    """Return libllama as an ordinary shared library, built from the vendored tree at the first use (minutes)."""
    from testing.engine import build, llama

    build.build()
    return llama
