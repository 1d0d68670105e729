"""docs/api.md has each public name, and no others."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.unit.test_public_api import MODULES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SHOWN = {name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE) if name not in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_the_names_of_a_module_are_shown(module: str) -> None:
    assert set(import_module(module).__all__) <= SHOWN


def test_no_other_names_are_shown() -> None:
    assert {name for module in MODULES for name in import_module(module).__all__} >= SHOWN
