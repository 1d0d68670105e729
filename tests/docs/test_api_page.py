"""docs/api.md has each public name, and no others."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.unit.test_public_api import MODULES, members, public_names

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SHOWN = {name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE) if name not in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_the_names_of_a_module_are_shown(module: str) -> None:
    assert set(import_module(module).__all__) <= SHOWN


def test_the_members_of_a_base_that_is_not_shown_are_shown() -> None:
    for name, value in (pair for module in MODULES for pair in public_names(module)):
        bases = [base for base in value.__mro__[1:] if base.__name__ not in SHOWN] if inspect.isclass(value) else []
        if any(base.__module__.startswith("jina_omni.") and any(members(base)) for base in bases):
            assert re.search(rf"^::: {name}\n    options: {{inherited_members: true}}$", PAGE, re.MULTILINE), name


def test_no_other_names_are_shown() -> None:
    assert {name for module in MODULES for name in import_module(module).__all__} >= SHOWN
