# SPDX-License-Identifier: Apache-2.0
"""The command line, in this process and, where one is killed or interrupted, in others."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile
from PIL import Image as PILImage

import jina_omni
from jina_omni.cli import chunks, main
from jina_omni.cli.collection.database import Place
from jina_omni.cli.collection.gallery import render_gallery
from jina_omni.cli.collection.query import Finding, Query
from jina_omni.cli.files import find_files, read_inputs
from jina_omni.cli.lock import lock
from jina_omni.media.picture_options import PictureOptions
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, write_checkpoint, write_text
from testing.media_files import video_file
from testing.pdfs import INCH, document, rectangle

COMMANDS = ("demo", "models", "download", "info", "bench", "embed", "index", "search", "duplicates", "map", "db")

N_TEXTS, N_PICTURES, N_SOUNDS = 270, 18, 12
MIXED = {"texts": N_TEXTS, "pictures": N_PICTURES, "sounds": N_SOUNDS, "films": 1, "documents": 2}

needs_lancedb = pytest.mark.skipif(find_spec("lancedb") is None, reason="could not import 'lancedb'")

ON_WHITE = PictureOptions("upright", (255, 255, 255))

# Kills or interrupts its own process at the given call of the model.
INTERRUPT = """
import os, signal, sys
from jina_omni import Model
from jina_omni.cli import main

encode, left = Model.encode, int(sys.argv.pop(1))
kind = signal.Signals[sys.argv.pop(1)]

def encode_or_end(self, *args, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), kind)
    return encode(self, *args, **options)

Model.encode = encode_or_end
sys.exit(main())
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Write a tiny model that does not enlarge small images, which makes it fast with them."""
    shape = TINY["small"]
    vision = dataclasses.replace(shape.vision, image_pixels=(32 * 32, 64 * 64))
    return write_checkpoint(tmp_path_factory.mktemp("model"), dataclasses.replace(shape, vision=vision))


@pytest.fixture(scope="module")
def options(model: Checkpoint) -> list[str]:
    return ["--model", str(model.text), "--mmproj", str(model.vision), str(model.audio)]


def write_mixed(folder: Path) -> None:
    """Write files of every modality, of which no two are equal, and a hidden one."""
    rng = np.random.default_rng(0)
    words = ["red", "blue", "cat", "dog", "sleeps", "runs", "house", "sea", "loud", "old"]
    for kind in MIXED:
        (folder / kind).mkdir(parents=True)
    for i in range(N_TEXTS):
        chosen = random.Random(i).choices(words, k=6)
        (folder / f"texts/{i:03}.txt").write_text(f"{i} {' '.join(chosen)}", "utf-8")
    for i in range(N_PICTURES):
        pixels = rng.integers(0, 256, (24, 32, 3), np.uint8)
        PILImage.fromarray(pixels).save(folder / f"pictures/{i:03}{('.png', '.jpg', '.webp')[i % 3]}")
    for i in range(N_SOUNDS):
        soundfile.write(folder / f"sounds/{i:03}.wav", rng.normal(0, 0.1, 1600), 16_000)
    with av.open(str(folder / "films/film.mp4"), "w") as film:
        stream = film.add_stream("mpeg4", rate=4, width=64, height=64, pix_fmt="yuv420p")
        for i in range(4):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 60 * i, np.uint8))))
        film.mux(stream.encode(None))
    for n_pages in (1, 3):
        pages = [PILImage.new("RGB", (60, 80), (80 * i, 0, 9 * n_pages)) for i in range(n_pages)]
        pages[0].save(folder / f"documents/{n_pages}.pdf", save_all=True, append_images=pages[1:])
    (folder / ".hidden.txt").write_text("not for you")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    write_mixed(folder)
    assert sum(path.is_file() for path in folder.rglob("[!.]*")) == sum(MIXED.values()) >= 300
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a few texts."""
    for name, text in {"b.txt": "a blue square", "a.md": "a red circle", "sub/c": "what is the weather like?"}.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_text(text)
    return tmp_path / "folder"


def make_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(jina_omni.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}


def run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    streams = {"capture_output": True, "text": True, "encoding": "utf-8", "timeout": 120}
    return subprocess.run([sys.executable, *command], env=make_environment(), check=False, **streams, **options)


