# SPDX-License-Identifier: Apache-2.0
"""Which files a model's name means, without a network."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import jina_omni
from jina_omni import Model, ModelLoadError, ModelPaths
from jina_omni import opening as opening_module
from jina_omni.opening import find_in_folder, find_model, make_absolute
from testing.gguf_parts import key

NAMES = ("a-Q4_0.gguf", "a-Q8_0.gguf", "a-vision-mmproj-F16.gguf", "a-audio-mmproj-F16.gguf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"GGUF")
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Record what the Hub is asked for, in its place."""
    names: list[tuple[str, str]] = []

    def download(name: str, *, modality: str) -> ModelPaths:
        names.append((name, modality))
        return ModelPaths("hub.gguf", ())

    monkeypatch.setattr(opening_module, "download", download)
    return names


def test_a_text_model_file_takes_its_projector_files_from_the_caller(folder: Path) -> None:
    text, vision, audio = (folder / NAMES[i] for i in (0, 2, 3))
    for none in (None, [], ()):
        assert find_model(text, none) == ModelPaths(str(text), ())
    for one in (vision, str(vision), [vision], (str(vision),)):
        assert find_model(str(text), one) == ModelPaths(str(text), (str(vision),))
    assert find_model(text, [vision, audio]).mmproj == (str(vision), str(audio))


def test_a_folder_is_read_by_the_names_of_its_files(folder: Path) -> None:
    for name in (f"{folder}:Q8_0", Path(f"{folder}:q8_0")):
        paths = find_model(name)
        assert paths.text == str(folder / "a-Q8_0.gguf")
        assert paths.mmproj == tuple(str(folder / name) for name in NAMES[2:])
    assert find_model(f"{folder}:Q4_0", modality="audio").mmproj == (str(folder / NAMES[3]),)
    assert find_model(f"{folder}:Q4_0", modality="text").mmproj == ()


def test_a_path_that_exists_comes_before_a_name_on_the_hub(
    folder: Path, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert find_model("small-retrieval").text == "hub.gguf"
    assert find_model("owner/name:Q8_0", modality="vision").text == "hub.gguf"
    assert asked == [("small-retrieval", "omni"), ("owner/name:Q8_0", "vision")]
    for here in ("small-retrieval", "owner/name"):
        Path(here).mkdir(parents=True)
        (Path(here) / "b.gguf").touch()
    Path("small-clustering").touch()  # a file of any name
    assert find_model("small-retrieval", modality="text").text == str(Path("small-retrieval", "b.gguf"))
    with pytest.raises(ModelLoadError, match="there is no text model file of Q8_0"):
        find_model("owner/name:Q8_0", modality="text")
    assert find_model("small-clustering").text == "small-clustering"
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["./small", "../small", "~/small", "/no/small", "a/b/c", "C:\\models\\small", "a\\b"])
def test_a_path_that_does_not_exist_is_not_asked_for(
    name: str, asked: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)  # beside which there is nothing
    with pytest.raises(ModelLoadError, match=r": there is no such file or folder; check the path$"):
        find_model(name)
    with pytest.raises(ModelLoadError, match="there is no such file or folder"):
        find_model(Path("small-retrieval"))  # a Path is always a path
    assert find_model("missing.gguf").text == "missing.gguf"  # which the loader refuses
    assert asked == []


