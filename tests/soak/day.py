"""A day of a folder in fast motion: ``python -m tests.soak.day --files 2000 --rounds 12 --seed 1``.

Makes two folders of mixed files and indexes them with the toy model, round after round: files and folders are changed,
renamed, copied, deleted, damaged, ignored and forbidden, also while index runs, which is killed or interrupted at
random, and searches go on meanwhile. In the end the database must be equal to one that is made from scratch.

A superuser may read what is forbidden; `testing.permissions` takes that from the commands.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import lancedb
import numpy as np
import soundfile
from PIL import Image as PILImage

from testing.media_files import video_file
from testing.permissions import find_prefix

WORDS = ["red", "blue", "green", "circle", "square", "triangle", "loud", "quiet", "a", "the", "high", "low", "beep"]
IGNORED = ["*.log", "/a/\n*.wav", "*.log\n!*1.log", "# nothing"]
QUERIES = ["a red circle", "a low beep", "something else"]
SHARE = 60  # each kind of change meets one in so many files in a round
FOLDERS = ["", "a", "a/deep", "b", "b/deep/deeper", "c"]


class Files:
    """Two folders of files, and what happens to them.

    Parameters
    ----------
    work : Path
        An empty folder.
    n_files : int
    seed : int

    Attributes
    ----------
    roots : list of Path
    db : Path
        Of the database, which lies in one of the folders.
    """

    def __init__(self, work: Path, n_files: int, seed: int) -> None:
        self.roots = [work / "documents", work / "photos"]
        self.db = self.roots[0] / "files.db"
        self._random = random.Random(seed)
        self._n_changed = max(1, n_files // SHARE)
        self._n_made = 0
        self._modes: dict[Path, int] = {}  # of what is forbidden for a while
        for _ in range(n_files):
            self.add()

    def happen(self) -> None:
        """Do each kind of change to some files and, at times, to folders."""
        for change in (
            self.add,
            self.add,
            self.add_forbidden,
            self.change,
            self.touch,
            self.rename,
            self.copy,
            self.delete,
        ):
            for _ in range(self._n_changed):
                change()
        for change in (self.damage, self.forbid, self.link, self.ignore):
            change()
        for change in (self.rename_folder, self.delete_folder, self.allow):
            if self._random.random() < 0.3:
                change()

    def add(self) -> None:
        ending, data = self._make_content()
        path = self._random.choice(self.roots) / self._random.choice(FOLDERS) / f"{self._n_made}{ending}"
        if self._is_open(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def add_forbidden(self) -> None:
        """Add a file that is never allowed."""
        self._n_made += 1
        path = self.roots[0] / f"{self._n_made}.private"
        path.write_text(f"private {self._n_made}")
        path.chmod(0)

    def change(self) -> None:
        for path in self._choose_file():
            path.write_bytes(self._make_content()[1])

    def damage(self) -> None:
        for path in self._choose_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def touch(self) -> None:
        for path in self._choose_file():
            path.touch()

    def rename(self) -> None:
        for path in self._choose_file():
            self._n_made += 1
            path.rename(path.with_name(f"{self._n_made}{path.suffix}"))

    def copy(self) -> None:
        for path in self._choose_file():
            self._n_made += 1
            shutil.copyfile(path, self.roots[1] / f"{self._n_made}{path.suffix}")

    def delete(self) -> None:
        for path in self._choose_file():
            path.unlink()

    def link(self) -> None:
        """Add a link to a file, which may be deleted later."""
        for path in self._choose_file():
            self._n_made += 1
            (self.roots[0] / f"{self._n_made}.link").symlink_to(path)

    def ignore(self) -> None:
        for folder in self._choose_folder():
            (folder / ".jina-omni-ignore").write_text(self._random.choice(IGNORED))

    def forbid(self) -> None:
        for path, mode in ((path, 0) for path in self._choose_file()):
            self._set_mode(path, mode)
        for folder in self._choose_folder():
            self._set_mode(folder, self._random.choice([0, 0o444]))

    def allow(self, below: Path = Path("/")) -> None:
        """Allow what is forbidden for a while."""
        for path in [path for path in self._modes if path.is_relative_to(below)]:
            mode = self._modes.pop(path)
            if path.exists():
                path.chmod(mode)

    def rename_folder(self) -> None:
        for folder in self._choose_folder():
            self.allow(folder)
            self._n_made += 1
            folder.rename(folder.with_name(f"{folder.name}-{self._n_made}"))

    def rename_root(self) -> None:
        self.allow(self.roots[1])
        self._n_made += 1
        self.roots[1] = self.roots[1].rename(self.roots[1].with_name(f"photos-{self._n_made}"))

    def delete_folder(self) -> None:
        for folder in self._choose_folder():
            self.allow(folder)
            shutil.rmtree(folder)

    def _set_mode(self, path: Path, mode: int) -> None:
        self._modes.setdefault(path, path.stat().st_mode & 0o777)
        path.chmod(mode)

    def _choose_file(self) -> Iterator[Path]:
        """Yield a file that is there, none of the database and none that is forbidden or hidden.

        While an ignore file is damaged, the database keeps what it has of the folder, which one from scratch lacks.
        """
        files = [
            path
            for root in self.roots
            for path in root.rglob("[!.]*")
            if path.is_file() and not path.is_symlink() and path.suffix != ".private" and self._is_open(path)
        ]
        yield from self._random.sample(files, min(1, len(files)))

    def _choose_folder(self) -> Iterator[Path]:
        folders = [path for root in self.roots for path in root.rglob("*") if path.is_dir() and self._is_open(path)]
        yield from self._random.sample(folders, min(1, len(folders)))

    def _is_open(self, path: Path) -> bool:
        return not path.is_relative_to(self.db) and not any(here in self._modes for here in (path, *path.parents))

    def _make_content(self) -> tuple[str, bytes]:
        """Return the ending and the bytes of a file that no other is equal to."""
        self._n_made += 1
        rng = np.random.default_rng(self._n_made)
        kind = self._random.choices(
            ["text", "picture", "sound", "long sound", "film", "document", "zip", "unknown", "damaged"],
            [600, 200, 70, 5, 20, 30, 25, 25, 25],
        )[0]
        if kind == "text":
            text = " ".join(self._random.choices(WORDS, k=self._random.randint(2, 30)))
            return self._random.choice([".txt", ".md", ".log", ""]), f"{self._n_made} {text}".encode()
        if kind == "picture":
            name = self._random.choice(["PNG", "JPEG", "WEBP"])
            return f".{name.lower()}", save_picture(rng, name)
        if kind == "document":
            return ".pdf", save_picture(rng, "PDF")
        if kind.endswith("sound"):
            file = io.BytesIO()
            n_samples = (32 if kind == "long sound" else 1) * 16_000
            soundfile.write(file, rng.normal(0, 0.1, n_samples), 16_000, format="WAV")
            return ".wav", file.getvalue()
        if kind == "film":
            return ".mp4", video_file(rng.integers(0, 256, (4, 64, 64, 3), np.uint8), rate=2)
        beginning = {"zip": b"PK\x03\x04", "unknown": b"\0\1", "damaged": b"\x89PNG\r\n\x1a\n"}[kind]
        return f".{kind}", beginning + rng.bytes(50)


class Day:
    """Runs of the command line on files that change.

    Parameters
    ----------
    files : Files
    seed : int

    Attributes
    ----------
    n_ended : int
        How many runs of index were killed or interrupted.
    """

    def __init__(self, files: Files, seed: int) -> None:
        prefix = find_prefix()
        if prefix is None:
            raise SystemExit("nothing can be forbidden here: run this as another user, or install setpriv")
        allow_interrupts()
        self._files = files
        self._command = [*prefix, sys.executable, "-m", "jina_omni"]
        self._random = random.Random(seed)
        self._seconds = 4.0  # of the last run that came to its end
        self.n_ended = 0

    def pass_round(self) -> None:
        """Change the files, let a run of index be ended, change them during another, and search in between."""
        self._files.rename_root()
        self._files.happen()
        self.end_index()
        self.search()
        with self._start_index(self._files.db) as process:
            time.sleep(self._random.uniform(0, self._seconds))
            self._files.happen()
            self.search()
            self._wait(process)

    def end_index(self) -> None:
        """Kill or interrupt a run at any moment."""
        with self._start_index(self._files.db) as process:
            try:
                process.wait(self._random.uniform(0.2, self._seconds))
            except subprocess.TimeoutExpired:
                kind = self._random.choice([signal.SIGKILL, signal.SIGINT])
                process.send_signal(kind)
                said = process.communicate()[1]
                assert process.returncode in (-signal.SIGKILL, -signal.SIGINT, 130), (process.returncode, said)
                self.n_ended += 1

    def index(self, db: Path) -> str:
        """Bring a database up to date; return what the command said."""
        start = time.monotonic()
        with self._start_index(db) as process:
            said = self._wait(process)
        self._seconds = time.monotonic() - start
        return said

    def forget_folders(self) -> None:
        """Remove what index keeps of folders that are gone, and has not found elsewhere: their disks might return."""
        known = lancedb.connect(str(self._files.db)).open_table("folders").to_arrow()["path"].to_pylist()
        for folder in set(known) - set(map(str, self._files.roots)):
            command = [*self._command, "db", "remove", folder, "--db", str(self._files.db)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    def search(self) -> None:
        """Check that a search finds files that are there."""
        if not (self._files.db / "files.lance").is_dir():
            return
        query = self._random.choice(QUERIES)
        command = [*self._command, "search", query, "--db", str(self._files.db), "-k", "5", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            found = json.loads(line)
            assert all(Path(path).exists() for path in (found["path"], *found["copies"])), line

    def _start_index(self, db: Path) -> subprocess.Popen[str]:
        command = [*self._command, "index", *map(str, self._files.roots), "--db", str(db)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def _wait(self, process: subprocess.Popen[str]) -> str:
        said = process.communicate()[1]
        assert process.returncode in (0, 1), said
        assert "Traceback" not in said, said
        return said


def allow_interrupts() -> None:
    """Let processes that this one starts be interrupted, also where it runs in the background and ignores that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def save_picture(rng: np.random.Generator, kind: str) -> bytes:
    file = io.BytesIO()
    PILImage.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def read_database(db: Path) -> dict[str, list[dict[str, object]]]:
    """Return the rows of all tables."""
    connection = lancedb.connect(str(db))
    tables = {name: connection.open_table(name).to_arrow().to_pylist() for name in ("files", "failures", "folders")}
    return {name: sorted(rows, key=lambda row: [str(value) for value in row.values()]) for name, rows in tables.items()}


def run(work: Path, n_files: int, n_rounds: int, seed: int) -> str:
    """Let a day pass; return what became of it.

    Raises
    ------
    AssertionError
        A command fails, or the database is not equal to one that is made from scratch.
    """
    files = Files(work, n_files, seed)
    day = Day(files, seed)
    day.end_index()
    day.index(files.db)
    for _ in range(n_rounds):
        day.pass_round()
    files.allow()
    day.index(files.db)
    day.forget_folders()
    again = day.index(files.db)
    assert not re.search("embedded|reused|removed|failed:", again), again
    day.index(work / "scratch.db")
    kept, scratch = read_database(files.db), read_database(work / "scratch.db")
    for table, rows in scratch.items():
        paths = [{row["path"] for row in found} for found in (kept[table], rows)]
        assert paths[0] == paths[1], (table, sorted(paths[0] ^ paths[1]))
        assert kept[table] == rows, table
    n_rows = ", ".join(f"{len(rows):,} {table}" for table, rows in scratch.items())
    return f"equal after {n_rounds} rounds and {day.n_ended} ended runs: rows of {n_rows}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 16))
    args = parser.parse_args()
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as folder:
        print(run(Path(folder), args.files, args.rounds, args.seed))


if __name__ == "__main__":
    main()
