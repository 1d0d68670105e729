# SPDX-License-Identifier: Apache-2.0
"""Raise the pinned llama.cpp: fetch a version, write its lock, build, and run what compares with independent results.

    python tools/raise_llama_cpp.py VERSION COMMIT

VERSION is one of llama-cpp-python, whose source distribution carries the tree; COMMIT is the llama.cpp commit in it,
which its repository says (the archive does not). Run it in an environment with this project's [test] and [parity]
extras. A failure leaves the new lock in place, to be looked at: ``git checkout vendor/llama.cpp/lock`` goes back.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "vendor" / "llama.cpp" / "lock"
# What stands beside torch, libllama and the dequantised weights, and what hostile files must not do.
SUITES = ("tests/build", "tests/native", "tests/parity")


def archive_sha256(package: str, version: str) -> str:
    """Return the sha256 of the source distribution. To know its metadata pip runs its build backend: trust it first."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{package}=={version}", "--no-deps", "--no-binary=:all:", "--no-build-isolation", f"--dest={folder}"]
        subprocess.run([*pip, "download", *wanted], check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        return hashlib.sha256(archive.read_bytes()).hexdigest()


def main() -> None:
    """Run the procedure; every step's failure ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("commit")
    arguments = parser.parse_args()
    if not re.fullmatch("[0-9a-f]{40}", arguments.commit):
        parser.error("COMMIT is the full hash of a commit, 40 hexadecimal digits")

    old = LOCK.read_text(encoding="utf-8")
    package = dict(line.split() for line in old.splitlines())["package"]
    sha256 = archive_sha256(package, arguments.version)
    new = f"package {package}\nversion {arguments.version}\nsha256  {sha256}\ncommit  {arguments.commit}\n"
    print(*difflib.unified_diff(old.splitlines(), new.splitlines(), "old lock", "new lock", lineterm=""), sep="\n")
    LOCK.write_text(new, encoding="utf-8")

    subprocess.run([sys.executable, "-m", "pip", "install", str(ROOT)], check=True)
    subprocess.run([sys.executable, "-m", "pytest", "-rs", "-m", "slow or not slow", *SUITES], cwd=ROOT, check=True)
    print("All held. Read the advisories of llama.cpp since the old version, then commit vendor/llama.cpp/lock.")


if __name__ == "__main__":
    main()