def test_what_the_hub_refuses_says_that_there_is_no_such_path_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, **_: object) -> ModelPaths:
        raise ModelLoadError(f"the Hub has no repository {name}")

    monkeypatch.setattr(opening_module, "download", refuse)
    words = "^there is no file or folder 'models/foo'; on the Hub: the Hub has no repository models/foo$"
    with pytest.raises(ModelLoadError, match=words):
        Model("models/foo")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((3,), {}, TypeError, "^model is of the type int; it takes a path, a str or a PathLike$"),
        ((None,), {}, TypeError, "^model is of the type NoneType"),
        ((b"a.gguf",), {}, TypeError, "^model is of the type bytes"),
        (("a.gguf", 3), {}, TypeError, "^mmproj is of the type int; it takes a path, a list of paths or None$"),
        (("a.gguf", [3]), {}, TypeError, "^mmproj is of the type int; it takes a path"),
        (("a.gguf",), {"modality": "vision"}, ValueError, "^modality is 'vision', which .* a.gguf is a file"),
        (("a.gguf",), {"modality": "image"}, ValueError, "^modality is 'image'; it is one of omni, vision"),
        (("a.gguf",), {"n_threads": 0}, ValueError, "^n_threads is 0; it takes a whole number from 1 to 512$"),
        (("a.gguf",), {"n_threads": 1 << 40}, ValueError, "it takes a whole number from 1 to 512$"),
        (("a.gguf",), {"n_threads": 1.5}, TypeError, "^n_threads is 1.5; it takes a whole number from 1 to 512$"),
        (("a.gguf",), {"compute": "quick"}, ValueError, "^compute is 'quick'; it is one of fast, exact$"),
        (("a.gguf",), {"compute": None}, ValueError, "^compute is None; it is one of fast, exact$"),
        (("a.gguf",), {"dialect": "st"}, ValueError, "^dialect is 'st'; it is one of card, sentence-transformers$"),
        (("a.gguf",), {"task": "search"}, ValueError, "^task is 'search'; it is one of retrieval, text-matching, "),
        (("a.gguf",), {"device": 0}, TypeError, "^device is 0; it takes a str$"),
        (("a.gguf",), {"n_ctx": 8}, TypeError, r"^Model\(\) has no argument 'n_ctx'; the context is that of the file$"),
        (("a.gguf",), {"path": "b"}, TypeError, r"^Model\(\) has no argument 'path'; it takes model, mmproj"),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_takes(
    arguments: tuple[object, ...], options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Model(*arguments, **options)  # type: ignore[arg-type]


def test_projector_files_go_with_a_file_only(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^mmproj goes with a text model file, but .* is not one; pass modality"):
        Model(folder, mmproj=folder / NAMES[2])


def test_names_with_a_path_become_absolute_and_others_stay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    real = os.path.realpath(folder)
    assert make_absolute(folder.name) == real
    assert make_absolute(f"{folder.name}:Q8_0") == f"{real}:Q8_0"
    assert make_absolute(f"{folder.name}/a-Q4_0.gguf") == os.path.join(real, "a-Q4_0.gguf")  # noqa: PTH118
    for name in ("small-retrieval", "owner/name:Q8_0"):
        assert make_absolute(name) == name


def test_a_folder_by_from_dir_is_never_a_name_on_the_hub(
    folder: Path, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = find_in_folder(folder, "q8_0", "vision")
    assert (paths.text, paths.mmproj) == (str(folder / NAMES[1]), (str(folder / NAMES[2]),))
    monkeypatch.chdir(folder)
    for missing in ("small-retrieval", Path("owner/name"), NAMES[0], "a\0b"):
        with pytest.raises(ModelLoadError, match=": is not a folder; from_dir takes a folder, and Model a text model"):
            Model.from_dir(missing)
    assert asked == []
    for arguments, error, words in (
        ((3,), TypeError, "^path is of the type int; it takes a path"),
        ((folder, 8), TypeError, "^quantization is 8; it takes a str$"),
    ):
        with pytest.raises(error, match=words):
            Model.from_dir(*arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^modality is 'image'; it is one of omni"):
        Model.from_dir(folder, modality="image")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["imatrix", "adapter"])
def test_a_file_that_is_not_a_model_by_its_header_is_left_out(kind: str, tmp_path: Path) -> None:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 2)
    other = key("general.name", "string", "calibration") + key("general.type", "string", kind)
    (tmp_path / "calibration.gguf").write_bytes(head + other)
    with pytest.raises(ModelLoadError, match="there is no text model file"):
        find_in_folder(tmp_path, modality="text")
    model = key("general.type", "string", "model") + key("general.description", "string", kind)
    (tmp_path / "a.gguf").write_bytes(head + model)
    assert find_in_folder(tmp_path, modality="text").text == str(tmp_path / "a.gguf")


def test_sidecars_of_macos_are_left_out(folder: Path) -> None:
    for name in NAMES:
        (folder / f"._{name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")  # AppleDouble
    assert find_model(f"{folder}:Q8_0").mmproj == tuple(str(folder / name) for name in NAMES[2:])


def test_the_toy_model_opens_by_its_folder() -> None:
    from jina_omni.demo import DATA

    with Model(DATA, modality="text", device="cpu") as model:
        assert model.info.modalities == ("text",)
    with jina_omni.demo_model(modality="audio", device="cpu") as model:
        assert model.info.modalities == ("text", "audio")
