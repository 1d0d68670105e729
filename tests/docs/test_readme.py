"""The README is short, has both commands that CI runs, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CI = (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize(
    "command", ["pip install . && python -m jina_omni.demo", "pip install '.[test]' && python -m pytest"]
)
def test_ci_runs_the_commands_of_the_readme(command: str) -> None:
    assert f"\n    {command}\n" in README
    assert re.search(rf"^{re.escape(command)}\b", CI, re.MULTILINE)


def test_it_is_short() -> None:
    assert README.count("\n") < 200


def test_its_links_to_files_exist() -> None:
    links = re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
