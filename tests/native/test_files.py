"""Damaged, hostile and foreign files through the real loader: a refusal that names the file, never an abort.

Every file is loaded, and run if it loads, in the process of `tests.native.loader`. What is done to the files, and for
which advisory, is in `testing.gguf_damages` and `testing.gguf_advisories`.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray
from PIL import Image

import jina_omni
from jina_omni.native import Context, Projector, TextModel, find_device
from testing.checkpoints.numpy_reference import NumpyText, NumpyVision
from testing.checkpoints.pixels import Patches
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, Edits, write_text, write_vision
from testing.gguf_damages import CASES
from testing.gguf_edits import EMBD, TOKENS, Case, u32, u64
from testing.gguf_parts import Parts, key, tensor
from tests.native.loader import Loader
from tests.native.sequences import cosines, pooled

CPU = find_device("cpu")
TEXT = "Some words, größer than 3.14"


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    loader = Loader()
    yield loader
    loader.close()


def source(of: str, small: Checkpoint, nano: Checkpoint) -> Path:
    return {"nano": nano.text, "small": small.text, "both": small.combined}.get(of) or getattr(small, of)


def test_more_than_a_hundred_and_fifty_damages_are_tried() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 150


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_damaged_file_is_refused_by_name(
    case: Case, loader: Loader, small: Checkpoint, nano: Checkpoint, tmp_path: Path
) -> None:
    original = source(case.of, small, nano)
    path = tmp_path / original.name
    path.write_bytes(case.damage(Parts(original)))
    error, message = loader(path)
    path.unlink()
    assert error == "ModelLoadError", message
    assert message.startswith(f"{path}: ")
    assert re.search(case.words, message.removeprefix(f"{path}: ")), message
    assert message.isprintable()


def test_random_damage_is_refused_or_harmless(
    loader: Loader, small: Checkpoint, nano: Checkpoint, tmp_path: Path
) -> None:
    """A few numbers of the header overwritten at once; what loads is run too."""
    seen = set()
    sources = [(path, Parts(path)) for path in (small.text, nano.text, small.vision, small.audio)]
    for seed in range(400):
        rng = np.random.default_rng(seed)
        original, parts = sources[seed % len(sources)]
        # most of a text file's places are its tokens
        places = [p for p in parts.header.places if not p.owner.startswith("tokenizer.ggml.") or rng.random() < 0.01]
        data = bytearray(parts.original)
        for place in rng.choice(len(places), rng.integers(1, 4)):
            _, _, at, size = places[place]
            if rng.random() < 0.5:
                data[at : at + size] = bytes(size - 1) + bytes([rng.choice([0, 0x7F, 0x80])])[: min(size, 1)]
            elif size:
                data[at + rng.integers(size)] ^= 1 << rng.integers(8)
        path = tmp_path / f"{seed}-{original.name}"
        path.write_bytes(data)
        error, message = loader(path)
        path.unlink()
        assert error in ("", "ModelLoadError", "NativeError"), (seed, message)
        assert error != "ModelLoadError" or message.startswith(f"{path}: "), (seed, message)
        seen.add(error)
    assert seen >= {"", "ModelLoadError"}


# ---- files of another kind ------------------------------------------------------------------------------------------

FOREIGN = {
    "empty": (b"", "the file is empty"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(300), "not a GGUF file: it has 308 bytes and starts with 89 50 4e 47"),
    "text": (b"hello, model\n" * 30, "it is text, starting with 'hello, model"),
    "web page": (b"\n<!DOCTYPE html><html>" + b" " * 300, "it is a web page"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git-lfs pointer"),
    "safetensors": (u64(40) + b'{"a":{"dtype":"F16"}}' + bytes(300), "it is a safetensors file"),
    "zip": (b"PK\x03\x04" + bytes(300), "it is a zip archive"),
    "pickle": (b"\x80\x02}q\x00." + bytes(300), "it is a Python pickle"),
    "zeros": (bytes(5000), "it starts with zeros"),
    "three bytes": (b"GGU", "not a GGUF file"),
    "ggml": (b"lmgg" + bytes(300), "older than GGUF"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("as_what", ["text.gguf", "mmproj.gguf"])
def test_a_file_of_another_kind_is_named(name: str, as_what: str, loader: Loader, tmp_path: Path) -> None:
    data, words = FOREIGN[name]
    path = tmp_path / as_what
    path.write_bytes(data)
    error, message = loader(path)
    assert error == "ModelLoadError"
    assert message.startswith(f"{path}: ")
    assert words in message


def test_what_is_no_file_is_named(small: Checkpoint, tmp_path: Path) -> None:
    cases = [(tmp_path, "is a directory"), (tmp_path / "absent.gguf", "there is no such file")]
    cases.append((small.text / "below", "there is no such file"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # must not wait for a writer
        cases.append((tmp_path / "pipe", "is not a regular file"))
    for path, words in cases:
        for load in (TextModel, Projector):
            with pytest.raises(jina_omni.ModelLoadError, match=f"^{re.escape(str(path))}: {words}"):
                load(path, CPU)
    for path, words in (("a\0b", "NUL"), ("a\ud800b", "not Unicode")):
        with pytest.raises(jina_omni.ModelLoadError, match=words):
            TextModel(path, CPU)
    with pytest.raises(jina_omni.ModelLoadError, match="path of the model file is empty"):
        TextModel("", CPU)


def test_a_path_of_any_characters_opens(small: Checkpoint, tmp_path: Path) -> None:
    path = shutil.copy(small.text, tmp_path / "größe 你好 🦙 'x'.gguf")
    with jina_omni.Model(path) as model:
        assert model.encode(TEXT).shape == (256,)


def wrong_sets(small: Checkpoint, nano: Checkpoint, folder: Path) -> dict[str, tuple[list[Path], Path, str]]:
    """Return files that don't belong together, which of them is named, and why."""
    other_task = write_vision(folder / "other.gguf", TINY["small"], task="retrieval")
    pixels = Parts(small.vision)
    pixels.keys["clip.vision.image_min_pixels"] = key("clip.vision.image_min_pixels", "u32", 2_000_000)
    (folder / "pixels-mmproj.gguf").write_bytes(pixels.joined())
    narrow = replace(TINY["nano"], vision=replace(TINY["nano"].vision, n_embd_text=128))
    other_size = write_vision(folder / "narrow.gguf", narrow)
    return {
        "an mmproj as the text": ([small.vision, small.vision], small.vision, "pass this file as mmproj"),
        "an audio mmproj as the text": ([small.audio, small.vision], small.audio, "pass this file as mmproj"),
        "the text as mmproj": ([small.text, small.text], small.text, "pass this file as the text file"),
        "vision twice": ([small.text, small.vision, small.vision], small.vision, "a second vision projector"),
        "audio twice": ([small.text, small.audio, small.audio], small.audio, "a second audio projector"),
        "both and vision": ([small.text, small.combined, small.vision], small.vision, "a second vision projector"),
        "another task": ([small.text, other_task], other_task, "is for the task retrieval"),
        "another width": (
            [nano.text, other_size],
            other_size,
            "makes embeddings of 128 dimensions, but the text model file",
        ),
        "pixel limits that cross": (
            [small.text, folder / "pixels-mmproj.gguf"],
            folder / "pixels-mmproj.gguf",
            "image_min_pixels 2000000",
        ),
    }


