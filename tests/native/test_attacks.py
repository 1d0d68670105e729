"""Every attack of ``attacks/``, each in a process of its own that it may end, hang or fill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testing.gguf_advisories import ADVISORIES

ATTACKS = Path(__file__).parents[2] / "attacks"
SCRIPTS = sorted(path for path in ATTACKS.glob("*.py") if path.name != "stage.py")
DAMAGES = ATTACKS / "model_file_damages.py"
TIME_LIMIT = 120  # seconds; a few take that of a sandbox, 20


def run(script: Path, folder: Path, *arguments: str) -> None:
    """Run a script, which bounds its memory itself, so that it is as safe outside this suite."""
    done = subprocess.run(
        [sys.executable, script, *arguments],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, f"{script.name} ended with {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout, f"{script.name} shows nothing"


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path != DAMAGES], ids=lambda script: script.stem)
def test_an_attack_ends_as_it_should(script: Path, tmp_path: Path) -> None:
    run(script, tmp_path)


@pytest.mark.parametrize("advisory", [advisory.name for advisory in ADVISORIES])
def test_the_damages_of_an_advisory_are_refused(advisory: str, tmp_path: Path) -> None:
    run(DAMAGES, tmp_path, advisory)


def read_table(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of the README."""
    text = (ATTACKS / "README.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row.strip("| ").split(" | ") for row in rows[2:]]


def test_the_table_lists_every_script_once() -> None:
    expected = [f"[{script.stem}]({script.name})" for script in SCRIPTS]
    assert [cells[0] for cells in read_table("Scripts")] == expected


def test_the_table_lists_every_advisory_once() -> None:
    expected = [[advisory.name, advisory.weakness] for advisory in ADVISORIES]
    assert read_table("Damages of model files") == expected
