# SPDX-License-Identifier: Apache-2.0
"""What happens to folders between two runs of index, and the commands of a database."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image as PILImage

import jina_omni
from jina_omni.cli import main
from jina_omni.cli.collection import scan, update, watch
from jina_omni.cli.collection.database import Database
from jina_omni.cli.files import find_files
from jina_omni.cli.lock import lock
from testing.permissions import without_privileges

lancedb = pytest.importorskip("lancedb")
day = pytest.importorskip("tests.soak.day")

BROKEN = b"\x89PNG\r\n\x1a\n cut"
ZIP = b"PK\x03\x04...."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write four texts."""
    write(tmp_path / "folder", "a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt")
    return tmp_path / "folder"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "db"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Return what runs a command with the toy model: its status, and what it printed except for the toy's warning."""

    def run(*argv: object) -> tuple[int, str]:
        capsys.readouterr()
        status = main([str(word) for word in argv])
        lines = "".join(capsys.readouterr()).splitlines(keepends=True)
        return status, "".join(line for line in lines if not line.startswith("warning: without --model"))

    return run


Cli = Callable[..., tuple[int, str]]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")


def list_names(db: Path, folder: Path) -> list[str]:
    """Return the paths of the files in a database, as they are named from a folder."""
    database = Database.open(db)
    assert database is not None
    return sorted(os.path.relpath(path, folder) for path in database.read_states())