def test_files_that_do_not_belong_together_are_refused(
    loader: Loader, small: Checkpoint, nano: Checkpoint, tmp_path: Path
) -> None:
    for name, (paths, culprit, words) in wrong_sets(small, nano, tmp_path).items():
        error, message = loader(*paths)
        assert error == "ModelLoadError", (name, message)
        assert message.startswith(f"{culprit}: "), (name, message)
        assert words in message, (name, message)


# ---- what a loader must put up with ---------------------------------------------------------------------------------


def vectors(path: Path, *mmproj: Path) -> NDArray[np.float32]:
    """Return the vectors of a text and, with a vision file, of a picture."""
    with jina_omni.Model(path, mmproj, n_threads=1) as model:
        picture = Image.new("RGB", (64, 40), (200, 30, 90))
        return model.encode([TEXT, *([picture] if "image" in model.info.modalities else [])])


def test_further_keys_and_tensors_change_nothing(small: Checkpoint, tmp_path: Path) -> None:
    text, vision = Parts(small.text), Parts(small.vision)
    run_me = "{{ ''.__class__.__mro__[1].__subclasses__()[104]('touch ran') }}"
    for parts in (text, vision):
        parts.keys["tokenizer.chat_template"] = key("tokenizer.chat_template", "string", run_me)
        parts.keys["a"] = key(b"not \xff utf-8 \xc0", "string", b"\xff\xfe")
        parts.keys["b"] = key("general.tags", "string", ["", "x" * 100_000])
        for kind in ("u8", "i16", "u64", "i64", "f64", "bool"):
            parts.keys[kind] = key(f"further.{kind}", kind, [1, 0])
        for i, shape in enumerate([[32], [64, 2], [4, 4, 2], [2, 2, 2, 2]]):
            name = f"further.{i}"
            parts.tensors[name] = tensor(name, shape, Type.I8, len(parts.data))
            parts.data += bytes(range(32)) * (-(-int(np.prod(shape)) // 32))
        parts.tensors["d"] = tensor(b"blk.0.\xff", [256, 2], Type.IQ2_XXS, len(parts.data))
        parts.data += bytes(256)
    (tmp_path / "text.gguf").write_bytes(text.joined())
    (tmp_path / "vision.gguf").write_bytes(vision.joined())
    found = vectors(tmp_path / "text.gguf", tmp_path / "vision.gguf")
    assert np.array_equal(found, vectors(small.text, small.vision))


OPTIONAL = {
    "small": {
        "general.name": {},
        "general.type": {},
        "general.file_type": {},
        "qwen3.context_length": {"n_ctx": 32768},
        "qwen3.attention.key_length": {},
        "qwen3.attention.value_length": {},
        "qwen3.rope.freq_base": {},
        "qwen3.attention.layer_norm_rms_epsilon": {},
        "qwen3.vocab_size": {},
        "tokenizer.ggml.token_type": {},
        "tokenizer.ggml.add_bos_token": {},
        "tokenizer.ggml.eos_token_id": {"eos": None},
        "tokenizer.ggml.padding_token_id": {},
    },
    "nano": {
        "eurobert.context_length": {"n_ctx": 8192},
        "eurobert.attention.head_count_kv": {},
        "eurobert.attention.key_length": {},
        "eurobert.rope.freq_base": {},
        "eurobert.attention.layer_norm_rms_epsilon": {},
        "eurobert.attention.causal": {"causal": False},
        "eurobert.rope.scaling.type": {},
        "eurobert.rope.dimension_count": {},
        "tokenizer.ggml.bos_token_id": {},
        "tokenizer.ggml.add_eos_token": {"eos": 2049},
    },
    "vision": {
        "clip.use_gelu": {},
        "clip.has_vision_encoder": {},
        "clip.vision.image_size": {},
        "clip.vision.patch_size": {"patch_size": 16},
        "clip.vision.spatial_merge_size": {"merge_size": 2},
        "clip.vision.image_min_pixels": {"image_min_pixels": 0},
        "clip.vision.image_max_pixels": {"image_max_pixels": 0},
        "clip.vision.video_max_pixels": {"video_max_pixels": 0},
        "clip.vision.attention.layer_norm_epsilon": {},
        "clip.vision.image_mean": {"image_mean": (0.5, 0.5, 0.5)},
        "clip.vision.image_std": {"image_std": (0.5, 0.5, 0.5)},
        "clip.vision.is_deepstack_layers": {},
    },
}


@pytest.mark.parametrize("of", OPTIONAL)
def test_a_missing_optional_key_takes_its_documented_value(
    of: str, small: Checkpoint, nano: Checkpoint, tmp_path: Path
) -> None:
    original = source(of, small, nano)
    expected = vectors(small.text, original) if of == "vision" else vectors(original)
    for name, attributes in OPTIONAL[of].items():
        parts = Parts(original)
        del parts.keys[name]
        path = tmp_path / original.name
        path.write_bytes(parts.joined())
        found = vectors(small.text, path) if of == "vision" else vectors(path)
        file = Projector(path, CPU) if of == "vision" else TextModel(path, CPU)
        path.unlink()
        assert np.array_equal(found, expected), name
        assert {name: getattr(file, name) for name in attributes} == attributes, name


def test_keys_may_be_of_any_type_that_holds_their_value(small: Checkpoint, tmp_path: Path) -> None:
    parts = Parts(small.text)
    for name, kind in (("block_count", "u8"), ("embedding_length", "i64"), ("attention.head_count", "u64")):
        parts.keys[f"qwen3.{name}"] = key(f"qwen3.{name}", kind, parts.header.values[f"qwen3.{name}"])
    parts.keys["qwen3.rope.freq_base"] = key("qwen3.rope.freq_base", "f64", 3_500_000.0)
    types = parts.header.values["tokenizer.ggml.token_type"]
    parts.keys["tokenizer.ggml.token_type"] = key("tokenizer.ggml.token_type", "u8", types)
    (tmp_path / "text.gguf").write_bytes(parts.joined())
    assert np.array_equal(vectors(tmp_path / "text.gguf"), vectors(small.text))


def test_version_2_and_another_alignment_are_read(small: Checkpoint, tmp_path: Path) -> None:
    expected = vectors(small.text)
    path = tmp_path / "text.gguf"
    path.write_bytes(Parts(small.text).patched("version", "", u32(2)))
    assert np.array_equal(vectors(path), expected)
    for alignment in (8, 4096):
        parts = Parts(small.text)
        parts.keys["general.alignment"] = key("general.alignment", "u32", alignment)
        gathered = b""
        for name, at in parts.header.tensors.items():
            end = min((o for o in parts.header.tensors.values() if o > at), default=len(parts.original))
            gathered += bytes(-len(gathered) % alignment)
            record = parts.tensors[name]
            parts.tensors[name] = record[:-8] + u64(len(gathered))
            gathered += parts.original[at:end]
        parts.data = gathered
        path.unlink()
        path.write_bytes(parts.joined(alignment))
        assert np.array_equal(vectors(path), expected), alignment


@pytest.mark.parametrize("kind", [Type.F32, Type.BF16, Type.F16], ids=lambda kind: kind.name)
def test_a_projector_may_be_float_of_any_kind_throughout(kind: Type, small: Checkpoint, tmp_path: Path) -> None:
    """Norms, biases and positions too, which published files keep in float32."""
    everything = dict.fromkeys(Parts(small.vision).header.tensors, kind)
    path = write_vision(tmp_path / "v.gguf", TINY["small"], edits=Edits(weight_type=kind, tensor_types=everything))
    grid = (1, 32, 32)
    patches = np.random.default_rng(0).uniform(-1, 1, (32 * 32, 1536)).astype(np.float32)
    expected = NumpyVision(path).rows(Patches(patches, grid))
    context = Context(CPU, 2)
    rows = context.encode_patches(Projector(path, CPU), patches, np.array([grid], np.int32))
    context.close()
    assert np.linalg.norm(rows - expected) < 2e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize("size", ["small", "nano"])
@pytest.mark.parametrize("kind", [Type.F32, Type.BF16], ids=lambda kind: kind.name)
def test_a_text_file_may_be_float_of_any_kind(size: str, kind: Type, tmp_path: Path) -> None:
    path = write_text(tmp_path / "text.gguf", TINY[size], edits=Edits(weight_type=kind))
    sequences = [[np.random.default_rng(n).integers(0, 2000, n).tolist()] for n in (1, 9, 130)]
    reference = NumpyText(path)
    context = Context(CPU, 2)
    found = pooled(context, TextModel(path, CPU), sequences)
    context.close()
    assert cosines(found, np.stack([reference.embed(spans) for spans in sequences])).min() > 0.99999


def test_one_file_may_hold_both_projectors(small: Checkpoint) -> None:
    both, vision, audio = (Projector(path, CPU) for path in (small.combined, small.vision, small.audio))
    assert (both.has_vision, both.has_audio, both.n_embd_out) == (True, True, vision.n_embd_out)
    assert (vision.has_vision, vision.has_audio, audio.has_vision, audio.has_audio) == (True, False, False, True)
    assert np.array_equal(vectors(small.text, small.combined), vectors(small.text, small.vision))


def test_odd_vocabularies_load_and_tokenize(loader: Loader, small: Checkpoint, tmp_path: Path) -> None:
    """What libllama's vocabulary could stumble over: merges of nothing, spellings that are no text, unknown types."""
    changes = {
        TOKENS: lambda old: ["", b"\xff\xc0", "\u0120" * 40, *old[3:]],
        "tokenizer.ggml.merges": lambda old: ["", " ", "a", "a  b", b"\xff \xff", "x" * 9000, "no such", *old],
        "tokenizer.ggml.token_type": lambda old: [-1, 0, 99, 1 << 30, *old[4:]],
    }
    for name, change in changes.items():
        parts = Parts(small.text)
        kind = "i32" if name.endswith("type") else "string"
        parts.keys[name] = key(name, kind, change(parts.header.values[name]))
        path = tmp_path / small.text.name
        path.write_bytes(parts.joined())
        assert loader(path) == ("", ""), name
        path.unlink()


# ---- weights that are no numbers ------------------------------------------------------------------------------------


def poisoned(parts: Parts, name: str, number: float) -> bytes:
    """Return the file with the first weight of a tensor, or the scale of its first block, set to the number."""
    kind = struct.unpack_from("<I", parts.tensors[name], len(parts.tensors[name]) - 12)[0]
    data = struct.pack({Type.F32: "<f", Type.F16: "<e", Type.Q8_0: "<e"}[kind], number)
    return parts.overwritten(parts.header.tensors[name], data)


def is_not_finite(run: Callable[..., object], *arguments: object) -> bool:
    """Return whether a run fails because its result would be no number."""
    try:
        run(*arguments)
    except jina_omni.NativeError as error:
        return "not finite" in str(error)
    return False


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize("kind", [Type.F16, Type.Q8_0], ids=lambda kind: kind.name)
@pytest.mark.parametrize("size", ["small", "nano"])
def test_a_weight_that_is_no_number_is_an_error_and_never_a_vector(
    size: str, kind: Type, number: float, tmp_path: Path
) -> None:
    parts = Parts(write_text(tmp_path / "text.gguf", TINY[size], edits=Edits(weight_type=kind)))
    tokens = np.arange(12, dtype=np.int32)  # the first row of the embeddings among them
    context = Context(CPU, 1)
    path = tmp_path / "poisoned.gguf"

    def is_caught(name: str) -> bool:
        path.write_bytes(poisoned(parts, name, number))
        text = TextModel(path, CPU)
        path.unlink()
        lengths = (np.array([12], np.int32), np.array([1, 11], np.int32))
        return all(is_not_finite(context.encode_sequences, text, tokens, each) for each in lengths)

    assert [name for name in parts.tensors if not name.startswith(("blk.0", "blk.2")) and not is_caught(name)] == []
    context.close()


@pytest.mark.parametrize("number", [float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("of", ["vision", "audio"])
def test_a_weight_of_a_projector_that_is_no_number_is_an_error_and_never_a_row(
    of: str, number: float, small: Checkpoint, tmp_path: Path
) -> None:
    parts = Parts(getattr(small, of))
    rng = np.random.default_rng(0)
    if of == "vision":
        shape, sizes = (16 * 16, 1536), np.array([(1, 16, 16)], np.int32)
    else:
        shape, sizes = (2 * parts.header.values["clip.audio.n_window"], 128), np.array([200], np.int32)
    values = rng.uniform(0.1, 1, shape).astype(np.float32)
    context = Context(CPU, 1)
    path = tmp_path / "poisoned.gguf"

    def is_caught(name: str) -> bool:
        path.write_bytes(poisoned(parts, name, number))
        projector = Projector(path, CPU)
        path.unlink()
        encode = context.encode_patches if of == "vision" else context.encode_mel
        return is_not_finite(encode, projector, values, sizes)

    skipped = ("v.blk.0", "v.blk.2", "a.blk.0", "a.blk.2")
    assert [name for name in parts.tensors if not name.startswith(skipped) and not is_caught(name)] == []
    context.close()


def test_a_model_whose_weight_is_no_number_stays_usable_for_other_inputs(small: Checkpoint, tmp_path: Path) -> None:
    parts = Parts(small.text)
    with jina_omni.Model(small.text) as model:
        token = int(model._preparer.tokenizer("~")[0])
        expected = model.encode(TEXT)
    path = tmp_path / "text.gguf"
    path.write_bytes(parts.overwritten(parts.header.tensors[EMBD] + 512 * token, struct.pack("<e", float("nan"))))
    with jina_omni.Model(path) as model:
        with pytest.raises(jina_omni.NativeError, match="not finite"):
            model.encode(["sound", "~"])
        assert np.array_equal(model.encode(TEXT), expected)
