"""docs/cli.md documents every command and every option."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from jina_omni.cli import create_parser

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## jina-omni (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def find_commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0] if found else {}


COMMANDS = find_commands(create_parser())


def test_every_command_has_a_section() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_has_the_options_of_its_command_and_no_others(name: str) -> None:
    parsers = [COMMANDS[name], *find_commands(COMMANDS[name]).values()]
    actions = [action for parser in parsers for action in parser._actions]
    there = {option for action in actions for option in action.option_strings} - {"-h", "--help"}
    tables = "".join(line for line in SECTIONS[name].splitlines(keepends=True) if line.startswith("|"))
    assert set(re.findall(r"`(--?[a-z][a-z-]*)\b", tables)) == there
