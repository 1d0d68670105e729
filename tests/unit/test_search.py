# SPDX-License-Identifier: Apache-2.0
"""What `search`, `duplicates` and `map` find in a database of the toy model's world."""

from __future__ import annotations

import json
import re
import shutil
import sys
import webbrowser
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.cli import main
from jina_omni.cli.collection import duplicates
from jina_omni.cli.collection.clusters import choose_number, cluster, find_positions, subtract_kinds
from jina_omni.cli.collection.database import Content, Database, FileEmbeddings, Place
from jina_omni.cli.collection.duplicates import find_duplicates
from jina_omni.cli.collection.map_page import make_map
from jina_omni.cli.collection.scope import Scope
from testing.toy_folder import LONG_SOUND, TEXTS, write_toy_folder

STAR = "pictures/3 red star left.png"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files, in a folder whose name has what SQL and its patterns treat specially."""
    folder = tmp_path_factory.mktemp("toy") / "it's 100%_"
    write_toy_folder(folder, n_pictures=12)
    return folder


@pytest.fixture(scope="module")
def db(toy: Path) -> Path:
    pytest.importorskip("lancedb")
    db = toy.parent / "db"
    assert main(["index", str(toy), "--db", str(db), "--pages"]) == 0
    return db


@pytest.fixture(scope="module")
def model() -> jina_omni.Model:
    with jina_omni.demo_model() as model:
        yield model


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> list[str]:
    """Return the lines that a command prints."""
    capsys.readouterr()
    assert main([str(arg) for arg in argv]) == 0
    return capsys.readouterr().out.splitlines()


def search(capsys: pytest.CaptureFixture[str], db: Path, *argv: object) -> list[dict[str, object]]:
    return [json.loads(line) for line in run(capsys, "search", "--db", db, "--json", *argv)]


def read_cosines(db: Path, query: np.ndarray) -> dict[tuple[str, Place], tuple[str, float]]:
    """Return the kind and the cosine of each place, computed by NumPy."""
    return {
        (path, place): (content.embeddings.kind, float(query @ vector))
        for content in Database.open(db).read_contents(Scope())
        for path in content.paths
        for place, vector in zip(content.embeddings.places, content.embeddings.vectors, strict=True)
    }


# --- which files are looked at ---


@pytest.mark.parametrize("kinds", [["text"], ["image"], ["audio"], ["video"], ["pdf"], ["audio", "pdf"]])
def test_search_takes_the_kinds_that_are_asked_for(
    db: Path, kinds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [part for kind in kinds for part in ("--kind", kind)]
    found = search(capsys, db, "three red stars", "-k", "100", *options)
    assert {one["kind"] for one in found} == set(kinds)
    folders = {"text": "notes", "audio": "sounds", "video": "films"}
    for one in found:
        assert folders.get(one["kind"], "") in one["path"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_search_takes_the_folders_that_are_asked_for(
    toy: Path, db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_paths(*folders: object) -> set[str]:
        options = [part for folder in folders for part in ("--under", folder)]
        return {one["path"] for one in search(capsys, db, "three red stars", "-k", "100", *options)}

    below = {str(path) for path in (toy / "pictures/more").iterdir()}
    assert list_paths(toy / "pictures/more") == below
    assert list_paths(f"{toy}/pictures/more/") == below
    monkeypatch.chdir(toy / "notes")
    assert list_paths("../pictures/more") == below
    assert {Path(path).parent.name for path in list_paths(".", toy / "films")} == {"notes", "films"}
    (toy.parent / "link").symlink_to(toy)
    assert list_paths(toy.parent / "link/pictures/more") == below
    assert list_paths("/") == list_paths()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_folder_that_is_linked_into_another_is_under_it(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/linked").symlink_to(toy / "notes")
    (tmp_path / "files/other.txt").write_text("blue")
    run(capsys, "index", tmp_path / "files", "--db", tmp_path / "db")
    found = search(capsys, tmp_path / "db", "blue", "--under", tmp_path / "files/linked")
    assert {Path(one["path"]).parent for one in found} == {tmp_path / "files/linked"}


def test_nothing_of_a_kind_is_said(toy: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "blue", "--db", str(db), "--kind", "audio", "--under", str(toy / "films")]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[1:] == ["the database has no such files"]
    assert main(["map", "--db", str(db), "--kind", "audio", "--under", str(toy / "films")]) == 2
    assert capsys.readouterr().err == f"error: {db} has no such files\n"


@pytest.mark.parametrize("command", [["search", "blue"], ["search", "blue", "--per-kind"], ["map"], ["duplicates"]])
def test_a_folder_of_which_the_database_has_nothing_is_an_error(
    command: list[str], toy: Path, db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy)
    known = ["--under", str(toy / "notes")]
    for nothing in ("nope", str(toy / "note"), "it's not"):
        for options in (["--under", nothing], [*known, "--under", nothing]):
            assert main([*command, "--db", str(db), *options]) == 2
            advice = f"to see what it has: jina-omni db list --db {db}"
            assert capsys.readouterr() == ("", f"error: {db} has no file under {nothing}; {advice}\n")
    assert main([*command, "--db", str(db), *known]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["search"], "pass a text to look for, or a file with --file, or both"),
        (["duplicates", "--above", "1.5"], "--above is 1.5, but a cosine is within -1 to 1"),
        (["map", "--clusters", "0"], "--clusters is 0, expected 1 or more"),
    ],
)
def test_wrong_options_stop_a_command(
    argv: list[str], message: str, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--db", str(db)]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_page_in_the_place_of_a_folder_is_an_error_before_the_search(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["search", "blue"], ["map"]):
        assert main([*command, "--db", str(db), "--html", str(tmp_path)]) == 2
        refusal = f"error: {tmp_path} is a folder; pass the name of a file with --html\n"
        assert capsys.readouterr() == ("", refusal)


@pytest.mark.parametrize("n", [10**6, 2**31, 2**63, 10**30])
def test_more_results_than_there_are_files_are_all(db: Path, n: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = search(capsys, db, "blue", "-k", n)
    contents = Database.open(db).read_contents(Scope())
    assert len(found) == sum(len(content.embeddings.places) for content in contents)
    assert len(search(capsys, db, "blue", "-k", n, "--per-kind")) == len(found)


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no file names that are not Unicode")
def test_nothing_is_under_a_folder_whose_name_is_not_unicode(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "blue", "--db", str(db), "--under", "caf\udce9"]) == 2
    assert f"error: {db} has no file under caf\\udce9; to see what it has" in capsys.readouterr().err


# --- queries and scores ---


def test_a_text_and_a_file_are_one_fused_query(
    toy: Path, db: Path, model: jina_omni.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, name, inputs in (
        ("blue", STAR, ["blue", toy / STAR]),
        ("blue", "notes/note 1.txt", ["blue", TEXTS[0]]),
        ("rising", "sounds/low buzzes 1.wav", ["rising", toy / "sounds/low buzzes 1.wav"]),
    ):
        found = search(capsys, db, text, "--file", toy / name, "-k", "5")
        (query,) = model.encode([inputs], prompt_name="query")
        cosines = read_cosines(db, query)
        best = max(cosine for _, cosine in cosines.values())
        assert found[0]["score"] == pytest.approx(best, abs=1e-5)
        for one in found:
            place = Place(one["page"] or 0, one["start"] or 0, one["end"] or 0)
            assert one["score"] == pytest.approx(cosines[one["path"], place][1], abs=1e-5)


def test_a_fused_query_that_fails_names_its_file(toy: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = toy.parent / "broken.png"
    path.write_bytes((toy / STAR).read_bytes()[:200])
    assert main(["search", "blue", "--file", str(path), "--db", str(db)]) == 2
    assert f"error: QUERY with {path}, part 1 can't be decoded as an image" in capsys.readouterr().err


def test_the_lines_of_json_have_what_the_table_shows(toy: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [TEXTS[0], "--db", db, "-k", "30"]
    table = run(capsys, "search", *options)
    lines = [json.loads(line) for line in run(capsys, "search", *options, "--json")]
    assert len(table) == len(lines) == 30
    for rank, (row, one) in enumerate(zip(table, lines, strict=True), 1):
        assert set(one) == {"path", "kind", "page", "start", "end", "score", "cosine", "copies"}
        assert row.split(maxsplit=2)[:2] == [str(rank), f"{one['score']:.3f}"]
        assert one["path"] in row
        assert one["score"] == one["cosine"]
        assert (f", page {one['page']}" in row) == (one["page"] is not None) == (one["kind"] == "pdf")
        assert (" copies" in row) == (len(one["copies"]) > 1)
    (note, *_) = lines
    assert note["path"] == str(toy / "notes/note 1.txt")


def test_a_hit_has_the_time_of_its_excerpt(toy: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(toy / "sounds/long recording.wav")
    times = [(0, 30), (30, 60), (60, 70)]
    for name, time in zip(LONG_SOUND, times, strict=True):
        found = search(capsys, db, "--file", toy / f"sounds/{name} 1.wav", "-k", "100", "--kind", "audio")
        first = next(one for one in found if one["path"] == path)
        assert (first["start"], first["end"]) == time
        assert f"{time[0] // 60}:{time[0] % 60:02} to" in "\n".join(run(capsys, "search", name, "--db", db, "-k", "60"))


def test_scores_per_kind_are_those_above_the_mean_of_a_kind(
    db: Path, model: jina_omni.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    found = search(capsys, db, "a high whistle", "--per-kind", "-k", "20")
    (query,) = model.encode_query(["a high whistle"])
    rows = read_cosines(db, query)
    for one in found:
        cosines = np.array([cosine for kind, cosine in rows.values() if kind == one["kind"]])
        expected = (one["cosine"] - cosines.mean()) / cosines.std()
        assert one["score"] == pytest.approx(expected, abs=1e-3)
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    by_cosine = search(capsys, db, "a high whistle", "-k", "20")
    assert [one["path"] for one in by_cosine] != [one["path"] for one in found]
    assert {one["kind"] for one in found} == {"text", "image", "audio", "video", "pdf"}


def test_a_kind_of_one_file_scores_zero(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "files").mkdir()
    for name in (STAR, "notes/note 1.txt", "notes/note 2.txt"):
        shutil.copy(toy / name, tmp_path / "files")
    run(capsys, "index", tmp_path / "files", "--db", tmp_path / "db")
    found = search(capsys, tmp_path / "db", TEXTS[0], "--per-kind")
    assert [(one["kind"], round(one["score"], 3)) for one in found] == [("text", 1), ("image", 0), ("text", -1)]


# --- copies and files that are gone ---


def test_equal_files_are_one_result(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    files, db = tmp_path / "files", tmp_path / "db"
    (files / "more").mkdir(parents=True)
    shutil.copy(toy / "notes/note 1.txt", files)
    for i in range(40):  # more than search reads at first
        shutil.copy(toy / STAR, files / f"more/{i:02}.png")
    shutil.copy(toy / STAR, files / "a.png")
    run(capsys, "index", files, "--db", db)
    lines = run(capsys, "search", "--file", toy / STAR, "--db", db, "-k", "2")
    assert lines[0] == f"1   1.000  {files / 'a.png'} and 40 copies"
    assert lines[1].endswith("note 1.txt")
    first, _ = search(capsys, db, "--file", toy / STAR)
    assert first["copies"] == [str(files / f"more/{i:02}.png") for i in range(40)]
    (only,) = search(capsys, db, "--file", toy / STAR, "--under", files / "more")
    assert (only["path"], len(only["copies"])) == (str(files / "more/00.png"), 39)

    (files / "a.png").unlink()
    (files / "more/07.png").rename(tmp_path / "07.png")
    capsys.readouterr()
    assert main(["search", "--file", str(toy / STAR), "--db", str(db), "-k", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"1   1.000  {files / 'more/00.png'} and 38 copies\n"
    assert captured.err.splitlines()[-1].startswith("2 files that no longer exist are hidden")
    (group,) = run(capsys, "duplicates", "--db", db, "--json")
    assert [one["path"] for one in json.loads(group)["files"]] == [only["path"]] + [
        path for path in only["copies"] if "07" not in path
    ]
    assert [line.split()[1] for line in run(capsys, "map", "--db", db, "--clusters", "2")] == ["39", "1"]


# --- pages ---


def test_a_page_says_what_is_wrong_with_a_file_that_has_changed(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "files").mkdir()
    for name in (STAR, "films/red star.webm", "papers/shapes.pdf", "sounds/low buzzes 1.wav"):
        shutil.copy(toy / name, tmp_path / "files")
    run(capsys, "index", tmp_path / "files", "--db", tmp_path / "db", "--pages")
    for path in (tmp_path / "files").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    for command in (["search", "blue"], ["map", "--clusters", 1]):
        run(capsys, *command, "--db", tmp_path / "db", "--html", tmp_path / "page.html")
        text = (tmp_path / "page.html").read_text("utf-8")
        assert "data:image/jpeg" not in text
        for name in ("3 red star left.png", "red star.webm", "shapes.pdf"):
            assert re.search(rf"<p>{re.escape(str(tmp_path / 'files' / name))}[^<]+</p>", text)


def test_a_page_is_opened_where_it_was_written(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run(capsys, "search", "blue", "--db", db, "--html", tmp_path / "found.html", "--open")
    assert opened == [(tmp_path / "found.html").as_uri()]
    for command in (["search", "blue"], ["map"]):
        run(capsys, *command, "--db", db, "--open")
        (page,) = tmp_path.glob("jina-omni-*.html")
        assert opened[-1] == page.as_uri()
        assert page.read_text("utf-8").startswith("<!doctype html>")
        if sys.platform != "win32":
            assert page.stat().st_mode & 0o077 == 0  # others need not know what was looked for
        page.unlink()
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert main(["search", "blue", "--db", str(db), "--html", str(tmp_path / "found.html"), "--open"]) == 2
    assert f"no browser could be opened; the page is {tmp_path / 'found.html'}" in capsys.readouterr().err


# --- near-duplicates ---


def make_content(name: str, *vectors: list[float]) -> Content:
    places = [Place(page=i + 1) for i in range(len(vectors))]
    return Content([name], FileEmbeddings("pdf", places, np.array(vectors, np.float32)))


def find_names(contents: list[Content], threshold: float) -> list[list[str]]:
    return [[one.path for one in group] for group in find_duplicates(contents, threshold)]


@pytest.mark.parametrize("block", [1, 2, 1024])
def test_a_group_has_what_is_near_to_its_first_file(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", block)
    angles = {"a": 0, "b": 10, "c": 20, "d": 30, "x": 90, "y": 95}
    contents = [make_content(name, [np.cos(np.radians(i)), np.sin(np.radians(i))]) for name, i in angles.items()]
    limit = np.cos(np.radians(15))  # a chain leads from a to d, but d is not like a
    assert find_names(contents, limit) == [["a", "b"], ["c", "d"], ["x", "y"]]
    assert find_names(contents, 0.9999) == []
    rounded = [make_content(name, [1, 2, 3]) for name in "abc"]  # whose cosines with themselves are not quite 1
    assert find_names(rounded, 1) == [["a", "b", "c"]]
    assert find_names(contents, -1) == [list(angles)]
    assert find_names([], 0.5) == []


def test_files_with_pages_are_compared_page_by_page() -> None:
    right, up = [1.0, 0.0], [0.0, 1.0]
    contents = [make_content("a", right, up), make_content("b", right, up), make_content("c", right, right)]
    contents.append(make_content("d", right))
    assert find_names(contents, 0.9) == [["a", "b"]]


def test_duplicates_lists_equal_files_and_near_ones(toy: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["duplicates", "--db", db, "--kind", "image"]
    (line,) = run(capsys, *command, "--above", "0.98", "--json")
    files = json.loads(line)["files"]
    assert {Path(one["path"]).name for one in files} == {
        Path(STAR).name,
        "star.png",
        "smaller star.jpg",
        ("3 red star left (copy).png"),
    }
    assert [one["cosine"] >= 0.98 for one in files] == [True] * 4
    assert [one["cosine"] for one in files][:3] == [1, 1, 1]
    text = run(capsys, *command, "--above", "0.98")
    assert text == [f"{one['cosine']:6.3f}  {one['path']}" for one in files]
    (line,) = run(capsys, *command, "--above", "1", "--json")
    assert len(json.loads(line)["files"]) == 3
    assert main([*map(str, command), "--above", "1"]) == 0
    assert capsys.readouterr().err == "1 group with 2 files beside the first of each\n"
    main([*map(str, command), "--under", str(toy / "notes")])
    assert capsys.readouterr().err == "0 groups with 0 files beside the first of each\n"


# --- clusters ---


def make_blobs(n_blobs: int, n_each: int, dim: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(dim, dim)))[0][:n_blobs]
    labels = np.repeat(np.arange(n_blobs), n_each)
    vectors = centres[labels] + rng.normal(0, 0.02, (len(labels), dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("n_blobs", [1, 2, 3, 7, 12])
def test_clusters_are_found_and_lie_apart(n_blobs: int) -> None:
    vectors, labels = make_blobs(n_blobs, 20)
    found = cluster(vectors, n_blobs)
    assert len(set(zip(found.tolist(), labels.tolist(), strict=True))) == n_blobs
    np.testing.assert_array_equal(cluster(vectors, n_blobs), found)
    positions = find_positions(vectors, found)
    assert positions.shape == (len(vectors), 2)
    assert positions.min() >= 0
    assert positions.max() <= 1
    if n_blobs == 3:  # their plane shows them all
        centres = np.array([positions[found == i].mean(axis=0) for i in range(3)])
        spread = max(positions[found == i].std(axis=0).max() for i in range(3))
        assert min(np.linalg.norm(centres[i] - centres[i - 1]) for i in range(3)) > 5 * spread


def test_there_are_no_more_clusters_than_different_vectors() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), [2, 5, 3], axis=0)
    labels = cluster(vectors, 10)
    assert set(labels.tolist()) == {0, 1, 2}
    assert all(len(set(labels[vectors[:, i] == 1].tolist())) == 1 for i in range(3))
    assert cluster(vectors[:1], 1).tolist() == [0]
    np.testing.assert_array_equal(find_positions(vectors[:2], labels[:2] * 0), np.full((2, 2), 0.5))
    assert [choose_number(n) for n in (1, 8, 50, 10_000)] == [1, 2, 5, 12]


def test_what_the_files_of_a_kind_have_in_common_is_left_out() -> None:
    vectors, labels = make_blobs(3, 10)
    gap = np.zeros(vectors.shape[1], np.float32)
    gap[0] = 3
    kinds = ["text", "image"] * 15
    apart = vectors + np.where(np.array(kinds)[:, None] == "text", gap, -gap)
    found = cluster(subtract_kinds(apart / np.linalg.norm(apart, axis=1, keepdims=True), kinds), 3)
    assert len(set(zip(found.tolist(), labels.tolist(), strict=True))) == 3
    lone = subtract_kinds(vectors, ["text"] * 29 + ["audio"])
    assert np.linalg.norm(lone[-1]) == pytest.approx(1)


def test_map_prints_its_clusters_and_writes_them(
    toy: Path, db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "map.html"
    lines = run(capsys, "map", "--db", db, "--clusters", "4", "--html", page)
    sizes = [int(line.split()[1]) for line in lines]
    files = [path for path in toy.rglob("*") if path.is_file()]
    assert len(lines) == 4
    assert sum(sizes) == len(files)
    assert sizes == sorted(sizes, reverse=True)
    text = page.read_text("utf-8")
    assert text.count("<section") == 4
    assert f"{len(files)} files in 4 clusters" in text
    contents = Database.open(db).read_contents(Scope())
    assert text.count('<a href="#f') == text.count('<li id="f') == len(contents)
    assert set(re.findall(r'<a href="#(f[\d-]+)"', text)) == set(re.findall(r'<li id="(f[\d-]+)"', text))
    assert "star.png</a> and 2 copies" in text
    assert not re.findall(r'(?:src|href|poster)="(?!data:|file:|#)', text)
    assert sum(map(len, make_map(contents, 4))) == len(contents)


def test_a_map_of_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/&amp;.txt").write_text("blue")
    run(capsys, "index", tmp_path / "files", "--db", tmp_path / "db")
    (line,) = run(capsys, "map", "--db", tmp_path / "db", "--html", tmp_path / "map.html")
    assert line == f"  1       1 file like {tmp_path / 'files/&amp;.txt'}"
    text = (tmp_path / "map.html").read_text("utf-8")
    assert "&amp;amp;.txt" in text
    assert "1 file in 1 cluster" in text
