# SPDX-License-Identifier: Apache-2.0
"""Check that a CUDA module has the code of all architectures that it was compiled for.

    python tools/check_cuda_code.py MODULE '75-virtual;80-real;90'

The architectures are a list of CMake's: a number alone is machine code and PTX, ``-real`` only the former, ``-virtual``
only the latter. Each object file has brought the same ones, so an architecture with fewer files than another is a
mistake, too. Needs cuobjdump of the CUDA toolkit.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

MACHINE_CODE, PTX = "machine code", "PTX"


def parse_architectures(text: str) -> set[tuple[str, str]]:
    """Return the kinds of code of a list of CMake's, each with its architecture."""
    expected = set()
    for item in text.split(";"):
        found = re.fullmatch(r"(\d+[af]?)(-real|-virtual)?", item)
        if found is None:
            raise SystemExit(f"{item!r} is not an architecture of CMake's, such as 90, 90-real or 75-virtual")
        architecture, kind = found.groups()
        if kind != "-virtual":
            expected.add((MACHINE_CODE, f"sm_{architecture}"))
        if kind != "-real":
            expected.add((PTX, f"sm_{architecture}"))
    return expected


def count_code(module: Path) -> Counter[tuple[str, str]]:
    """Count the embedded files of a module by kind and architecture."""
    program = shutil.which("cuobjdump")
    if program is None:
        raise SystemExit("cuobjdump was not found: it is in the CUDA toolkit, and in pip's nvidia-cuda-cuobjdump")
    counts: Counter[tuple[str, str]] = Counter()
    for kind, option in ((MACHINE_CODE, "--list-elf"), (PTX, "--list-ptx")):
        # its status is that of a failure where there is no code of this kind
        done = subprocess.run([program, option, module], stdout=subprocess.PIPE, text=True, check=False)
        counts.update((kind, name) for name in re.findall(r"\.(sm_\w+)\.(?:cubin|ptx)$", done.stdout, re.MULTILINE))
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("module", type=Path, help="a shared library or an object file")
    parser.add_argument("architectures", help="as CMAKE_CUDA_ARCHITECTURES has them")
    options = parser.parse_args(arguments)
    expected, counts = parse_architectures(options.architectures), count_code(options.module)
    print(f"{options.module}: {options.module.stat().st_size / 1e6:.1f} MB")
    most = max(counts.values(), default=1)
    is_right = True
    for kind, architecture in sorted(expected | set(counts)):
        n = counts[kind, architecture]
        problem = "" if (kind, architecture) in expected else ", which was not asked for"
        problem = problem or (f", but {most} of another" if n != most else "")
        print(f"{kind} of {architecture}: {n} files{problem}")
        is_right = is_right and not problem
    return 0 if is_right else 1


if __name__ == "__main__":
    raise SystemExit(main())
