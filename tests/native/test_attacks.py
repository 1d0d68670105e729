"""Every script in ``attacks/``, each in a process of its own that it may end, hang or fill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ATTACKS = Path(__file__).parents[2] / "attacks"
SCRIPTS = sorted(ATTACKS.glob("[0-9]*.py"))
TIME_LIMIT = 120  # seconds; a few take that of a sandbox, 20


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_attack_ends_as_it_should(script: Path, tmp_path: Path) -> None:
    """The script bounds its memory itself, so that whoever runs it alone is as safe."""
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, f"{script.name} ended with {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout, f"{script.name} shows nothing"


def test_the_table_lists_every_attack_once() -> None:
    rows = [line for line in (ATTACKS / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| [")]
    assert [row.split("](")[1].split(")")[0] for row in rows] == [script.name for script in SCRIPTS]
    assert [int(script.name.partition("_")[0]) for script in SCRIPTS] == list(range(1, len(SCRIPTS) + 1))
