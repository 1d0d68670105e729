"""What tools/ runs with a built wheel, run with this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from jina_omni.native import instruction_sets

SCRIPT = Path(__file__).parents[2] / "tools" / "smoke_wheel.py"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_passes_and_finds_vectors_that_differ(tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.npy"
    assert run(vectors).returncode == 0
    again = run(vectors)
    assert again.returncode == 0, again.stderr
    assert "cosines with vectors.npy" in again.stdout
    np.save(vectors, np.load(vectors)[::-1])
    assert run(vectors).stderr == "the vectors differ\n"


def test_it_tells_another_instruction_set(tmp_path: Path) -> None:
    assert run(tmp_path / "vectors.npy", instruction_sets()[0]).returncode == 0
    assert run(tmp_path / "vectors.npy", "mmx").stderr == "expected the instruction set mmx\n"
