"""docs/cli.md documents every command and every option."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from jina_omni.cli import create_parser

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## jina-omni (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
(COMMANDS,) = (action.choices for action in create_parser()._actions if isinstance(action, argparse._SubParsersAction))


def test_every_command_has_a_section() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_has_the_options_of_its_command_and_no_others(name: str) -> None:
    there = {option for action in COMMANDS[name]._actions for option in action.option_strings} - {"-h", "--help"}
    tables = "".join(line for line in SECTIONS[name].splitlines(keepends=True) if line.startswith("|"))
    assert set(re.findall(r"`(--?[a-z][a-z-]*)\b", tables)) == there
