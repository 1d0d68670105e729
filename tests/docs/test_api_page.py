"""docs/api.md has each public name, and no others."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from tests.unit.test_public_api import MODULES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SHOWN = set(re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE))


def test_the_page_shows_what_the_modules_offer() -> None:
    offered = {name for module in MODULES for name in import_module(module).__all__}
    assert {name.rpartition(".")[2] for name in SHOWN - set(MODULES)} == offered
