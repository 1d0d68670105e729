# SPDX-License-Identifier: Apache-2.0
"""tools/check_cuda_code.py on listings as cuobjdump prints them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ELF = (
    "ELF file    1: norm.cu.1.sm_80.cubin\nELF file    2: norm.cu.2.sm_120a.cubin\n"
    "ELF file    3: rope.cu.1.sm_80.cubin\nELF file    4: rope.cu.2.sm_120a.cubin\n"
)
PTX = "PTX file    1: norm.cu.1.sm_75.ptx\nPTX file    2: rope.cu.1.sm_75.ptx\n"

needs_shell = pytest.mark.skipif(os.name == "nt", reason="the stand-in for cuobjdump is a shell script")


def check(folder: Path, architectures: str, elf: str = ELF, ptx: str = PTX) -> tuple[int, str]:
    for name, content in (("elf", elf), ("ptx", ptx)):
        (folder / name).write_text(content)
    program = folder / "cuobjdump"
    program.write_text(f'#!/bin/sh\ncat "{folder}/${{1#--list-}}"\ntest -s "{folder}/${{1#--list-}}"\n')
    program.chmod(0o755)
    command = [sys.executable, ROOT / "tools" / "check_cuda_code.py", folder / "elf", architectures]
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout + done.stderr


@needs_shell
@pytest.mark.parametrize(
    ("architectures", "elf", "ptx", "words"),
    [
        ("75-virtual;80-real;120a-real", ELF, PTX, "PTX of sm_75: 2 files\n"),
        ("75-virtual;80-real;90;120a-real", ELF, PTX, "PTX of sm_90: 0 files, but 2 of another"),
        ("75-virtual;80-real;120a-real", ELF, "", "PTX of sm_75: 0 files, but 2 of another"),
        ("75-virtual;80-real;120a-real", ELF.partition("ELF file    4")[0], PTX, "sm_120a: 1 files, but 2 of another"),
        ("75-virtual;120a-real", ELF, PTX, "machine code of sm_80: 2 files, which was not asked for"),
        ("75-virtual", "", "", "PTX of sm_75: 0 files, but 1 of another"),
        ("sm_80", ELF, PTX, "'sm_80' is not an architecture of CMake's"),
    ],
)
def test_each_architecture_has_its_code(tmp_path: Path, architectures: str, elf: str, ptx: str, words: str):
    status, printed = check(tmp_path, architectures, elf, ptx)
    print(printed)
    assert words in printed
    assert status == (0 if words.endswith("\n") else 1)
