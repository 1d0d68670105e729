"""Each allocation of the native code fails once: an error, and the next call gives the same bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testing.checkpoints.writer import Checkpoint

ROOT = Path(__file__).parents[2]
COMPILER = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)


@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")
@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_an_allocation_that_fails_is_an_error_and_the_next_call_has_the_same_bits(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    library = tmp_path / "failing_memory.so"
    source = ROOT / "tests" / "faults" / "failing_memory.cpp"
    subprocess.run([COMPILER, "-std=c++17", "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.allocations", checkpoint.text, checkpoint.combined],
        env={**os.environ, "LD_PRELOAD": str(library)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr[-2000:]
    counts = [line.split(": ")[1].split() for line in done.stdout.splitlines()]
    assert len(counts) == 7
    # "12 allocations, 12 failed, 11 errors": most are missed
    assert all(int(count[4]) > 0.5 * int(count[2]) > 0 for count in counts), done.stdout
