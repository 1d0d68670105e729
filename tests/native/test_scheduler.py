"""The scheduler of csrc by itself: the tests of tests/scheduler, in C++ without Python, with towers that count."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from testing.engine import build

SOURCES = sorted((Path(__file__).parents[1] / "scheduler").glob("*.cpp"))
NAMES = [name for path in SOURCES for name in re.findall(r"^TEST\((\w+)\)", path.read_text(), re.MULTILINE)]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches where threads wait, by the linker's --wrap")


@pytest.fixture(scope="module")
def program() -> Path:
    return build.build_program("scheduler", "scheduler_test")


@pytest.mark.parametrize("name", NAMES)
def test_scheduler(program: Path, name: str) -> None:
    done = subprocess.run([program, name], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "")