def interrupt(n_calls: int, signal_name: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command that gets a signal at its n-th call of the model."""
    return run("-c", INTERRUPT, str(n_calls), signal_name, *argv)


def read_rows(path: Path) -> dict[str, list[float]]:
    return {row["name"]: row["vector"] for row in map(json.loads, path.read_text().splitlines())}


def embed(model: Checkpoint, inputs: list[object], **options: object) -> np.ndarray:
    with jina_omni.Model(model.text, [model.vision, model.audio]) as opened:
        return opened.encode(inputs, **options)


# --- all commands ---


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"jina-omni {command}" in capsys.readouterr().out.partition("examples:")[2]


def test_the_module_runs_as_the_command_and_needs_no_optional_package_to_start() -> None:
    code = (
        "import runpy, sys; sys.modules |= dict.fromkeys(['lancedb', 'pyarrow', 'av', 'pypdfium2'])\n"
        "sys.argv = ['jina-omni', '--version']; runpy.run_module('jina_omni', run_name='__main__')"
    )
    finished = run("-W", "error", "-c", code)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, f"jina-omni {jina_omni.__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["info", "missing.gguf"], "missing.gguf"),
        (["info", "{tmp}"], "{tmp}: there is no text model file"),
        (
            ["info", "{tmp}", "--mmproj", "x.gguf"],
            "--mmproj goes with a text model file, but {tmp} is not one; pass --modality",
        ),
        (
            ["info", "no-such-model"],
            "on the Hub: 'no-such-model' is not a model's short name. Published are small-retrieval",
        ),
        (["info", "--device", "abacus"], "device 'abacus' is not available"),
        (["embed", "{tmp}"], "there is nothing to embed in {tmp}"),
        (["embed", "x.txt", "--out", "x.csv"], "x.csv: --out takes a file that ends in .jsonl, .npy"),
        (["embed", "x.txt", "--out", "{here}"], "{here} exists already; remove it"),
        (["embed", "-", "x.txt"], "- stands for the lines of stdin and can't be combined with files"),
        (["embed", "{file}", "--truncate-dim", "5"], "--truncate-dim is 5; this model was trained for 32, 64, 128"),
        (["embed", "{file}", "--out", "{tmp}/no/x.npz"], "there is no folder {tmp}/no"),
        (["embed", "{file}", "--out", "{tmp}/no/x.jsonl", "--model", "no-such-model"], "there is no folder {tmp}/no"),
        (["search", "x", "--db", "{tmp}", "--html", "{tmp}/no/x.html"], "there is no folder {tmp}/no"),
        (["map", "--db", "{tmp}", "--html", "{tmp}/no/x.html"], "there is no folder {tmp}/no"),
        (["demo", "--html", "{tmp}/no/x.html"], "there is no folder {tmp}/no"),
        (["index", "{tmp}", "--db", "{file}"], "{file} is a file, not a folder for a database"),
        (["index", "--db", "{file}"], "{file} is a file, not a folder for a database"),
        (["search", "x", "--db", "{file}"], "{file} is a file, not a folder for a database"),
        (["db", "prune", "--db", "{file}"], "{file} is a file, not a folder for a database"),
        (["embed", "{file}", "--precision", "int8"], "int8 needs the ranges of all embeddings"),
        pytest.param(["index", "{tmp}/no", "--db", "{tmp}/db"], "there is no folder {tmp}/no", marks=needs_lancedb),
        pytest.param(
            ["search", "x", "--db", "{tmp}/no"],
            "{tmp}/no is not a database; create it with: jina-omni index FOLDER --db {tmp}",
            marks=needs_lancedb,
        ),
        (["search", "x", "--db", "{tmp}", "-k", "0"], "-k is 0, expected 1 or more"),
    ],
)
def test_what_stops_a_command_is_one_line_and_status_2(
    argv: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here.npz"
    here.touch()
    places = {"tmp": str(tmp_path), "here": str(here), "file": __file__}
    if "{here}" not in argv:
        here.unlink()
    assert main([word.format_map(places) for word in argv]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    assert says.format_map(places) in last


@pytest.mark.parametrize(
    "argv",
    ["fly", "embed x --threads 0", "embed x --query --prompt p", "embed x --background none", "index x", "search"],
)
def test_wrong_usage_is_status_2(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv.split())
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: jina-omni")


@pytest.mark.parametrize(
    ("argv", "advice"),
    [
        (["embed", "{folder}", "--out", "x.parquet"], "x.parquet: a Parquet file needs pyarrow"),
        (["index", "{folder}", "--db", "{folder}.db"], "a database needs lancedb"),
    ],
)
def test_a_missing_package_is_named_before_anything_is_embedded(
    argv: list[str], advice: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(jina_omni.Model, "encode", None)
    assert main([word.format(folder=folder) for word in argv]) == 2
    assert f"{advice}: pip install 'jina-omni[" in capsys.readouterr().err


# --- info, and choosing a model ---


def test_info_prints_the_model_of_files_and_of_a_folder(
    model: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (model.text, model.vision, model.audio):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with jina_omni.Model(tmp_path / model.text.name, [tmp_path / model.vision.name, tmp_path / model.audio.name]) as m:
        expected = str(m.info)
    assert "'audio'" in expected
    projectors = [str(tmp_path / model.vision.name), str(tmp_path / model.audio.name)]
    for argv in ([str(tmp_path / model.text.name), "--mmproj", *projectors], [str(tmp_path)]):
        assert main(["info", *argv]) == 0
        assert capsys.readouterr() == (expected + "\n", "")
    assert main(["info", str(tmp_path), "--modality", "vision"]) == 0
    assert re.search(r"^modalities +\('text', 'image', 'video', 'pdf'\)$", capsys.readouterr().out, re.MULTILINE)


def test_models_lists_what_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    for published in jina_omni.list_models():
        assert re.search(rf"^{published.name} .* {published.repository}$", out, re.MULTILINE)
    assert "CC BY-NC 4.0" in out


def test_info_takes_the_options_of_a_model(model: Checkpoint, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--threads", "1", "--compute", "exact", "--dialect", "sentence-transformers", "--device", "cpu"]
    assert main(["info", str(model.text), *options]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (shown["n_threads"], shown["compute"], shown["dialect"]) == ("1", "'exact'", "'sentence-transformers'")
    assert (shown["orientation"], shown["background"]) == ("'as-stored'", "None")
    assert main(["info", str(model.text), "--orientation", "upright", "--background", "#ff8000"]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (shown["orientation"], shown["background"]) == ("'upright'", "(255, 128, 0)")


def test_without_a_model_the_packaged_one_says_what_it_knows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["info"]) == 0
    out, err = capsys.readouterr()
    assert "toy-retrieval-F16.gguf" in out
    assert err.startswith("warning: without --model")
    assert "knows only a few drawn shapes and synthetic sounds" in err


# --- embed ---


def test_embed_writes_the_librarys_vectors_in_every_format(
    model: Checkpoint, options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".hidden.txt").write_text("hidden")
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("hidden too")
    picture = folder / "sub/d.png"
    PILImage.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)).save(picture)
    names = [str(folder / name) for name in ("a.md", "b.txt", "sub/c", "sub/d.png")]
    texts = ["a red circle", "a blue square", "what is the weather like?"]
    expected = embed(model, [*texts, jina_omni.Image(picture)])

    for ending in ("npy", "npz", "jsonl"):
        assert main(["embed", str(folder), "--out", str(tmp_path / f"x.{ending}"), *options]) == 0
        assert capsys.readouterr() == ("", "4 embedded\n")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), expected)
    rows = read_rows(tmp_path / "x.jsonl")
    assert list(rows) == names
    np.testing.assert_array_equal(np.array(list(rows.values()), np.float32), expected)
    with np.load(tmp_path / "x.npz") as written:
        assert written["names"].tolist() == names
        np.testing.assert_array_equal(written["vectors"], expected)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "x.npy", "x.npz", "x.jsonl"}


@pytest.mark.parametrize("precision", ["float32", "float16", "ubinary"])
def test_embed_writes_parquet(
    precision: str, model: Checkpoint, options: list[str], folder: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "x.parquet"
    assert main(["embed", str(folder), "--out", str(out), "--precision", precision, *options]) == 0
    table = parquet.read_table(out)
    assert table["name"].to_pylist() == [str(folder / name) for name in ("a.md", "b.txt", "sub/c")]
    texts = ["a red circle", "a blue square", "what is the weather like?"]
    expected = embed(model, texts, precision=precision)
    found = np.stack(table["vector"].to_numpy())
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    assert table.schema.metadata[b"jina_omni"].startswith(f"{model.text.name}, task clustering, dim 256".encode())


def test_embed_takes_lines_of_stdin_and_writes_to_stdout(
    model: Checkpoint, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "\ufeffa red circle\r\n\nnaïve café\u2028one line\na red circle\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert main(["embed", "-", *options]) == 1
    captured = capsys.readouterr()
    failure = "  line 2 of stdin is an empty text, which has no embedding; leave it out"
    assert captured.err.splitlines() == ["3 embedded; 1 failed:", failure]
    rows = [json.loads(line) for line in captured.out.splitlines()]
    texts = ["a red circle", "naïve café\u2028one line", "a red circle"]
    assert [row["name"] for row in rows] == texts
    np.testing.assert_array_equal(np.array([row["vector"] for row in rows], np.float32), embed(model, texts))


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        ("a\n\nb\n", ["a", "", "b"]),
        ("\na\r\n\r\n\nb", ["", "a", "", "", "b"]),
        ("a\nb\n\n", ["a", "b", ""]),
        ("a\nb", ["a", "b"]),
    ],
)
def test_embed_has_a_row_for_each_line_of_stdin(
    lines: str,
    texts: list[str],
    model: Checkpoint,
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert main(["embed", "-", "--out", str(tmp_path / "x.npy"), *options]) == (1 if "" in texts else 0)
    rows = np.load(tmp_path / "x.npy")
    is_blank = np.array([not text for text in texts])
    np.testing.assert_array_equal(np.isnan(rows).all(axis=1), is_blank)
    np.testing.assert_array_equal(rows[~is_blank], embed(model, [text for text in texts if text]))
    named = [line.partition(" is an empty text")[0] for line in capsys.readouterr().err.splitlines()[1:]]
    assert named == [f"  line {i} of stdin" for i, text in enumerate(texts, 1) if not text]


@pytest.mark.filterwarnings("ignore:3 embeddings give the ranges:UserWarning")
def test_embed_passes_prompt_dim_and_precision_on(folder: Path, tmp_path: Path) -> None:
    text = write_text(tmp_path / "tiny-retrieval-F16.gguf", TINY["small"], task="retrieval")
    inputs = ["a red circle", "a blue square", "what is the weather like?"]
    cases = {
        "query": (["--query"], {"prompt_name": "query"}),
        "document": (["--document"], {"prompt_name": "document"}),
        "prompt": (["--prompt", "Find: "], {"prompt": "Find: "}),
        "dim": (["--truncate-dim", "64"], {"truncate_dim": 64}),
        "int8": (["--precision", "int8"], {"precision": "int8"}),
        "binary": (["--precision", "binary", "--batch-tokens", "7"], {"precision": "binary"}),
    }
    vectors = {}
    with jina_omni.Model(text) as model:
        for name, (words, options) in cases.items():
            out = tmp_path / f"{name}.npy"
            assert main(["embed", str(folder), "--out", str(out), "--model", str(text), *words]) == 0
            vectors[name] = np.load(out)
            expected = model.encode(inputs, **options)
            assert vectors[name].dtype == expected.dtype
            np.testing.assert_array_equal(vectors[name], expected)
    assert not np.array_equal(vectors["query"], vectors["document"])


def save_turned_picture(path: Path) -> None:
    """Write a PNG file that lies on its side and is transparent."""
    exif = PILImage.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 4), dtype=np.uint8)
    PILImage.fromarray(pixels).save(path, exif=exif)


def test_embed_lays_pictures_out_as_asked(model: Checkpoint, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures/a.png"
    save_turned_picture(path)
    cases = [[], ["--orientation", "upright"], ["--background", "white"]]
    cases.append(["--orientation", "upright", "--background", "#ff8000"])
    found = []
    for i, words in enumerate(cases):
        out = tmp_path / f"{i}.npy"
        assert main(["embed", str(path.parent), "--out", str(out), *words, *options]) == 0
        found.append(np.load(out)[0])
        names = [word.removeprefix("--") for word in words[::2]]
        expected = embed(model, [jina_omni.Image(path, **dict(zip(names, words[1::2], strict=True)))])
        np.testing.assert_array_equal(found[-1], expected[0])
    assert len({row.tobytes() for row in found}) == len(cases)


def test_embed_names_the_option_that_takes_what_is_too_long(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, text = tmp_path / "truncate=True.wav", tmp_path / "long.txt"
    soundfile.write(sound, np.zeros(40 * 16_000), 16_000)
    text.write_text("a cat " * 40_000)
    command = ["embed", str(sound), str(text), "--out", str(tmp_path / "x.npy"), *options]
    assert main(command) == 1
    of_sound, of_text = (line for line in capsys.readouterr().err.splitlines() if line.startswith("  "))
    assert of_sound.startswith(f"  {sound} is a sound of 40.00 seconds, over this model's limit of 30; split it, or ")
    assert of_sound.endswith(" or pass --truncate to take its first 30 seconds")
    assert of_text.endswith("; split it, or pass --truncate to cut its last text short")


def test_embed_leaves_failing_inputs_out_and_reports_each(
    model: Checkpoint, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {
        "archive.zip": (b"PK\x03\x04....", "is a file of the type application/zip"),
        "empty.txt": (b"", "is an empty file"),
        "latin.txt": (b"x" * 20_000 + b"caf\xe9", "is a text that is not UTF-8 at byte 20,003"),
        "long.txt": (b"word " * 300_000, "is a text of over 1,048,576 bytes; split it, or pass --truncate"),
        "picture.png": (b"\x89PNG\r\n\x1a\n cut", "begins as PNG, but its header can't be read"),
        "sound.wav": (b"RIFF\0\0\0\0WAVE", "holds a sound, but no audio tower is loaded"),
    }
    for name, (data, _) in broken.items():
        (folder / name).write_bytes(data)
    paths = [str(folder), str(folder / "missing.txt")]
    words = ["--model", str(model.text), "--mmproj", str(model.vision)]
    for out in ("x.npy", "x.npz"):
        assert main(["embed", *paths, "--out", str(tmp_path / out), *words]) == 1
        first, *failures = capsys.readouterr().err.splitlines()
        assert first == "3 embedded; 7 failed:"
        for name, (_, message) in broken.items():
            assert any(line.startswith(f"  {folder / name} {message}") for line in failures), name
        assert f"{folder / 'missing.txt'} can't be read" in failures[-1] or "missing.txt" in "".join(failures)
    with np.load(tmp_path / "x.npz") as written:
        assert [Path(name).name for name in written["names"]] == ["a.md", "b.txt", "c"]
        rows = np.load(tmp_path / "x.npy")  # a.md archive.zip b.txt ... sub/c missing.txt
        valid = ~np.isnan(rows).any(axis=1)
        assert valid.tolist() == [True, False, True, *[False] * 5, True, False]
        np.testing.assert_array_equal(rows[valid], written["vectors"])


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no file names that are not Unicode")
def test_embed_names_a_file_whose_name_is_not_unicode(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.close(os.open(os.fsencode(folder) + b"/caf\xe9.txt", os.O_CREAT | os.O_WRONLY))
    assert main(["embed", str(folder), "--out", str(tmp_path / "x.npz"), *options]) == 1
    expected = f"  {folder}/caf\\udce9.txt has a name that is not Unicode; rename it"
    assert capsys.readouterr().err.splitlines() == ["3 embedded; 1 failed:", expected]


def test_embed_reads_texts_by_their_byte_order_marks(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts").mkdir()
    for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        (tmp_path / "texts" / name).write_bytes("a café".encode(name))
    (tmp_path / "texts" / "latin-1").write_bytes("a café".encode("latin-1"))
    assert main(["embed", str(tmp_path / "texts"), "--out", str(tmp_path / "x.npz"), *options]) == 1
    assert "latin-1 is a text that is not UTF-8 at byte 5; convert it" in capsys.readouterr().err
    with np.load(tmp_path / "x.npz") as written:
        assert len(written["names"]) == 4
        assert (written["vectors"] == written["vectors"][0]).all()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_linked_folders_are_followed_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, other = tmp_path / "around" / "folder", tmp_path / "other"
    for path in (folder / "sub/a", folder / ".hidden/b", other / "c", other / "inner/d", folder / "db/files.lance/e"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    links = {
        "again": folder / "sub",
        "hidden": folder / ".hidden",
        "itself": folder,
        "linked": other,
        "part": other / "inner",
        "second": other,
        "to-db": folder / "db",
        "up": tmp_path / "around",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target, target_is_directory=True)
    (other / "back").symlink_to(folder, target_is_directory=True)
    found = [str(path.relative_to(folder)) for path in find_files(folder, pytest.fail)]
    assert found == ["hidden/b", "linked/c", "part/d", "sub/a"]
    (record,) = caplog.records
    assert record.getMessage() == f"{folder / 'up'} is a link to a folder around {folder} and is not followed"


# Closes a standard stream before Python begins; a shell does that by >&-.
CLOSED = "import os, sys; os.close(int(sys.argv[1])); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"


@pytest.mark.skipif(sys.platform == "win32", reason="a new process gets new streams there")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["1", "-m", "jina_omni", "embed", "{text}"], "error: stdout is closed"),
        (["1", "-m", "jina_omni", "models"], "error: stdout is closed"),
        (["1", "-m", "jina_omni", "--version"], "error: stdout is closed"),
        (["0", "-m", "jina_omni", "embed", "-"], "error: can't read stdin"),
        (["2", "-m", "jina_omni", "embed", "{broken}"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_closed_stream_ends_in_a_message(argv: list[str], message: str, folder: Path) -> None:
    broken = folder / "broken.zip"
    broken.write_bytes(b"PK\x03\x04....")
    done = run("-c", CLOSED, *(word.format(text=folder / "b.txt", broken=broken) for word in argv))
    assert done.returncode == (1 if argv[0] == "2" else 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe there has another error")
@pytest.mark.parametrize("argv", [["models"], ["demo"], ["embed", "{text}"], ["info"]], ids=" ".join)
def test_a_reader_that_ended_is_status_2(argv: list[str], folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "jina_omni", *(word.format(text=folder / "b.txt") for word in argv)]
    done = subprocess.run(
        command, env=make_environment(), stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a new process gets new streams there")
def test_no_file_gets_the_number_of_a_closed_stream(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    closed = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    assert run("-c", closed, "-m", "jina_omni", "embed", str(folder), "--out", str(out)).returncode == 0
    assert len(read_rows(out)) == 3  # in which no message was written


def test_a_text_that_is_too_long_is_cut_between_characters_when_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("x" + "é" * 600_000, "utf-8")
    assert read_inputs(path, truncate=True) == [jina_omni.Text("x" + "é" * 524_287)]
    with pytest.raises(jina_omni.InputTooLongError, match="over 1,048,576 bytes"):
        read_inputs(path)


def test_embed_stops_at_an_error_when_asked_to_and_goes_on_once_it_is_fixed(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a2.zip").write_bytes(b"PK\x03\x04....")
    for i in range(10):
        (folder / f"z{i}.txt").write_text(f"later {i}")
    command = ["embed", str(folder), "--out", str(tmp_path / "x.npz"), "--on-error", "stop", *options]
    assert main(command) == 1
    first, _, last = capsys.readouterr().err.splitlines()
    assert first == "3 embedded; 1 failed:"  # of the first chunk
    kept = "stopped at the first failure; finished work is kept in {}; run the same command to continue"
    assert last == kept.format(tmp_path / "x.npz.part.jsonl")
    assert not (tmp_path / "x.npz").exists()
    lines = tmp_path / "x.jsonl"
    assert main([str(lines) if word.endswith(".npz") else word for word in command]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == kept.format(lines)
    assert len(read_rows(lines)) == 3
    assert main([word for word in command if word != "--out" and not word.endswith(".npz")]) == 1  # to stdout
    assert capsys.readouterr().err.splitlines()[-1] == "stopped at the first failure"
    (folder / "a2.zip").unlink()
    assert main(command) == 0
    assert capsys.readouterr().err == "10 embedded; 3 already done\n"
    assert not (tmp_path / "x.npz.part.jsonl").exists()


def test_embed_appends_to_lines_of_json_what_they_lack(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.jsonl"
    command = ["embed", str(folder), "--out", str(out), *options]
    assert main(command) == 0
    whole = out.read_bytes()
    out.write_bytes(whole[:-100])  # as a process that is killed leaves it
    (folder / "new.txt").write_text("new")
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().err == "2 embedded; 2 already done\n"
    assert sorted(Path(name).name for name in read_rows(out)) == ["a.md", "b.txt", "c", "new.txt"]
    assert set(whole.splitlines()) < set(out.read_bytes().splitlines())
    assert main(command) == 0
    assert capsys.readouterr().err == "4 already done\n"


def test_embed_refuses_to_mix_vectors_that_do_not_compare(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.jsonl"
    assert main(["embed", str(folder), "--out", str(out), *options]) == 0
    whole = out.read_bytes()
    upright, white = ["--orientation", "upright"], ["--background", "white"]
    for others in (["--truncate-dim", "64"], ["--prompt", "x"], ["--dialect", "sentence-transformers"], upright, white):
        assert main(["embed", str(folder), "--out", str(out), *others, *options]) == 2
        assert "x.jsonl, line 1 is an embedding of" in capsys.readouterr().err
    out.write_text('{"id": 1}\n')
    assert main(["embed", str(folder), "--out", str(out), *options]) == 2
    assert "x.jsonl, line 1 was not written by this command" in capsys.readouterr().err
    assert out.read_text() == '{"id": 1}\n'
    out.write_bytes(whole)
    with out.open("a") as file:
        lock(file)
        assert main(["embed", str(folder), "--out", str(out), *options]) == 2
    assert "x.jsonl is in use by another jina-omni" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_embed_killed_midway_goes_on_and_ends_the_same(options: list[str], mixed: Path, tmp_path: Path) -> None:
    command = ["embed", str(mixed), *options, "--out"]
    assert main([*command, str(tmp_path / "whole.npz")]) == 0
    killed = interrupt(4, "SIGKILL", *command, str(tmp_path / "x.npz"))
    assert killed.returncode == -signal.SIGKILL
    part = tmp_path / "x.npz.part.jsonl"
    n_done = len(read_rows(part))
    assert 0 < n_done < 200
    finished = run("-m", "jina_omni", *command, str(tmp_path / "x.npz"))
    assert finished.returncode == 0
    *lines, report = finished.stderr.splitlines()
    assert report == f"{sum(MIXED.values()) - n_done} embedded; {n_done} already done"
    assert all("tokens/s" in line for line in lines)  # the progress of a slow machine
    with np.load(tmp_path / "whole.npz") as expected, np.load(tmp_path / "x.npz") as found:
        np.testing.assert_array_equal(found["names"], expected["names"])
        np.testing.assert_array_equal(found["vectors"], expected["vectors"])
    assert {path.name for path in tmp_path.iterdir()} == {"whole.npz", "x.npz"}


def test_embed_interrupted_keeps_what_was_done_and_says_how_to_go_on(
    options: list[str], mixed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x.jsonl"
    command = ["embed", str(mixed), *options, "--out", str(out)]
    interrupted = interrupt(3, "SIGINT", *command)
    assert interrupted.returncode == 130
    assert interrupted.stderr.splitlines()[-2:] == [
        f"finished work is kept in {out}; run the same command to continue",
        "interrupted",
    ]
    n_done = len(read_rows(out))
    assert 0 < n_done < 100


# --- index and search ---


@pytest.fixture(scope="module")
def indexed(mixed: Path, options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("lancedb")
    db = tmp_path_factory.mktemp("indexed") / "db"
    assert main(["index", str(mixed), "--db", str(db), *options]) == 0
    return db


def read_table(db: Path) -> dict[tuple[str, int], tuple[object, ...]]:
    """Return the size, SHA-256 and vector of each file in a database, by path and page."""
    rows = open_table(db).to_arrow().to_pylist()
    return {(row["path"], row["page"]): (row["size"], row["sha256"], tuple(row["vector"])) for row in rows}


def open_table(db: Path) -> object:
    return pytest.importorskip("lancedb").connect(str(db)).open_table("files")


def test_index_has_the_librarys_vector_of_each_file(mixed: Path, model: Checkpoint, indexed: Path) -> None:
    held = read_table(indexed)
    files = [path for path in mixed.rglob("[!.]*") if path.is_file()]
    assert set(held) == {(str(path), 0) for path in files}
    chosen = [mixed / name for name in ("texts/007.txt", "pictures/000.png", "sounds/003.wav", "films/film.mp4")]
    chosen.append(mixed / "documents/3.pdf")
    expected = embed(model, [chosen[0].read_text(), *chosen[1:]], prompt_name="document")
    np.testing.assert_array_equal([held[str(path), 0][2] for path in chosen], expected)


def test_a_database_knows_the_kind_of_each_file(mixed: Path, indexed: Path) -> None:
    kinds = {"texts": "text", "pictures": "image", "sounds": "audio", "films": "video", "documents": "pdf"}
    for row in open_table(indexed).to_arrow().to_pylist():
        assert row["kind"] == kinds[Path(row["path"]).relative_to(mixed).parts[0]]


def test_search_hides_files_that_are_gone(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    for i in range(8):
        (folder / f"{i}").write_text(f"{i} {i}")
    assert main(["index", str(folder), "--db", str(tmp_path / "db"), *options]) == 0
    search = ["search", "0 0", "--db", str(tmp_path / "db"), "-k"]
    capsys.readouterr()
    assert main([*search, "11"]) == 0
    names = [Path(line.split()[2]).name for line in capsys.readouterr().out.splitlines()]
    for name in names[:5]:
        (folder / name).rename(tmp_path / name) if name != "c" else (folder / "sub/c").unlink()
    for k in (1, 2, 4, 11):
        assert main([*search, str(k)]) == 0
        assert [Path(line.split()[2]).name for line in capsys.readouterr().out.splitlines()] == names[5:][:k]


def test_a_second_index_does_no_work(
    mixed: Path, indexed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in indexed.rglob("*")}
    monkeypatch.setattr(jina_omni.Model, "encode", None)
    assert main(["index", str(mixed), "--db", str(indexed)]) == 0  # the database knows the model
    assert capsys.readouterr().err == f"{sum(MIXED.values())} unchanged\n"
    assert {path: path.stat().st_mtime_ns for path in indexed.rglob("*")} == before


def test_search_finds_the_text_the_file_and_what_is_nearest(
    mixed: Path, model: Checkpoint, indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (mixed / "texts/042.txt").read_text()
    for query, best in ([text], "texts/042.txt"), (["--file", str(mixed / "sounds/011.wav")], "sounds/011.wav"):
        assert main(["search", *query, "--db", str(indexed), "-k", "3"]) == 0
        first, *others = capsys.readouterr().out.splitlines()
        assert re.fullmatch(rf"1   1\.000  {re.escape(str(mixed / best))}", first)
        assert len(others) == 2

    assert main(["search", "loud sea", "--db", str(indexed)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    held = read_table(indexed)
    (cosines,) = jina_omni.cosine_similarity(embed(model, ["loud sea"]), [row[2] for row in held.values()])
    order = np.argsort(-cosines)[:10]
    assert [line[2] for line in lines] == [list(held)[i][0] for i in order]
    np.testing.assert_allclose([float(line[1]) for line in lines], cosines[order], atol=0.00051)


def test_search_takes_the_beginning_of_a_long_query_where_it_is_told_to(
    indexed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = tmp_path / "long.wav"
    soundfile.write(query, np.zeros(31 * 16_000), 16_000)
    search = ["search", "--file", str(query), "--db", str(indexed), "-k", "1"]
    assert main(search) == 2
    assert "pass --truncate to take its first 30 seconds" in capsys.readouterr().err
    assert main([*search, "--truncate"]) == 0


def test_search_writes_a_page_that_holds_all_it_shows(mixed: Path, indexed: Path, tmp_path: Path) -> None:
    page = tmp_path / "found.html"
    total = str(sum(MIXED.values()))
    assert main(["search", "<b>a & b</b>", "--db", str(indexed), "-k", total, "--html", str(page)]) == 0
    text = page.read_text("utf-8")
    assert "<h1>&lt;b&gt;a &amp; b&lt;/b&gt;</h1>" in text
    assert text.count("<figure>") == sum(MIXED.values())
    data = re.findall(r'(?:src|poster)="data:image/jpeg;base64,([^"]+)"', text)
    pictures = list(map(base64.b64decode, data))
    assert len(pictures) == N_PICTURES + 1 + 2
    assert {PILImage.open(io.BytesIO(data)).size for data in pictures} >= {(32, 24), (64, 64)}
    assert text.count("<p>&#9835; sound</p><audio controls") == N_SOUNDS
    assert text.count("<video controls") == 1
    assert "default-src 'none'; img-src data:; media-src file:; style-src 'unsafe-inline'" in text
    assert f"<p>{(mixed / 'texts/042.txt').read_text()}</p>" in text
    assert not re.findall(r'(?:src|href|poster)="(?!data:|file:)', text)
    assert "<script" not in text


def test_index_notices_what_was_changed_added_renamed_touched_and_removed(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    db = folder / "db"  # inside of what is indexed
    for name in ("it's", "renamed", "swapped 1", "swapped 2", "gone", "touched"):
        (folder / name).write_text(f"this is {name}")
    command = ["index", str(folder), "--db", str(db)]
    assert main([*command, *options]) == 0
    assert capsys.readouterr().err == "9 embedded\n"

    (folder / "it's").write_text("this is another")
    (folder / "renamed").rename(folder / "sub/new name")
    one, two = (folder / "swapped 1").read_text(), (folder / "swapped 2").read_text()
    (folder / "swapped 1").write_text(two)
    (folder / "swapped 2").write_text(one)
    (folder / "gone").unlink()
    os.utime(folder / "touched", ns=(1, 1))
    (folder / "copy of b.txt").write_text((folder / "b.txt").read_text())
    (folder / "added").write_text("this is new")
    (folder / "added twice").write_text("this is new")
    assert main(command) == 0
    assert capsys.readouterr().err == "2 embedded; 6 reused; 3 unchanged; 2 removed\n"

    held = read_table(db)
    assert len(held) == 11
    shutil.rmtree(db)
    assert main([*command, *options]) == 0
    assert read_table(db) == held


def test_index_of_pages_has_a_vector_for_each(
    mixed: Path, model: Checkpoint, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    db = tmp_path / "db"
    documents = mixed / "documents"
    assert main(["index", str(documents), "--db", str(db), "--pages", *options]) == 0
    path = str(documents / "3.pdf")
    held = read_table(db)
    assert set(held) == {(str(documents / "1.pdf"), 1), (path, 1), (path, 2), (path, 3)}
    expected = embed(model, jina_omni.Pdf(path).split())
    np.testing.assert_array_equal([held[path, page][2] for page in (1, 2, 3)], expected)
    PILImage.new("RGB", (60, 80), "black").save(tmp_path / "x.png")
    capsys.readouterr()
    assert main(["search", "--file", str(tmp_path / "x.png"), "--db", str(db), "--html", str(tmp_path / "x.html")]) == 0
    assert f"{path}, page 2" in capsys.readouterr().out
    assert (tmp_path / "x.html").read_text().count("data:image/jpeg") == 1 + 4  # the query, and each page
    assert main(["index", str(documents), "--db", str(db)]) == 0
    assert capsys.readouterr().err == "2 unchanged\n"


def test_index_has_a_vector_for_each_excerpt_of_long_media_and_search_shows_its_time(
    model: Checkpoint, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    folder = tmp_path / "long"
    folder.mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(folder / "talk.wav", rng.normal(0, 0.1, 70 * 16_000), 16_000)
    soundfile.write(folder / "copy.wav", rng.normal(0, 0.1, 30 * 16_000), 16_000)
    shutil.copy(folder / "talk.wav", folder / "talk again.wav")
    pictures = np.kron(rng.integers(0, 256, (130, 4, 4, 3)), np.ones((1, 16, 16, 1))).astype(np.uint8)
    (folder / "film.mp4").write_bytes(video_file(pictures, rate=2))
    (folder / "cut.mp4").write_bytes(video_file(pictures, rate=2)[:-2000])
    command = ["index", str(folder), "--db", str(tmp_path / "db")]
    assert main([*command, *options]) == 1
    first, failure = capsys.readouterr().err.splitlines()
    assert first == "3 embedded; 1 reused; 1 failed:"
    assert failure.startswith(f"  {folder / 'cut.mp4'} is cut short")

    rows = open_table(tmp_path / "db").to_arrow().to_pylist()
    held = {(Path(row["path"]).name, row["start"], row["end"]): row["vector"] for row in rows}
    times = [(0, 30), (30, 60), (60, 70)]
    expected = {("copy.wav", 0, 0): folder / "copy.wav"}
    for name in ("talk.wav", "talk again.wav"):
        expected |= {(name, *time): jina_omni.Audio(folder / name, start=time[0], end=time[1]) for time in times}
    for start, end in (0, 30), (30, 60), (60, 65):
        expected["film.mp4", start, end] = jina_omni.Video(folder / "film.mp4", start=start, end=end)
    assert set(held) == set(expected)
    vectors = embed(model, list(expected.values()), prompt_name="document")
    np.testing.assert_array_equal([held[key] for key in expected], vectors)

    page = tmp_path / "found.html"
    assert main(["search", "a sound", "--db", str(tmp_path / "db"), "--html", str(page)]) == 0
    found = capsys.readouterr().out
    assert f"{folder / 'film.mp4'}, 0:30 to 1:00\n" in found
    assert f"{folder / 'talk.wav'}, 1:00 to 1:10 and 1 copy\n" in found
    text = page.read_text("utf-8")
    assert re.search(rf'<audio controls [^>]* src="{(folder / "talk.wav").as_uri()}#t=60,70">', text)
    assert re.search(rf'<video controls [^>]* src="{(folder / "film.mp4").as_uri()}#t=30,60" poster="data:', text)
    assert len(set(re.findall(r'poster="([^"]+)"', text))) == 3  # the first frame of each excerpt
    assert main(command) == 0
    assert capsys.readouterr().err == "4 unchanged; 1 failed as before\n"


def test_a_database_of_an_earlier_version_is_refused(
    tmp_path: Path, indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = shutil.copytree(indexed, tmp_path / "db")
    open_table(db).drop_columns(["start", "kind"])
    assert main(["search", "x", "--db", str(db)]) == 2
    assert f"{db} was made by an earlier version, without kind, start; remove it" in capsys.readouterr().err


def test_a_database_numbers_pages_by_their_place(options: list[str], tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "documents").mkdir()
    no_area = b"/MediaBox[0 0 72 72]/CropBox[400 400 500 500]"
    path = tmp_path / "documents/a.pdf"
    path.write_bytes(document((INCH, b""), (no_area, b""), (INCH, rectangle((255, 0, 0), 0, 0, 72, 72))))
    assert main(["index", str(path.parent), "--db", str(tmp_path / "db"), "--pages", *options]) == 0
    assert {row["page"] for row in open_table(tmp_path / "db").to_arrow().to_pylist()} == {1, 3}


def test_a_database_keeps_how_pictures_are_laid_out(
    model: Checkpoint, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "pictures").mkdir()
    path, words = tmp_path / "pictures/a.png", ["--orientation", "upright", "--background", "white"]
    save_turned_picture(path)
    assert main(["index", str(path.parent), "--db", str(tmp_path / "db"), *words, *options]) == 0
    (row,) = read_table(tmp_path / "db").values()
    expected = embed(model, [jina_omni.Image(path, orientation="upright", background="white")])
    np.testing.assert_array_equal(row[2], expected[0])
    assert main(["index", str(path.parent), "--db", str(tmp_path / "db")]) == 0
    capsys.readouterr()
    page = tmp_path / "found.html"
    assert main(["search", "--file", str(path), "--db", str(tmp_path / "db"), "--html", str(page)]) == 0
    assert capsys.readouterr().out.startswith("1   1.000")
    found = [Finding(1.0, 1.0, str(path), Place(), "image", [])]
    assert page.read_text("utf-8") == render_gallery(Query(file=path), found, ON_WHITE)


def test_a_page_shows_pictures_as_they_are_embedded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    exif = PILImage.Exif()
    exif[0x0112] = 6  # turned right to be upright
    pixels = np.full((64, 96, 4), (0, 0, 255, 255), np.uint8)
    pixels[:, :48] = 255, 0, 0, 0
    PILImage.fromarray(pixels).save(path, exif=exif)
    red, blue, white = (255, 0, 0), (0, 0, 255), (255, 255, 255)
    for pictures, shape, first in (PictureOptions(), (64, 96, 3), red), (ON_WHITE, (96, 64, 3), white):
        found = [Finding(1.0, 1.0, str(path), Place(), "image", [])]
        page = render_gallery(Query("pictures"), found, pictures)
        (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
        shown = np.asarray(PILImage.open(io.BytesIO(base64.b64decode(data))))
        assert shown.shape == shape
        np.testing.assert_allclose([shown[0, 0], shown[-1, -1]], [first, blue], atol=4)


def test_one_database_takes_several_folders(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x.txt").write_text("something else")
    (tmp_path / "other/y.txt").write_text("a red circle")
    db = tmp_path / "db"
    assert main(["index", str(folder), "--db", str(db), *options]) == 0
    assert main(["index", str(tmp_path / "other"), "--db", str(db)]) == 0
    assert capsys.readouterr().err == "3 embedded\n1 embedded; 1 reused\n"
    assert len(read_table(db)) == 5


def test_index_reports_what_fails_once(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    db = tmp_path / "db"
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (folder / "broken copy.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (folder / "empty").touch()
    if os.name == "posix":
        (folder / "dangling").symlink_to("nowhere")
        os.close(os.open(os.fsencode(folder) + b"/caf\xe9.txt", os.O_CREAT | os.O_WRONLY))
    n_failed = 5 if os.name == "posix" else 3
    command = ["index", str(folder), "--db", str(db), *options]
    assert main(command) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"3 embedded; {n_failed} failed:"
    assert any(line.startswith(f"  {folder / 'broken.png'} begins as PNG, but") for line in lines)
    assert any(line.startswith(f"  {folder / 'broken copy.png'} begins as PNG, but") for line in lines)
    assert main(command) == 0
    assert capsys.readouterr().err == f"3 unchanged; {n_failed} failed as before\n"
    assert main([*command, "--verbose"]) == 0
    assert sorted(capsys.readouterr().err.splitlines()[2:]) == sorted(lines[1:])
    (folder / "a.md").write_bytes(b"{\xff\xfe")  # a file that is no longer what was embedded is not found
    assert main(command) == 1
    assert {Path(path).name for path, _ in read_table(db)} == {"b.txt", "c"}


def test_index_and_search_refuse_another_model_and_another_indexer(
    options: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    db = tmp_path / "db"
    assert main(["index", str(folder), "--db", str(db), "--truncate-dim", "64", *options]) == 0
    held = read_table(db)
    capsys.readouterr()
    other = write_text(tmp_path / "tiny-retrieval-F16.gguf", TINY["small"], task="retrieval")
    dialect = ["--dialect", "sentence-transformers"]
    pictures = ["--orientation", "upright", "--background", "white"]
    for words in (["--truncate-dim", "32"], ["--model", str(other)], dialect, ["--pages"], pictures[:2], pictures[2:]):
        assert main(["index", str(folder), "--db", str(db), *words]) == 2
        assert "don't belong together; make another database" in capsys.readouterr().err
    assert main(["search", "x", "--db", str(db), "--model", str(other)]) == 2
    assert "don't compare; pass the database's model" in capsys.readouterr().err
    with (db / "index.lock").open("a") as file:
        lock(file)
        assert main(["index", str(folder), "--db", str(db)]) == 2
        assert "index.lock is in use by another jina-omni" in capsys.readouterr().err
        assert main(["search", "x", "--db", str(db)]) == 0  # reading needs no lock
    assert read_table(db) == held


def test_a_database_that_is_damaged_is_an_error_of_one_line(
    folder: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    (tmp_path / "db/files.lance/_versions").mkdir(parents=True)
    (tmp_path / "db/files.lance/_versions/1.manifest").write_text("x")
    for command in (["search", "x"], ["index", str(folder), *options]):
        assert main([*command, "--db", str(tmp_path / "db")]) == 2
        assert re.fullmatch(r"error: \S+db: LanceDB says: .*\n", capsys.readouterr().err)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_index_killed_midway_goes_on_and_ends_the_same(
    mixed: Path, indexed: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "db"
    command = ["index", str(mixed), "--db", str(db)]
    killed = interrupt(5, "SIGKILL", *command, *options)
    assert killed.returncode == -signal.SIGKILL
    n_done = len(read_table(db))
    assert 0 < n_done < 200
    assert main(command) == 0
    assert capsys.readouterr().err == f"{sum(MIXED.values()) - n_done} embedded; {n_done} unchanged\n"
    assert read_table(db) == read_table(indexed)


def test_index_interrupted_keeps_what_was_done_and_says_how_to_go_on(
    mixed: Path, options: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("lancedb")
    db = tmp_path / "db"
    interrupted = interrupt(3, "SIGINT", "index", str(mixed), "--db", str(db), *options)
    assert interrupted.returncode == 130
    assert interrupted.stderr.splitlines()[-2:] == [
        f"finished work is kept in {db}; run the same command to continue",
        "interrupted",
    ]
    assert 0 < len(read_table(db)) < 100


# --- chunks ---


def test_chunks_grow_while_they_are_quick_and_shrink_when_they_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(chunks, "time", SimpleNamespace(monotonic=lambda: now[0]))
    lengths = []
    for chunk in chunks.split_into_chunks(range(1000), lambda _: 1):
        lengths.append(len(chunk))
        now[0] += 0.03 * len(chunk)  # seconds
    assert lengths[:6] == [4, 8, 16, 32, 64, 128]
    assert max(lengths) * 0.03 < 8
    assert sum(lengths) == 1000


def test_a_chunk_of_large_files_is_short() -> None:
    megabytes = [1, 1, 30, 1, 100, 100, 1]
    found = list(chunks.split_into_chunks(megabytes, lambda size: size << 20))
    assert found == [[1, 1, 30], [1], [100], [100], [1]]
