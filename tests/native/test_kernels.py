"""The kernels of csrc/kernels by themselves: tests/kernels compares them with plain loops, without Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jina_omni.native import instruction_sets
from testing.engine import build


@pytest.fixture(scope="module")
def folder() -> Path:
    return build.build_program("kernels", "kernel_test").parent


def test_the_kernels_of_every_instruction_set_give_what_plain_loops_in_double_give(folder: Path) -> None:
    done = subprocess.run([folder / "kernel_test"], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"^\w+$", done.stdout, re.MULTILINE) == instruction_sets()
    emulated = re.findall(r"^(\w+), its tiles in plain C\+\+$", done.stdout, re.MULTILINE)
    assert "amx_emulated_anywhere" in emulated
    assert ("amx_emulated" in emulated) == ("avx512vnni" in instruction_sets())


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("nm") is None, reason="needs nm, and ELF's weak symbols")
def test_no_function_of_an_instruction_set_can_stand_in_for_that_of_another(folder: Path) -> None:
    """Of weak functions that several objects define, the linker keeps any: one for AVX-512, say, on all processors."""
    kernels = [p for p in (folder / "CMakeFiles").rglob("*.o") if re.search(r"/omni_\w+\.dir/", p.as_posix())]
    assert {p.name for p in kernels} >= {"attention_f32.cpp.o", "linear.cpp.o"}
    for path in kernels:
        variant = re.search(r"/omni_(\w+)\.dir/", path.as_posix())[1]
        list_symbols = ["nm", "--demangle", "--defined-only", path]
        for line in subprocess.run(list_symbols, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
            _, kind, name = line.split(maxsplit=2)
            assert kind not in "VWu" or f"omni::{variant}::" in name, f"{path.name} of {variant}: {name}"
