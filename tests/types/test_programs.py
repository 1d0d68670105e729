"""The type checkers of users: a right program passes, and each mistake is found in its line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jina_omni

HERE = Path(__file__).parent
_ERROR = re.compile(r"^(.+?):(\d+): error:", re.MULTILINE)  # of mypy

ROOT = Path(jina_omni.__file__).parents[1]


@pytest.fixture(params=["mypy", "pyright"])
def checker(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return request.param


def check(checker: str, folder: Path, *paths: Path) -> set[tuple[str, int]]:
    """Return the file's name and the line's number of each error that a checker finds."""
    is_installed = "site-packages" in ROOT.parts  # an editable install, which a checker does not find, is not
    if checker == "mypy":
        found = run(
            [
                "mypy",
                "--strict",
                "--config-file=",
                "--follow-imports=silent",
                f"--cache-dir={folder}",
                *map(str, paths),
            ],
            {} if is_installed else {"MYPYPATH": str(ROOT)},
        )
        assert found.stdout, found.stderr
        return {(Path(line[1]).name, int(line[2])) for line in _ERROR.finditer(found.stdout)}
    settings = {
        "include": [shutil.copy(path, folder / path.name).name for path in paths],  # paths below its own
        "extraPaths": [] if is_installed else [str(ROOT)],
        "typeCheckingMode": "standard",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    found = run(["pyright", "--outputjson", f"--pythonpath={sys.executable}", f"--project={folder}"], {})
    report = json.loads(found.stdout)
    assert report["summary"]["filesAnalyzed"] == len(paths), found.stderr
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    }


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        timeout=600,
    )


def test_a_program_of_a_user_is_checked(checker: str, tmp_path: Path) -> None:
    right, wrong = HERE / "programs" / "right.py", HERE / "programs" / "wrong.py"
    lines = wrong.read_text().splitlines()
    mistakes = {("wrong.py", number) for number, line in enumerate(lines, 1) if line.endswith("  # wrong")}
    assert len(mistakes) == 19
    assert check(checker, tmp_path, right, wrong) == mistakes


def test_what_functions_return_is_what_the_page_says(checker: str, tmp_path: Path) -> None:
    assert check(checker, tmp_path, HERE / "usage.py") == set()