def read_rows(db: Path) -> list[dict[str, object]]:
    rows = lancedb.connect(str(db)).open_table("files").to_arrow().to_pylist()
    return sorted(rows, key=lambda row: (row["path"], row["page"], row["start"]))


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Return the folders that can't be listed; a superuser can list all, so the system's call is replaced."""
    paths: set[Path] = set()
    scandir = os.scandir

    def forbid(path: object = ".") -> object:
        if not isinstance(path, int) and Path(os.fsdecode(path)) in paths:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbid)
    return paths


def test_a_day_ends_with_the_database_that_is_made_from_scratch(tmp_path: Path) -> None:
    without_privileges()
    assert day.run(tmp_path, n_files=40, n_rounds=1, seed=1).startswith("equal after 1 rounds")


# --- folders that can't be read, and files that go or change ---


def test_a_folder_that_cannot_be_read_is_one_failure_and_keeps_its_files(
    cli: Cli, folder: Path, db: Path, forbidden: set[Path]
) -> None:
    assert cli("index", folder, "--db", db) == (0, "4 embedded\n")
    forbidden.add(folder / "sub")
    message = f"3 unchanged; 1 failed:\n  {folder / 'sub'} can't be read: Permission denied\n"
    write(folder, "e.txt")
    assert cli("index", folder, "--db", db) == (1, message.replace("3 unchanged", "1 embedded; 2 unchanged"))
    assert list_names(db, folder) == ["a.txt", "b.md", "e.txt", "sub/c.txt", "sub/deep/d.txt"]
    assert cli("index", folder, "--db", db) == (0, "3 unchanged; 1 failed as before\n")
    assert "Permission denied" in cli("db", "status", "--db", db)[1]
    forbidden.clear()
    (folder / "sub/c.txt").unlink()
    assert cli("index", folder, "--db", db) == (0, "4 unchanged; 1 removed\n")
    assert cli("db", "list", "--db", db, "--failed") == (0, "")
    forbidden.add(folder)
    assert cli("index", folder, "--db", db)[0] == 1
    assert len(list_names(db, folder)) == 4


def test_embed_goes_on_past_a_folder_that_cannot_be_read(
    cli: Cli, folder: Path, tmp_path: Path, forbidden: set[Path]
) -> None:
    forbidden.add(folder / "sub")
    failure = f"{folder / 'sub'} can't be read: Permission denied\n"
    out = tmp_path / "x.npz"
    assert cli("embed", folder, "--out", out) == (1, f"2 embedded; 1 failed:\n  {failure}")
    assert out.exists()
    nothing = f"error: there is nothing to embed in {folder / 'sub'}; {failure}"
    assert cli("embed", folder / "sub") == (2, nothing)


@pytest.mark.parametrize("mode", [0o000, 0o444])  # neither listed nor opened, or listed only
def test_permissions_are_respected(mode: int, folder: Path, db: Path) -> None:
    prefix = without_privileges()
    (folder / "b.md").chmod(0)
    (folder / "sub").chmod(mode)
    command = [*prefix, sys.executable, "-m", "jina_omni", "index", str(folder), "--db", str(db)]
    try:
        for status, expected in ((1, "1 embedded; 2 failed:"), (0, "1 unchanged; 2 failed as before")):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == status
            assert done.stderr.splitlines()[1] == expected
    finally:
        (folder / "sub").chmod(0o755)
        (folder / "b.md").chmod(0o644)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[1:] == ["3 embedded; 1 unchanged"]


def test_a_file_that_vanishes_is_no_failure(cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("index", folder, "--db", db)[0] == 0
    find_files, read_inputs = scan.find_files, update.read_inputs

    def find_more(*args: object, **options: object) -> Iterator[Path]:
        yield from find_files(*args, **options)
        yield folder / "vanished before it was looked at"

    def unlink_and_read(path: Path, **options: object) -> object:
        if path.name in ("a.txt", "e.txt"):
            path.unlink()
        return read_inputs(path, **options)

    monkeypatch.setattr(scan, "find_files", find_more)
    monkeypatch.setattr(update, "read_inputs", unlink_and_read)
    (folder / "a.txt").write_text("changed")
    write(folder, "e.txt")
    assert cli("index", folder, "--db", db) == (0, "3 unchanged; 1 removed\n")
    assert list_names(db, folder) == ["b.md", "sub/c.txt", "sub/deep/d.txt"]


def test_a_folder_that_vanishes_is_no_failure(
    cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("index", folder, "--db", db)[0] == 0
    scandir = os.scandir

    def move_and_list(path: object = ".") -> object:
        if path == str(folder / "sub"):
            (folder / "sub").rename(db.with_name("elsewhere"))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", move_and_list)
    assert cli("index", folder, "--db", db) == (0, "2 unchanged; 2 removed\n")


def test_a_file_that_changes_while_it_is_read_is_left_to_the_next_run(
    cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_groups = update.encode_groups
    (folder / "copy.txt").write_text((folder / "a.txt").read_text())

    def change_and_encode(*args: object, **options: object) -> object:
        (folder / "a.txt").write_text("this is another text")
        return encode_groups(*args, **options)

    monkeypatch.setattr(update, "encode_groups", change_and_encode)
    status, said = cli("index", folder, "--db", db)
    assert (status, said.splitlines()[0]) == (1, "3 embedded; 2 failed:")
    assert f"  {folder / 'a.txt'} has changed while it was read; index it again\n" in said
    monkeypatch.undo()
    assert cli("index", folder, "--db", db) == (0, "2 embedded; 3 unchanged\n")
    made_again = db.with_name("again")
    assert cli("index", folder, "--db", made_again)[0] == 0
    assert read_rows(db) == read_rows(made_again)


def test_a_file_of_an_impossible_time_stops_nothing(cli: Cli, folder: Path, db: Path) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    try:
        for name in ("a.txt", "broken.png"):
            os.utime(
                folder / name, (13_569_465_600, 13_569_465_600)
            )  # the year 2400, in which nanoseconds have 65 bits
    except OSError as error:
        pytest.skip(f"this file system has no such times: {error}")
    assert cli("index", folder, "--db", db)[1].startswith("4 embedded; 1 failed:")
    assert cli("index", folder, "--db", db) == (0, "4 unchanged; 1 failed as before\n")
    os.utime(folder / "a.txt", (13_569_465_601, 13_569_465_601))
    assert cli("index", folder, "--db", db) == (0, "1 reused; 3 unchanged; 1 failed as before\n")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_to_a_file_that_is_gone_is_a_failure_and_is_not_found(
    cli: Cli, folder: Path, db: Path, tmp_path: Path
) -> None:
    (tmp_path / "target.txt").write_text("somewhere else")
    (folder / "link.txt").symlink_to(tmp_path / "target.txt")
    assert cli("index", folder, "--db", db) == (0, "5 embedded\n")
    (tmp_path / "target.txt").unlink()
    failure = f"{folder / 'link.txt'} can't be read: No such file or directory\n"
    assert cli("index", folder, "--db", db) == (1, f"4 unchanged; 1 removed; 1 failed:\n  {failure}")
    assert cli("index", folder, "--db", db) == (0, "4 unchanged; 1 failed as before\n")
    (folder / "link.txt").unlink()
    assert cli("index", folder, "--db", db) == (0, "4 unchanged\n")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_into_a_folder_that_cannot_be_opened_for_a_while(
    cli: Cli, folder: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "other", "target.txt")
    link = folder / "link.txt"
    link.symlink_to(tmp_path / "other/target.txt")
    assert cli("index", folder, "--db", db) == (0, "5 embedded\n")
    find = scan.File.find

    def forbid(path: Path) -> scan.File:
        if path == link:
            raise PermissionError(13, "Permission denied", str(path))
        return find(path)

    monkeypatch.setattr(scan.File, "find", forbid)
    failure = f"{link} can't be read: Permission denied\n"
    assert cli("index", folder, "--db", db) == (1, f"4 unchanged; 1 failed:\n  {failure}")
    assert cli("db", "list", "--db", db, "--failed") == (0, failure)
    assert "link.txt" in list_names(db, folder)
    monkeypatch.undo()
    assert cli("index", folder, "--db", db) == (0, "5 unchanged\n")
    assert cli("db", "list", "--db", db, "--failed") == (0, "")


def test_another_database_in_the_folder_is_left_out(cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder / "sub", "--db", folder / "other.db")[0] == 0
    assert cli("index", folder, "--db", db) == (0, "4 embedded\n")
    assert cli("embed", folder, "--out", db.with_name("x.npz")) == (0, "4 embedded\n")
    status, said = cli("index", folder / "other.db", "--db", db)
    assert (status, said) == (2, f"error: {folder / 'other.db'} is a database; pass the folder of its files\n")


def test_a_database_does_not_mingle_with_other_files(cli: Cli, folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", "x.txt", ".hidden")
    for place in (folder, tmp_path / "other", folder / "sub/deep"):
        before = sorted(place.iterdir())
        assert cli("index", folder, "--db", place) == (
            2,
            f"error: {place} has other files; pass a new folder with --db\n",
        )
        assert sorted(place.iterdir()) == before
    (tmp_path / "empty").mkdir()
    refusal = f"error: {tmp_path / 'empty'} is to be indexed; pass a new folder with --db\n"
    assert cli("index", tmp_path / "empty", "--db", tmp_path / "empty") == (2, refusal)
    assert not list((tmp_path / "empty").iterdir())
    assert cli("index", folder, "--db", tmp_path / "empty") == (0, "4 embedded\n")
    assert cli("index", folder, "--db", folder / "sub/own.db") == (0, "4 embedded\n")
    assert cli("index", folder, "--db", folder / "sub/own.db") == (0, "4 unchanged\n")


@pytest.mark.parametrize(
    "options", [["--mmproj", "x.gguf"], ["--model", "nope.gguf"], ["--truncate-dim", "50"], ["--exclude", "!"]]
)
def test_wrong_options_leave_no_folders(options: list[str], cli: Cli, folder: Path, tmp_path: Path) -> None:
    assert cli("index", folder, "--db", tmp_path / "deep/er/db", *options)[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("left", ["index.lock", "files.lance/data/x.lance", "files.lance/_versions/.tmp_1.manifest_x"])
def test_a_database_is_created_where_a_run_was_killed_that_created_it(
    left: str, cli: Cli, folder: Path, db: Path
) -> None:
    (db / left).parent.mkdir(parents=True)
    (db / left).write_bytes(b"")
    assert "is not a database; create it with" in cli("db", "status", "--db", db)[1]
    assert cli("index", folder, "--db", db) == (0, "4 embedded\n")
    assert cli("db", "list", "--db", db)[1].count("\n") == 4


@pytest.mark.parametrize("table", ["folders", "failures"])
def test_index_goes_on_where_a_run_was_killed_that_created_a_table(
    table: str, cli: Cli, folder: Path, db: Path
) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    assert cli("index", folder, "--db", db)[0] == 1
    shutil.rmtree(db / f"{table}.lance/_versions")
    assert cli("db", "status", "--db", db)[0] == 0
    assert cli("index", folder, "--db", db)[1].startswith("4 unchanged; 1 failed")
    assert cli("index", "--db", db) == (0, "4 unchanged; 1 failed as before\n")


def test_a_database_without_folders_keeps_its_files(cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder, "--db", db)[0] == 0
    shutil.rmtree(db / "folders.lance")
    for command in (["db", "rebuild"], ["index"]):
        assert cli(*command, "--db", db) == (2, f"error: {db} has no folders; pass those to index\n")
    assert cli("index", folder, "--db", db) == (0, "4 unchanged\n")


@pytest.mark.parametrize("table", ["files", "folders", "failures"])
def test_what_is_damaged_is_said_with_the_way_out(table: str, cli: Cli, folder: Path, db: Path) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    assert cli("index", folder, "--db", db)[0] == 1
    for path in (db / f"{table}.lance/data").iterdir():
        path.write_bytes(b"damaged")
    for command in (["db", "status"], ["db", "prune"], ["index"], ["db", "remove", folder]):
        status, said = cli(*command, "--db", db)
        assert status == 2
        advice = "; if the database is damaged, remove its folder and index again"
        assert re.fullmatch(rf"error: {db}: LanceDB says: (?!.*\.rs\b).*{advice}\n", said)


def test_tables_of_an_earlier_version_are_refused(cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder, "--db", db)[0] == 0
    lancedb.connect(str(db)).open_table("folders").drop_columns(["exclude"])
    refusal = f"error: {db} was made by an earlier version, without exclude; remove it and index again\n"
    assert cli("index", "--db", db) == (2, refusal)
    assert cli("db", "status", "--db", db) == (2, refusal)


@pytest.mark.skipif(sys.platform == "win32", reason="paths are shorter there")
def test_a_thousand_folders_in_each_other_are_visited(folder: Path) -> None:
    deep = folder
    try:
        for _ in range(1000):
            deep /= "d"
            deep.mkdir()
        write(deep, "x.txt")
        found = list(find_files(folder, lambda *problem: pytest.fail(str(problem))))
    finally:
        subprocess.run(["rm", "-r", str(folder / "d")], check=True)  # which is too deep for shutil and pytest
    assert deep / "x.txt" in found
    assert len(found) == 5


# --- renamed folders ---


def test_a_renamed_folder_keeps_its_embeddings(
    cli: Cli, folder: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "kept", "x.txt")
    assert cli("index", folder, tmp_path / "kept", "--db", db) == (0, "5 embedded\n")
    vectors = {Path(row["path"]).name: row["vector"] for row in read_rows(db)}
    folder.rename(tmp_path / "renamed")
    (tmp_path / "renamed/sub").rename(tmp_path / "renamed/below")
    monkeypatch.setattr(jina_omni.Model, "encode", lambda *_, **__: ([], {}))
    assert cli("index", tmp_path / "renamed", "--db", db) == (0, "4 reused; 4 removed\n")
    assert {Path(row["path"]).name: row["vector"] for row in read_rows(db)} == vectors
    names = ["../kept/x.txt", "a.txt", "b.md", "below/c.txt", "below/deep/d.txt"]
    assert list_names(db, tmp_path / "renamed") == names
    assert str(folder) not in cli("db", "status", "--db", db)[1]
    assert cli("index", "--db", db) == (0, "5 unchanged\n")


def test_a_folder_that_is_gone_keeps_what_has_not_arrived_elsewhere(
    cli: Cli, folder: Path, db: Path, tmp_path: Path
) -> None:
    assert cli("index", folder, "--db", db)[0] == 0
    folder.rename(tmp_path / "away")  # as a disk that is not mounted
    write(tmp_path / "other", "x.txt")
    (tmp_path / "other/a.txt").write_text((tmp_path / "away/a.txt").read_text())
    assert cli("index", tmp_path / "other", "--db", db) == (0, "1 embedded; 1 reused; 1 removed\n")
    failure = f"{folder} is not there; jina-omni db remove removes its files from the database\n"
    assert cli("index", "--db", db) == (1, f"2 unchanged; 1 failed:\n  {failure}")
    assert cli("index", "--db", db) == (0, "2 unchanged; 1 failed as before\n")
    assert len(list_names(db, folder)) == 5
    (tmp_path / "away").rename(folder)
    assert cli("index", "--db", db) == (0, "1 reused; 5 unchanged\n")
    assert cli("db", "list", "--db", db, "--failed") == (0, "")


# --- failures ---


def test_a_damaged_file_is_not_read_again_until_it_changes(
    cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    assert cli("index", folder, "--db", db)[1].startswith("4 embedded; 1 failed:\n")
    read_inputs, paths = update.read_inputs, []

    def note_and_read(path: Path, **options: object) -> object:
        paths.append(path.name)
        return read_inputs(path, **options)

    monkeypatch.setattr(update, "read_inputs", note_and_read)
    assert cli("index", folder, "--db", db) == (0, "4 unchanged; 1 failed as before\n")
    assert paths == []
    monkeypatch.setattr(update, "__version__", "a later one")
    assert cli("index", folder, "--db", db) == (0, "4 unchanged; 1 failed as before\n")
    assert paths == ["broken.png"]
    os.utime(folder / "broken.png", ns=(1, 1))
    assert cli("index", folder, "--db", db)[0] == 1  # new damage, as far as one can say
    PILImage.new("RGB", (32, 32)).save(folder / "broken.png")
    assert cli("index", folder, "--db", db) == (0, "1 embedded; 4 unchanged\n")
    assert cli("db", "list", "--db", db, "--failed") == (0, "")
    assert paths == ["broken.png"] * 3


def test_files_of_kinds_that_are_not_read_are_counted(cli: Cli, folder: Path, db: Path) -> None:
    for name in ("1.zip", "2.zip"):
        (folder / name).write_bytes(ZIP)
    (folder / "3.gz").write_bytes(b"\x1f\x8b....")
    (folder / "4.bin").write_bytes(b"\0\1\2\3")
    (folder / "broken.png").write_bytes(BROKEN)
    counts = "4 not read (2 application/zip, 1 application/gzip, 1 of unknown type)"
    status, said = cli("index", folder, "--db", db)
    first, failure = said.splitlines()
    assert (status, first) == (1, f"4 embedded; {counts}; 1 failed:")
    assert failure.startswith(f"  {folder / 'broken.png'} ")
    assert cli("index", folder, "--db", db) == (0, f"4 unchanged; {counts}; 1 failed as before\n")
    listed = cli("index", folder, "--db", db, "--verbose")[1].splitlines()
    assert [line.partition(" is a file")[0] for line in listed[3:]] == [
        "not read:",
        *(f"  {folder / name}" for name in ("1.zip", "2.zip", "3.gz", "4.bin")),
    ]
    assert cli("db", "list", "--db", db, "--failed")[1].count("\n") == 5
    assert f"not read    {counts.replace(' not read', '')}\n" in cli("db", "status", "--db", db)[1]


def test_a_kind_that_the_model_does_not_embed_is_not_read_until_it_does(
    cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PILImage.new("RGB", (32, 32)).save(folder / "a.png")
    toy = Path(jina_omni.demo_model().info.path)
    command = ["index", folder, "--db", db, "--model", toy.parent, "--modality"]
    assert cli(*command, "audio") == (0, "4 embedded; 1 not read (1 image/png)\n")
    monkeypatch.setattr(update, "read_inputs", None)
    assert cli(*command, "audio") == (0, "4 unchanged; 1 not read (1 image/png)\n")
    monkeypatch.undo()
    assert cli(*command, "vision") == (0, "1 embedded; 4 unchanged\n")


# --- folders and patterns ---


def test_several_folders_come_in_one_call_and_are_remembered(cli: Cli, folder: Path, db: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", "x.txt", "y.txt")
    assert cli("index", folder, tmp_path / "other", folder, "--db", db) == (0, "6 embedded\n")
    write(folder, "e.txt")
    (tmp_path / "other/x.txt").unlink()
    assert cli("index", "--db", db) == (0, "1 embedded; 5 unchanged; 1 removed\n")
    assert cli("index", tmp_path / "other", "--db", db) == (0, "1 unchanged\n")


def test_a_folder_in_another_one_keeps_its_patterns(cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder / "sub", "--db", db, "--exclude", "deep/") == (0, "1 embedded\n")
    assert cli("index", folder, "--db", db) == (0, "2 embedded; 1 unchanged\n")
    assert list_names(db, folder) == ["a.txt", "b.md", "sub/c.txt"]
    assert cli("index", folder, "--db", db, "--exclude", "*.txt") == (0, "2 unchanged; 1 removed\n")
    assert list_names(db, folder) == ["b.md", "sub/c.txt"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--include", "*.md"], ["b.md"]),
        (["--include", "*.md", "--include", "c.*"], ["b.md", "sub/c.txt"]),
        (["--include", "sub/"], ["sub/c.txt", "sub/deep/d.txt"]),
        (["--include", "*.txt", "--exclude", "deep"], ["a.txt", "sub/c.txt"]),
        (["--exclude", "/c.txt", "--exclude", "sub/deep/"], ["a.txt", "b.md", "sub/c.txt"]),
        (["--exclude", "*", "--exclude", "!b.md"], ["b.md"]),
    ],
)
def test_patterns_select_files(options: list[str], expected: list[str], cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder, "--db", db, *options) == (0, f"{len(expected)} embedded\n")
    assert list_names(db, folder) == expected
    assert cli("index", folder, "--db", db) == (0, f"{len(expected)} unchanged\n")  # they are remembered
    words = ", ".join(f"{name} {pattern}" for name, pattern in zip(options[::2], options[1::2], strict=True))
    assert f"{folder} ({words}): up to date" in cli("db", "status", "--db", db)[1]
    assert cli("index", folder, "--db", db, "--include", "*")[0] == 0
    assert len(list_names(db, folder)) == 4


@pytest.mark.parametrize(
    "options", [["--include", "*.pgn"], ["--exclude", "*"], ["--include", "*.md", "--exclude", "b.*"]]
)
def test_patterns_that_select_nothing_remove_nothing(options: list[str], cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder, "--db", db) == (0, "4 embedded\n")
    status, said = cli("index", folder, "--db", db, *options)
    assert status == 2
    problem, _, advice = said.partition("; ")
    assert problem == f"error: --include and --exclude select no file of {folder}, and the database would lose its 4"
    removal = f"to remove its files from the database: jina-omni db remove {folder} --db {db}"
    assert advice == f"pass other patterns, or, {removal}\n"
    assert cli("index", "--db", db) == (0, "4 unchanged\n")  # and the patterns are not remembered
    for name in ("a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt"):
        (folder / name).unlink()
    assert cli("index", folder, "--db", db, *options) == (0, "4 removed\n")  # of an empty folder


def test_patterns_may_select_nothing_of_what_the_database_lacks(
    cli: Cli, folder: Path, db: Path, forbidden: set[Path]
) -> None:
    assert cli("index", folder, "--db", db, "--include", "*.pgn") == (0, "nothing to do\n")
    assert cli("index", folder / "sub", "--db", db) == (0, "2 embedded\n")
    assert cli("index", folder, "--db", db, "--include", "*.png") == (0, "2 unchanged\n")  # the inner folder's own
    status, said = cli("index", folder / "sub", "--db", db, "--include", "*.pgn")
    assert (status, "select no file of" in said) == (2, True)
    forbidden.add(folder / "sub")  # whose files are kept
    assert cli("index", folder / "sub", "--db", db, "--include", "*.pgn")[0] == 1
    assert list_names(db, folder) == ["sub/c.txt", "sub/deep/d.txt"]


def test_ignore_files_leave_out_what_is_in_their_folders(cli: Cli, folder: Path, db: Path) -> None:
    write(folder, "sub/e.log", "sub/f.md", "sub/keep.log", "sub/deep/g.log", "h.log")
    assert cli("index", folder, "--db", db) == (0, "9 embedded\n")
    (folder / ".jina-omni-ignore").write_text("# logs of any folder\n*.log\n\n/a.txt\n")
    (folder / "sub/.jina-omni-ignore").write_text("!keep.log\n/f.md\n", "utf-8")
    assert cli("index", folder, "--db", db) == (0, "4 unchanged; 5 removed\n")
    assert list_names(db, folder) == ["b.md", "sub/c.txt", "sub/deep/d.txt", "sub/keep.log"]
    (folder / ".jina-omni-ignore").write_text("sub/\n")
    assert cli("index", folder, "--db", db) == (0, "2 embedded; 1 unchanged; 3 removed\n")


def test_an_ignore_file_may_begin_with_a_byte_order_mark(cli: Cli, folder: Path, db: Path) -> None:
    (folder / ".jina-omni-ignore").write_text("*.md\r\nsub/\r\n", "utf-8-sig")
    assert cli("index", folder, "--db", db) == (0, "1 embedded\n")
    assert list_names(db, folder) == ["a.txt"]


@pytest.mark.parametrize("data", [b"*.txt\n!\n", b"caf\xe9\n"])
def test_an_ignore_file_that_says_nothing_lets_nothing_in(data: bytes, cli: Cli, folder: Path, db: Path) -> None:
    (folder / "sub/.jina-omni-ignore").write_bytes(data)
    status, said = cli("index", folder, "--db", db)
    assert (status, said.splitlines()[0]) == (1, "2 embedded; 1 failed:")
    assert f"  {folder / 'sub'} has a .jina-omni-ignore with a pattern that is not valid: " in said


def test_patterns_that_are_not_valid_and_packages_that_are_missing_are_errors(
    cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = cli("index", folder, "--db", db, "--exclude", "!")
    assert (status, said) == (
        2,
        "error: --include and --exclude take the patterns of gitignore: Invalid git pattern: '!'\n",
    )
    assert cli("index", folder, "--db", db) == (0, "4 embedded\n")
    said = cli("index", "--db", db, "--exclude", "*.md")[1]
    assert said == "error: --include and --exclude are for folders; pass those that they are for\n"
    monkeypatch.setattr(update.Update, "run", None)
    for name, options in {"pathspec": ["--exclude", "x"], "watchfiles": ["--watch"]}.items():
        monkeypatch.setitem(sys.modules, name, None)
        status, said = cli("index", folder, "--db", db, *options)
        assert status == 2
        assert f" need {name}: pip install 'jina-omni[search]'" in said.replace("needs", "need")


def test_what_is_no_folder_gets_its_own_advice(cli: Cli, folder: Path, db: Path, tmp_path: Path) -> None:
    write(tmp_path, "folders")  # a file, which is not suggested for a folder
    missing, picture = tmp_path / "foldr", folder / "a.png"
    PILImage.new("RGB", (32, 32)).save(picture)

    def check_advice() -> None:
        suggestion = f"error: there is no folder {missing}; did you mean 'folder'?\n"
        assert cli("index", missing, "--db", db) == (2, suggestion)
        assert cli("index", "/nope", "--db", db) == (2, "error: there is no folder /nope\n")
        assert cli("index", picture, "--db", db) == (2, f"error: {picture} is a file; pass its folder\n")

    check_advice()
    assert not db.exists()
    assert cli("index", folder, "--db", db) == (0, "5 embedded\n")
    check_advice()
    folder.rename(tmp_path / "away")
    removal = f"to remove its files from the database: jina-omni db remove {folder} --db {db}"
    assert cli("index", folder, "--db", db) == (2, f"error: there is no folder {folder}; {removal}\n")
    sub = folder / "sub"
    removal = removal.replace(str(folder), str(sub))
    assert cli("index", sub, "--db", db) == (2, f"error: there is no folder {sub}; {removal}\n")


# --- the commands of a database ---


def test_status_shows_what_index_would_do(cli: Cli, folder: Path, db: Path) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    PILImage.new("RGB", (32, 32)).save(folder / "ok.png")
    assert cli("index", folder, "--db", db)[0] == 1
    write(folder, "e.txt", "f.txt")
    (folder / "a.txt").write_text("changed")
    (folder / "sub/c.txt").unlink()
    status, said = cli("db", "status", "--db", db)
    assert status == 0
    lines = said.splitlines()
    assert lines[0].startswith("embeddings  5 of toy-retrieval-F16.gguf, task retrieval, dim 128, ")
    assert lines[1:] == [
        "files       5 (4 text, 1 image)",
        "failed      1",
        "not read    0",
        f"folder      {folder}: 2 new; 1 changed; 1 gone",
    ]
    assert cli("index", "--db", db) == (0, "3 embedded; 3 unchanged; 1 removed; 1 failed as before\n")
    assert cli("db", "status", "--db", db)[1].endswith(f"folder      {folder}: up to date\n")


def test_list_prints_paths(cli: Cli, folder: Path, db: Path) -> None:
    assert cli("index", folder, "--db", db)[0] == 0
    paths = [folder / name for name in ("a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt")]
    assert cli("db", "list", "--db", db) == (0, "".join(f"{path}\n" for path in paths))


def test_list_prints_lines_of_json(cli: Cli, folder: Path, db: Path) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    assert cli("index", folder / "sub", folder, "--db", db, "--include", "*.txt", "--include", "*.png")[0] == 1
    listed = [json.loads(line) for line in cli("db", "list", "--db", db, "--json")[1].splitlines()]
    paths = [folder / name for name in ("a.txt", "sub/c.txt", "sub/deep/d.txt")]
    assert listed == [{"path": str(path), "kind": "text"} for path in paths]
    (failure,) = map(json.loads, cli("db", "list", "--db", db, "--json", "--failed")[1].splitlines())
    assert failure.keys() == {"path", "message"}
    assert failure["path"] == str(folder / "broken.png")
    assert failure["message"].startswith(f"{failure['path']} begins as PNG, but")


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed there")
@pytest.mark.parametrize("name", ["new\nline", "return\r", "\x1b[31mred", "\x9bred", "\u2028", "tab\there"])
def test_a_name_with_control_characters_is_printed_in_one_line(name: str, cli: Cli, folder: Path, db: Path) -> None:
    odd = folder / name
    write(odd, f"{name}.txt")
    (odd / "copy").write_text(f"this is {name}.txt")
    (odd / f"{name}.png").write_bytes(BROKEN)
    shown = str(odd).encode("unicode_escape").decode()
    page = db.with_name("page.html")
    one_line = re.compile(r"[\t\x20-\x7e]*\n" if "\t" not in name else r"[\x20-\x7e]*\n")
    for command, n_names in (
        (["index", odd], 1),
        (["index", odd, "--verbose"], 1),
        (["db", "status"], 1),
        (["db", "list"], 2),
        (["db", "list", "--failed"], 1),
        (["search", "x"], 1),
        (["duplicates"], 2),
        (["map"], 1),
        (["search", "x", "--under", f"{name}?"], 0),
        (["db", "remove", f"{name}?"], 0),
        (["embed", odd, "--out", db.with_name("x.jsonl")], 1),
        (["search", "x", "--html", page], 1),
    ):
        said = cli(*command, *(["--db", db] if command[0] != "embed" else []))[1]
        assert all(map(one_line.fullmatch, said.splitlines(keepends=True))), (command, said)
        assert said.count(shown) >= n_names, (command, said)
    path = json.loads(cli("search", "x", "--db", db, "--json", "-k", "1")[1])["path"]
    assert Path(path).is_file()


def test_advice_has_commands_that_a_shell_takes(cli: Cli, folder: Path, tmp_path: Path) -> None:
    folder, db = folder.rename(tmp_path / "my files"), tmp_path / "it's a db"
    command = shlex.join(["jina-omni", "index", "FOLDER", "--db", str(db)])
    assert cli("db", "status", "--db", db) == (2, f"error: {db} is not a database; create it with: {command}\n")
    assert cli("index", folder, "--db", db)[0] == 0
    command = shlex.join(["jina-omni", "db", "remove", str(folder), "--db", str(db)])
    assert command in cli("index", folder, "--db", db, "--exclude", "*")[1]
    command = shlex.join(["jina-omni", "db", "list", "--db", str(db)])
    for words in (["search", "x", "--under", "nope"], ["db", "remove", "nope"]):
        assert cli(*words, "--db", db)[1].endswith(f": {command}\n")


@pytest.mark.parametrize(
    "command",
    [
        ["index", ""],
        ["index", "x", "--db", ""],
        ["db", "remove", ""],
        ["search", "x", "--under", ""],
        ["search", "--file", ""],
        ["search", "x", "--html", ""],
        ["embed", "x", "--out", ""],
        ["embed", ".", ""],
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    command: list[str], cli: Cli, folder: Path, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("index", folder, "--db", db) == (0, "4 embedded\n")
    try:
        status, said = cli(*command, *(["--db", db] if command[0] != "embed" and "--db" not in command else []))
    except SystemExit as error:  # of argparse
        status, said = error.code, capsys.readouterr().err
    assert status == 2
    assert said.endswith("an empty text is not a path; the current folder is .\n")
    assert len(list_names(db, folder)) == 4


def test_remove_takes_files_and_folders(
    cli: Cli, folder: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "other", "x.txt")
    assert cli("index", folder, tmp_path / "other", "--db", db)[0] == 0
    monkeypatch.chdir(folder)
    again = "index adds them again, unless --exclude or .jina-omni-ignore leaves them out\n"
    assert cli("db", "remove", "a.txt", folder / "sub", "--db", db) == (0, f"3 removed\n{again}")
    assert list_names(db, folder) == ["../other/x.txt", "b.md"]
    status, said = cli("db", "remove", "b.md", "a.txt", "--db", db)
    assert (status, said) == (2, f"error: a.txt is not in {db}; to see what is: jina-omni db list --db {db}\n")
    assert list_names(db, folder) == ["../other/x.txt", "b.md"]
    (folder / "b.md").unlink()
    assert cli("db", "remove", "b.md", "--db", db) == (0, "1 removed\n")
    assert cli("db", "remove", tmp_path / "other", "--db", db) == (0, "1 removed; 1 folder forgotten\n")
    assert cli("index", "--db", db) == (0, "3 embedded\n")
    assert list_names(db, folder) == ["a.txt", "sub/c.txt", "sub/deep/d.txt"]


def test_prune_removes_what_is_gone_but_not_a_disk_that_is_away(
    cli: Cli, folder: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "disk", "x.txt")
    (folder / "broken.png").write_bytes(BROKEN)
    assert cli("index", folder, tmp_path / "disk", "--db", db)[0] == 1
    for name in ("a.txt", "sub/c.txt", "broken.png"):
        (folder / name).unlink()
    (tmp_path / "disk").rename(tmp_path / "away")
    monkeypatch.setattr(jina_omni.Model, "encode", None)
    status, said = cli("db", "prune", "--db", db)
    assert (status, said.splitlines()[0]) == (0, "2 removed; 1 failure forgotten")
    kept = f"{tmp_path / 'disk'} is not there as a whole, so its 1 file is kept; to remove its files"
    assert said.splitlines()[1].startswith(kept)
    assert list_names(db, folder) == ["../disk/x.txt", "b.md", "sub/deep/d.txt"]
    assert cli("db", "list", "--db", db, "--failed") == (0, "")
    status, said = cli("db", "rebuild", "--db", db)
    assert (status, said.partition(";")[0]) == (
        2,
        f"error: {tmp_path / 'disk'} is not there, and its 1 file would be lost",
    )


def test_prune_keeps_the_failures_of_a_disk_that_is_away(cli: Cli, folder: Path, db: Path, tmp_path: Path) -> None:
    write(tmp_path / "disk", "x.txt")
    for broken in (folder / "broken.png", tmp_path / "disk/broken.png", tmp_path / "disk/sub.png"):
        broken.write_bytes(BROKEN)
    assert cli("index", folder, tmp_path / "disk", "--db", db)[0] == 1
    (folder / "broken.png").unlink()
    (tmp_path / "disk").rename(tmp_path / "away")
    status, said = cli("db", "prune", "--db", db)
    assert (status, said.splitlines()[0]) == (0, "1 failure forgotten")
    assert cli("db", "list", "--db", db, "--failed")[1].count("\n") == 2
    (tmp_path / "away").rename(tmp_path / "disk")
    assert cli("index", "--db", db) == (0, "5 unchanged; 2 failed as before\n")
    (tmp_path / "disk/sub.png").unlink()
    assert cli("db", "prune", "--db", db) == (0, "1 failure forgotten\n")
    assert cli("db", "prune", "--db", db) == (0, "nothing to do\n")


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no file names that are not Unicode")
def test_failures_of_names_that_are_not_unicode_are_pruned_and_removed(cli: Cli, folder: Path, db: Path) -> None:
    names = [os.fsdecode(os.fsencode(folder) + name) for name in (b"/caf\xe9.txt", b"/\xff.d/a.txt", b"/\xff.d/b.txt")]
    (folder / "\udcff.d").mkdir()
    for name in names:
        Path(name).write_text("x")
    (folder / "\\udce8.png").write_bytes(BROKEN)  # whose name is like an escaped one
    assert cli("index", folder, "--db", db)[1].startswith("4 embedded; 4 failed:\n")
    assert cli("db", "prune", "--db", db) == (0, "nothing to do\n")
    again = "index adds them again, unless --exclude or .jina-omni-ignore leaves them out\n"
    assert cli("db", "remove", names[0], "--db", db) == (0, f"1 failure forgotten\n{again}")
    assert cli("db", "remove", folder / "\udcff.d", "--db", db) == (0, f"2 failures forgotten\n{again}")
    assert cli("index", "--db", db)[1].startswith("4 unchanged; 1 failed as before; 3 failed:\n")
    for name in names:
        Path(name).unlink()
    assert cli("db", "prune", "--db", db) == (0, "3 failures forgotten\n")
    assert cli("db", "remove", folder / "\\udce8.png", "--db", db) == (0, f"1 failure forgotten\n{again}")


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no file names that are not Unicode")
def test_folders_and_patterns_that_are_not_unicode_are_refused(
    cli: Cli, folder: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "odd\udcff"
    write(odd, "x.txt")
    rename = f"error: {tmp_path}/odd\\udcff has a name that is not Unicode; rename it\n"
    assert cli("index", odd, "--db", db) == (2, rename)
    assert cli("index", folder, "--db", odd / "db") == (2, rename.replace("udcff", "udcff/db"))
    patterns = "error: --include and --exclude take patterns in Unicode; files of other names are not indexed\n"
    assert cli("index", folder, "--db", db, "--exclude", "odd\udcff") == (2, patterns)
    monkeypatch.chdir(odd)
    assert cli("index", ".", "--db", db) == (2, rename)
    assert cli("index", folder, "--db", "db") == (2, rename.replace("udcff", "udcff/db"))
    assert not db.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_prune_keeps_the_failure_of_a_link_that_is_there(cli: Cli, folder: Path, db: Path) -> None:
    (folder / "link.txt").symlink_to("nowhere")
    assert cli("index", folder, "--db", db)[0] == 1
    assert cli("db", "prune", "--db", db) == (0, "nothing to do\n")
    (folder / "link.txt").unlink()
    assert cli("db", "prune", "--db", db) == (0, "1 failure forgotten\n")


def test_rebuild_makes_the_database_again_with_other_options(cli: Cli, folder: Path, db: Path) -> None:
    (folder / "broken.png").write_bytes(BROKEN)
    assert cli("index", folder, "--db", db, "--exclude", "b.md")[0] == 1
    old = read_rows(db)
    (folder / "a.txt").unlink()
    assert cli("db", "rebuild", "--db", db, "--truncate-dim", "64") == (0, "2 embedded; 1 failed as before\n")
    assert [len(row["vector"]) for row in read_rows(db)] == [64, 64]
    assert cli("search", "x", "--db", db)[1].count("\n") == 2
    assert cli("index", "--db", db) == (0, "2 unchanged; 1 failed as before\n")
    write(folder, "a.txt")
    assert cli("db", "rebuild", "--db", db, "--truncate-dim", "128") == (0, "3 embedded; 1 failed as before\n")
    assert [row["vector"] for row in read_rows(db)] == [row["vector"] for row in old]
    assert not (db / "rebuild").exists()


def test_rebuild_takes_pages_or_leaves_them(cli: Cli, folder: Path, db: Path) -> None:
    pictures = [PILImage.new("RGB", (64, 64), colour) for colour in ("red", "blue", "green")]
    pictures[0].save(folder / "c.pdf", save_all=True, append_images=pictures[1:])
    assert cli("index", folder, "--db", db)[0] == 0
    counts = []
    for options in (["--pages"], [], ["--no-pages"]):
        assert cli("db", "rebuild", "--db", db, *options)[0] == 0
        counts.append(sum(row["path"].endswith(".pdf") for row in read_rows(db)))
        assert cli("index", "--db", db)[0] == 0
    assert counts == [3, 3, 1]


def test_rebuild_loses_no_files_of_a_folder_that_cannot_be_read(
    cli: Cli, folder: Path, db: Path, tmp_path: Path, forbidden: set[Path]
) -> None:
    write(tmp_path / "disk", "x.txt")
    assert cli("index", folder, tmp_path / "disk", "--db", db) == (0, "5 embedded\n")
    advice = "would be lost; make it readable, or, to remove its files from the database: jina-omni db remove"

    def check_refusal(what: Path, problem: str) -> None:
        refusal = f"error: {what} {problem} {advice} {what} --db {db}\n"
        assert cli("db", "rebuild", "--db", db, "--truncate-dim", "64") == (2, refusal)
        assert len(list_names(db, folder)) == 5
        assert not (db / "rebuild").exists()

    forbidden.add(folder / "sub")
    check_refusal(folder / "sub", "can't be read: Permission denied, and its 2 files")
    forbidden.clear()
    (tmp_path / "disk").rename(tmp_path / "away")
    check_refusal(tmp_path / "disk", "is not there, and its 1 file")
    assert cli("db", "remove", tmp_path / "disk/x.txt", "--db", db)[0] == 0
    (folder / "empty").mkdir()
    forbidden.add(folder / "empty")  # of which the database has nothing
    status, said = cli("db", "rebuild", "--db", db)
    assert (status, said.splitlines()[0]) == (1, "4 embedded; 2 failed:")


def test_a_size_that_the_model_was_not_trained_for_leaves_no_database(cli: Cli, folder: Path, db: Path) -> None:
    refusal = "error: --truncate-dim is 50; this model was trained for 32, 64, 128\n"
    assert cli("index", folder, "--db", db, "--truncate-dim", "50") == (2, refusal)
    assert cli("db", "status", "--db", db)[0] == 2
    assert cli("index", folder, "--db", db, "--truncate-dim", "64") == (0, "4 embedded\n")
    held = read_rows(db)
    assert cli("db", "rebuild", "--db", db, "--truncate-dim", "50") == (2, refusal)
    assert not (db / "rebuild").exists()
    assert read_rows(db) == held


def test_rebuild_goes_on_where_it_was_stopped(
    cli: Cli, folder: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, *(f"{i}.txt" for i in range(20)))
    assert cli("index", folder, "--db", db) == (0, "24 embedded\n")
    old = read_rows(db)
    encode, n_calls = jina_omni.Model.encode, [0]

    def encode_twice(self: jina_omni.Model, *args: object, **options: object) -> object:
        n_calls[0] += 1
        if n_calls[0] == 3:
            raise KeyboardInterrupt
        return encode(self, *args, **options)

    monkeypatch.setattr(jina_omni.Model, "encode", encode_twice)
    assert cli("db", "rebuild", "--db", db) == (
        130,
        f"finished work is kept in {db}; run the same command to continue\ninterrupted\n",
    )
    assert read_rows(db) == old
    assert cli("db", "rebuild", "--db", db) == (0, "12 embedded; 12 unchanged\n")
    assert read_rows(db) == old


def test_commands_need_a_database_and_its_lock(cli: Cli, folder: Path, db: Path) -> None:
    commands = (["status"], ["list"], ["remove", "x"], ["prune"], ["rebuild"])
    for command in commands:
        status, said = cli("db", *command, "--db", db)
        assert (status, said) == (
            2,
            f"error: {db} is not a database; create it with: jina-omni index FOLDER --db {db}\n",
        )
    assert cli("index", "--db", db)[0] == 2
    assert not db.exists()
    assert cli("index", folder, "--db", db)[0] == 0
    with (db / "index.lock").open("a") as file:
        lock(file)
        for command in commands:
            status, said = cli("db", *command, "--db", db)
            assert status == 0 if command[0] in ("status", "list") else "is in use by another jina-omni" in said


def test_a_model_that_has_moved_is_passed_again(cli: Cli, folder: Path, db: Path, tmp_path: Path) -> None:
    toy = Path(jina_omni.demo_model().info.path)
    (tmp_path / "model").mkdir()
    for path in toy.parent.glob("*.gguf"):
        (tmp_path / "model" / path.name).symlink_to(path)
    assert cli("index", folder, "--db", db, "--model", tmp_path / "model") == (0, "4 embedded\n")
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    refusal = f"error: {tmp_path / 'model'}, with which {db} was made, is not there; pass its new place with --model\n"
    for command in (["search", "x"], ["index"], ["db", "rebuild"]):
        assert cli(*command, "--db", db) == (2, refusal)
        assert cli(*command, "--db", db, "--model", moved)[0] == 0
        ignored = "error: --mmproj and --modality go with --model; without it, the model of the database is used\n"
        for option in ("--mmproj", moved / toy.name), ("--modality", "text"):
            assert cli(*command, "--db", db, *option) == (2, ignored)


# --- watching ---


@pytest.mark.skipif(sys.platform == "win32", reason="a process is interrupted otherwise there")
def test_watch_takes_in_changes_until_it_is_interrupted(folder: Path, cli: Cli) -> None:
    pytest.importorskip("watchfiles")
    db = folder / "db"  # its own changes are not waited for
    command = [sys.executable, "-m", "jina_omni", "index", str(folder), "--db", str(db), "--watch"]
    day.allow_interrupts()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr)
            assert next(lines).startswith("warning: without --model")
            assert next(lines) == "4 embedded\n"
            assert "is in use by another jina-omni" in cli("index", "--db", db)[1]
            for change, expected in (
                (lambda: write(folder, "e.txt"), "1 embedded; 4 unchanged\n"),
                ((folder / "a.txt").unlink, "4 unchanged; 1 removed\n"),
                (lambda: (folder / ".jina-omni-ignore").write_text("*.md"), "3 unchanged; 1 removed\n"),
            ):
                change()
                assert next(lines) == expected
            process.send_signal(signal.SIGINT)
            assert list(lines) == [
                f"finished work is kept in {db}; run the same command to continue\n",
                "interrupted\n",
            ]
            assert process.wait(60) == 130
        finally:
            process.kill()
    assert list_names(db, folder) == ["e.txt", "sub/c.txt", "sub/deep/d.txt"]


def test_watch_waits_for_what_an_update_looks_at(folder: Path) -> None:
    (folder / "db/files.lance").mkdir(parents=True)
    looked_at = ["", "a.txt", "sub", "sub/new", ".jina-omni-ignore", "sub/.jina-omni-ignore"]
    for name in [*looked_at, ".hidden", ".git/x", "sub/.x/y", "db", "db/index.lock", "db/files.lance/x", "../x"]:
        path = Path(os.path.normpath(folder / name))
        assert watch._is_visible(path, folder) is (name in looked_at), name


def test_watch_waits_until_a_file_no_longer_grows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("watchfiles")
    monkeypatch.setattr(watch, "_QUIET", 2.0)  # more than the pauses below, however busy this machine is
    changes = watch.watch([folder])
    next(changes)
    with (folder / "growing.txt").open("w") as file, ThreadPoolExecutor(1) as pool:
        change = pool.submit(next, changes)
        for _ in range(5):
            file.write("more ")
            file.flush()
            time.sleep(0.2)
            assert not change.done()
        change.result(60)


def test_watch_yields_at_once_and_then_after_changes_or_long_waits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchfiles = pytest.importorskip("watchfiles")
    now = [0.0]

    def notices(*_: object, **__: object) -> Iterator[set[str]]:
        for seconds, changes in ((1, set()), (2, set()), (3, {"x"}), (4, set()), (400, set()), (401, set())):
            now[0] = seconds
            yield changes

    monkeypatch.setattr(watchfiles, "watch", notices)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert [now[0] for _ in watch.watch([folder])] == [1, 3, 400]
