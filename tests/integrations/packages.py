"""Import the frameworks, whose warnings must not become errors of this suite."""

from __future__ import annotations

import warnings
from types import ModuleType

import pytest


def import_framework(name: str) -> ModuleType:
    """Import a module of a framework; skip the test file where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)
