"""Split files: all their parts are one model, and a part that is missing or of another file is named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.native import Projector, TextModel, find_device
from testing.checkpoints.writer import Checkpoint
from testing.gguf_parts import Parts, key, split_file

CPU = find_device("cpu")
TEXT = "Some words, größer than 3.14"
IMAGE = jina_omni.Image(np.full((40, 60, 3), 99, np.uint8))


@pytest.mark.parametrize("options", [{}, {"mmap": False}], ids=["mapped", "in memory"])
@pytest.mark.parametrize("count", [2, 3, 11])
def test_the_parts_are_the_model_that_was_split(count: int, options: dict, small: Checkpoint, tmp_path: Path) -> None:
    text = split_file(small.text, tmp_path / "größe-F16", count)
    vision = split_file(small.vision, tmp_path / "vision-mmproj-F16", count)
    with jina_omni.Model(small.text, small.vision, n_threads=1) as whole:
        expected, info = whole.encode([TEXT, IMAGE]), whole.info
    with jina_omni.Model(text[0], vision[0], n_threads=1, **options) as model:
        assert np.array_equal(model.encode([TEXT, IMAGE]), expected)
        assert (model.info.n_params, model.info.n_bytes, model.info.task) == (info.n_params, info.n_bytes, info.task)
        assert (model.info.path, model.info.quantization) == (str(text[0]), "F16")
    with jina_omni.Model(tmp_path, modality="vision", n_threads=1, **options) as model:
        assert np.array_equal(model.encode([TEXT, IMAGE]), expected)


def test_a_first_part_may_have_no_tensors(small: Checkpoint, tmp_path: Path) -> None:
    """As llama-gguf-split --no-tensor-first-split writes it."""
    paths = split_file(small.text, tmp_path / "a", 2)
    whole, first = Parts(small.text), Parts(paths[0])
    first.keys["split.tensors.count"] = key("split.tensors.count", "i32", len(whole.tensors))
    first.tensors, first.data = {}, b""
    paths[0].write_bytes(first.joined())
    whole.keys = {name: key(name, "u16", 1 + (name == "split.count")) for name in ("split.no", "split.count")}
    paths[1].write_bytes(whole.joined())
    with jina_omni.Model(small.text, n_threads=1) as one, jina_omni.Model(paths[0], n_threads=1) as other:
        assert np.array_equal(one.encode(TEXT), other.encode(TEXT))


def change(path: Path, name: str, kind: str, value: int) -> None:
    parts = Parts(path)
    parts.keys[name] = key(name, kind, value)
    path.write_bytes(parts.joined())


def give_another_name(paths: list[Path]) -> None:
    paths[0] = paths[0].rename(paths[0].with_name("model.gguf"))


# What is done to three parts, and what the error says after the name of the first.
DAMAGES: dict[str, tuple[Callable[[list[Path]], object], str]] = {
    "a part is missing": (
        lambda p: p[2].unlink(),
        "first of 3 parts .* part 3 is refused: .*-00003-of-00003.gguf: there",
    ),
    "a part is empty": (lambda p: p[1].write_bytes(b""), "part 2 is refused: .*: the file is empty"),
    "a part is cut": (
        lambda p: p[1].write_bytes(p[1].read_bytes()[:-4096]),
        "part 2 is refused: .* cut short: expected",
    ),
    "a part is twice there": (
        lambda p: shutil.copy(p[1], p[2]),
        "part 3 is refused: .*'split.no' is 1, expected 2 to 2",
    ),
    "a part is of another model": (
        lambda p: change(p[1], "split.count", "u16", 4),
        "part 2 is refused: .*'split.count' is 4, expected 3 to 3",
    ),
    "a part is a whole file": (lambda p: p[1].write_bytes(p[3].read_bytes()), "part 2 is .*'split.no' is missing"),
    "a tensor is missing": (
        lambda p: change(p[0], "split.tensors.count", "i32", 999),
        "'split.tensors.count' is 999, but the 3 parts of the split file have .* tensors: a part is of another file",
    ),
    "a tensor is twice there": (
        lambda p: (shutil.copy(p[1], p[2]), change(p[2], "split.no", "u16", 2)),
        "tensor '.*' occurs twice|'split.tensors.count' is",
    ),
    "the first has another name": (
        give_another_name,
        "first of 3 parts .* names that end in -00001-of-00003.gguf and so",
    ),
    "another is passed": (
        lambda p: p.reverse(),
        "is part 3 of 3 of a split file; pass the first part, .* -00001-of-00003",
    ),
    "there are too many": (
        lambda p: change(p[0], "split.count", "u32", 1 << 31),
        "'split.count' is 2147483648, expected",
    ),
    "it has no number": (lambda p: change(p[0], "split.no", "i32", -1), "'split.no' is -1, expected 0 to 2"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_does_not_belong_to_the_others_is_named(name: str, small: Checkpoint, tmp_path: Path) -> None:
    damage, words = DAMAGES[name]
    paths = [*split_file(small.text, tmp_path / "a", 3), small.text]
    damage(paths)
    path = paths[1] if name == "another is passed" else paths[0]
    with pytest.raises(jina_omni.ModelLoadError, match=f"(?s)^{re.escape(str(path))}: .*({words})"):
        TextModel(path, CPU)


def test_one_part_of_one_is_a_whole_file(small: Checkpoint, tmp_path: Path) -> None:
    (path,) = split_file(small.vision, tmp_path / "a", 1)
    assert Projector(path, CPU).n_params == Projector(small.vision, CPU).n_params
    assert Projector(path.rename(tmp_path / "b.gguf"), CPU).has_vision


@pytest.mark.parametrize(("kind", "words"), [("imatrix", "is an importance matrix"), ("adapter", "is an adapter")])
@pytest.mark.parametrize("load", [TextModel, Projector])
def test_a_gguf_file_that_is_not_a_model_is_named(
    kind: str, words: str, load: type, small: Checkpoint, tmp_path: Path
) -> None:
    parts = Parts(small.text)
    parts.keys["general.type"] = key("general.type", "string", kind)
    (tmp_path / "a.gguf").write_bytes(parts.joined())
    with pytest.raises(jina_omni.ModelLoadError, match=f"a.gguf: {words}.*; take the file of "):
        load(tmp_path / "a.gguf", CPU)
