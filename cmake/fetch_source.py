# SPDX-License-Identifier: Apache-2.0
"""Fill ``vendor/llama.cpp/source`` with the llama.cpp source that ``vendor/llama.cpp/lock`` pins.

Run by CMake. Does nothing when the source of this lock is there already. Needs pip in the Python that runs it, else.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FILES = {"AUTHORS", "CMakeLists.txt", "LICENSE"}
DIRECTORIES = {"cmake", "ggml", "include", "licenses", "src", "vendor"}
BACKENDS = {"ggml-blas", "ggml-cpu", "ggml-cuda", "ggml-metal", "ggml-vulkan"}
NOT_NEEDED = {("vendor", "cpp-httplib")}
# The real vocabularies, without weights: the tests hold our tokens against another tokenizer's on them.
VOCABULARIES = {"models/ggml-vocab-llama-bpe.gguf", "models/ggml-vocab-qwen2.gguf"}
# libmtmd, without its test media: the benchmarks build it to compare with, our own build does not.
MTMD = ("tools", "mtmd")

# The build takes a tree with these for a whole one.
REQUIRED = ("CMakeLists.txt", "LICENSE", "ggml/CMakeLists.txt", "include/llama.h", "src/CMakeLists.txt")

ADVICE = (
    "To build without a download, give a llama.cpp source tree in the environment variable JINA_OMNI_LLAMA_CPP, or "
    "build from a source distribution of jina-omni, which carries the source. vendor/llama.cpp/README.md says more."
)


class FetchError(Exception):
    """The source could not be obtained; the message says what to do."""


@dataclass(frozen=True)
class Lock:
    """The pinned source."""

    package: str
    version: str
    sha256: str
    commit: str

    @classmethod
    def read(cls, path: Path) -> Lock:
        """Read a lock file: one ``key value`` per line."""
        return cls(**dict(line.split() for line in path.read_text(encoding="utf-8").splitlines()))


def fetch(vendor: Path) -> None:
    """Make `vendor`/source the source that `vendor`/lock pins."""
    lock = Lock.read(vendor / "lock")
    source = vendor / "source"
    if is_current(source, lock):
        return
    # Beside its destination, since only a rename within one file system is atomic.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=vendor) as name:
        temporary = Path(name)
        archive = download(lock, temporary / "download")
        check_sha256(archive, lock)
        tree = temporary / "source"
        unpack(archive, tree)
        (tree / ".sha256").write_text(lock.sha256, encoding="utf-8")
        put_in_place(tree, source, lock)


def is_current(source: Path, lock: Lock) -> bool:
    """Return whether `source` was unpacked, to the end, from the pinned archive."""
    stamp = source / ".sha256"
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == lock.sha256


def download(lock: Lock, folder: Path) -> Path:
    """Have pip download the pinned source distribution, from wherever its user lets it come."""
    folder.mkdir()
    # A requirement with a hash: pip prepares the metadata of what it downloads, which runs code of the archive, and
    # checks the hash before that. Preparing needs scikit-build-core, which our own build environment has.
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{lock.package}=={lock.version} --hash=sha256:{lock.sha256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--progress-bar=off"]
    options = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", "--require-hashes"]
    result = subprocess.run(
        [*pip, *options, f"--dest={folder}", f"--requirement={requirement}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    archives = list(folder.glob("*.tar.gz"))
    if result.returncode != 0 or len(archives) != 1:
        said = "\n".join(f"  {line}" for line in result.stdout.splitlines()[-20:])
        raise FetchError(
            f"pip could not obtain {lock.package} {lock.version} with sha256 {lock.sha256}, whose llama.cpp source is "
            f"compiled here. pip said:\n\n{said}\n\nCheck the network, and the index in pip's configuration.\n{ADVICE}"
        )
    return archives[0]


def check_sha256(archive: Path, lock: Lock) -> None:
    """Refuse an archive other than the pinned one, whatever pip was configured to let through."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != lock.sha256:
        raise FetchError(
            f"{archive.name} has sha256 {found}, but the lock file demands {lock.sha256}. It was not opened.\n{ADVICE}"
        )


def unpack(archive: Path, tree: Path) -> None:
    """Unpack what the build needs of the llama.cpp source in `archive` to `tree`.

    Only plain files with plain names are written. tarfile's own filters are not in every Python 3.10 and 3.11.
    """
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts or "\\" in member.name:
                raise FetchError(f"{archive.name} holds {member.name!r}, a path out of its own folder. Refused.")
            if path.parts[1:3] != ("vendor", "llama.cpp"):
                continue
            path = PurePosixPath(*path.parts[3:])
            if member.isdir() or not is_needed(path):
                continue
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                raise FetchError(f"{archive.name} holds {member.name!r}, which is a link or a device. Refused.")
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
    missing = [name for name in REQUIRED if not (tree / name).is_file()]
    if missing:
        raise FetchError(f"{archive.name} holds no llama.cpp source as this build knows it: no {', '.join(missing)}.")


def is_needed(path: PurePosixPath) -> bool:
    """Return whether the build, the tests or the benchmarks read this file of the tree, or its licence is passed on."""
    parts = path.parts
    if len(parts) < 2 or parts[0] == "models":
        return str(path) in FILES | VOCABULARIES
    if parts[:2] == ("ggml", "src") and len(parts) > 3:
        return parts[2] in BACKENDS
    if parts[:2] == MTMD:
        return path.suffix in {".cpp", ".h"} or path.name == "CMakeLists.txt"
    return parts[0] in DIRECTORIES and parts[:2] not in NOT_NEEDED


def put_in_place(tree: Path, source: Path, lock: Lock) -> None:
    """Rename `tree` to `source`; another build that does the same at the same time does no harm."""
    if is_current(source, lock):
        return
    with contextlib.suppress(FileNotFoundError):
        source.rename(tree.with_name("outdated"))
    try:
        tree.rename(source)
    except OSError:
        # A folder with something in it is never renamed over: the other build was faster, and its tree serves as well.
        if not is_current(source, lock):
            raise


def main() -> int:
    """Run for the vendor folder in the command line."""
    try:
        fetch(Path(sys.argv[1]))
    except (FetchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
