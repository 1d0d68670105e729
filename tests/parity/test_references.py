"""Checks of the suite's own references: the writer against stored digests, numpy and torch against stored outputs."""

from __future__ import annotations

import importlib.util
import json
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType
from gguf.gguf_writer import GGUFValue
from numpy.typing import NDArray
from PIL import Image

from testing.checkpoints import vocabulary, writer
from testing.checkpoints.cases import AUDIO_LENGTHS, Case, all_cases, image_cases, media_cases, mel
from testing.checkpoints.numpy_reference import NumpyAudio, NumpyText, NumpyVision
from testing.checkpoints.pixels import image_patches, smart_resize
from testing.checkpoints.shapes import FULL, TINY
from testing.checkpoints.spans import Audio, Part, Span, Video
from testing.checkpoints.weights import Array, Weights
from testing.checkpoints.writer import Checkpoint, Edits
from tests.reference_pack import PACK, needs_pack

PARITY = Path(__file__).parent / "data"

needs_torch = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "transformers", "tokenizers")),
    reason="needs torch, transformers and tokenizers",
)
needs_tokenizers = pytest.mark.skipif(not importlib.util.find_spec("tokenizers"), reason="needs tokenizers")

Stored = Mapping[str, NDArray[np.generic]]


@pytest.fixture(scope="module", params=["small", "nano"])
def size(request: pytest.FixtureRequest) -> str:
    """Name each size in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def files(size: str, request: pytest.FixtureRequest) -> Checkpoint:
    """Return the files of that size."""
    found = request.getfixturevalue(size)
    assert isinstance(found, Checkpoint)
    return found


@pytest.fixture(scope="module")
def stored(size: str) -> Iterator[Stored]:
    """Return the stored outputs of that size."""
    with np.load(PARITY / f"{size}.npz") as data:
        yield {key: data[key] for key in data.files}


def test_checkpoints_are_the_stored_ones(files: Checkpoint, stored: Stored) -> None:
    assert [writer.sha256(path) for path in astuple(files)] == stored["sha256"].tolist()


def test_cases_are_the_stored_ones(stored: Stored) -> None:
    assert [case.name for case in all_cases()] == stored["names"].tolist()
    assert [case.name for case in media_cases()] == stored["media_names"].tolist()


def test_stored_embeddings_tell_the_inputs_apart(stored: Stored, size: str) -> None:
    names = stored["media_names"].tolist()
    # nano's prompts have no times, so that those with and without are one there
    apart = [i for i, name in enumerate(names) if size == "small" or not name.endswith("-times")]
    embeddings = np.concatenate([stored["embeddings"], stored["media_embeddings"][apart]]).astype(np.float64)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    cosines = embeddings @ embeddings.T - 2 * np.eye(len(embeddings))
    assert cosines.max() < 0.96


def test_numpy_agrees_with_the_stored_torch_outputs(files: Checkpoint, stored: Stored) -> None:
    text, vision = NumpyText(files.text), NumpyVision(files.combined)
    known: dict[bytes, Array] = {}
    for i, case in enumerate(all_cases()):
        spans = _spans(case, stored[f"ids_{case.name}"].astype(np.int64), vision, known)
        np.testing.assert_allclose(text.embed(spans), stored["embeddings"][i], atol=1e-5, err_msg=case.name)


def test_numpy_patches_and_rows_are_the_stored_ones(files: Checkpoint, stored: Stored) -> None:
    vision = NumpyVision(files.vision)
    patches = [image_patches(_picture(case), vision.limits) for case in image_cases()]
    assert [list(one.grid) for one in patches] == stored["grids"].tolist()
    names = [case.name for case in image_cases()]
    one = patches[names.index("image-upscaled")]
    np.testing.assert_array_equal(one.rows[stored["patch_rows"].astype(np.int64)], stored["patches"])
    np.testing.assert_allclose(vision.rows(one), stored["rows"], atol=1e-5)


def test_numpy_audio_rows_are_the_stored_ones(files: Checkpoint, stored: Stored) -> None:
    audio = NumpyAudio(files.audio)
    rows = np.concatenate([audio.rows(mel(length)) for length in AUDIO_LENGTHS])
    np.testing.assert_allclose(rows[stored["audio_numbers"].astype(np.int64)], stored["audio_rows"], atol=1e-5)


@needs_torch
def test_torch_still_computes_the_stored_outputs(files: Checkpoint, stored: Stored) -> None:
    from testing.checkpoints.torch_reference import TorchReference

    model = TorchReference(files.text, files.combined, files.combined)
    assert model.audio is not None
    rows = np.concatenate([model.audio.rows(mel(length)) for length in AUDIO_LENGTHS])
    np.testing.assert_allclose(rows[stored["audio_numbers"].astype(np.int64)], stored["audio_rows"], atol=1e-5)
    for i, case in enumerate(all_cases()):
        np.testing.assert_allclose(model.embed(case.parts), stored["embeddings"][i], atol=1e-5, err_msg=case.name)
    for i, case in enumerate(media_cases()):
        ours = model.embed(case.parts, case.dialect)
        np.testing.assert_allclose(ours, stored["media_embeddings"][i], atol=1e-5, err_msg=case.name)


@needs_torch
@pytest.mark.parametrize("case", image_cases(), ids=lambda case: case.name)
def test_patches_are_those_of_the_transformers_processor(case: Case) -> None:
    from testing.checkpoints.pixels import Limits
    from testing.checkpoints.torch_reference import hf_patches

    ours, theirs = image_patches(_picture(case), Limits()), hf_patches(_picture(case), Limits())
    assert ours.grid == theirs.grid
    np.testing.assert_allclose(ours.rows, theirs.rows, atol=2e-7)


@pytest.mark.slow
@needs_torch
@needs_pack
def test_torch_agrees_with_the_reference_pack(size: str) -> None:
    from testing.checkpoints.torch_reference import TorchReference

    name = f"jina-embeddings-v5-omni-{size}-clustering"
    kinds = ("F16", "vision-mmproj-F16", "audio-mmproj-F16")
    model = TorchReference(*(PACK / size / f"{name}-{kind}.gguf" for kind in kinds))
    expected = np.load(PACK / size / "expected.npz")["embeddings"].astype(np.float64)
    for i, case in enumerate(json.loads((PACK / size / "cases.json").read_text())):
        spans = model.spans([_pack_part(part) for part in case["parts"]])
        assert sum(map(len, spans)) == case["n_tokens"], case["id"]
        pooled = model.text.pooled(spans).astype(np.float64)
        assert pooled @ expected[i] / np.linalg.norm(pooled) > 1 - 1e-6, case["id"]


@needs_torch
def test_numpy_agrees_with_torch_on_other_tensor_types(size: str, tmp_path: Path) -> None:
    from testing.checkpoints.torch_reference import TorchText

    for kind in (GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0, writer.BF16, writer.F32):
        path = writer.write_text(tmp_path / f"{kind.name}.gguf", TINY[size], edits=Edits(weight_type=kind))
        spans: list[Span] = [list(range(5, 60)), writer.random_values(0, "rows", 4 * 256).reshape(4, 256), [9]]
        ours, theirs = NumpyText(path).hidden(spans), TorchText(path).hidden(spans)
        assert np.linalg.norm(ours - theirs) < 1e-5 * np.linalg.norm(theirs), kind.name


@needs_tokenizers
def test_stored_ids_are_those_of_the_tokenizer(files: Checkpoint, stored: Stored) -> None:
    from testing.checkpoints.hf_tokenizer import build_tokenizer

    tokenizer = build_tokenizer(files.text)
    for case in all_cases():
        if len(case.parts) == 1 and isinstance(case.parts[0], str):
            assert tokenizer.encode(case.parts[0]).ids == stored[f"ids_{case.name}"].tolist(), case.name


@needs_tokenizers
def test_tokenizers_normalise_and_add_tokens_as_the_models_do(small: Checkpoint, nano: Checkpoint) -> None:
    from testing.checkpoints.hf_tokenizer import build_tokenizer

    one, other = build_tokenizer(small.text), build_tokenizer(nano.text)
    assert one.encode("cafe\u0301").ids == one.encode("caf\u00e9").ids
    assert other.encode("cafe\u0301").ids != other.encode("caf\u00e9").ids
    assert other.encode("").ids == [other.token_to_id("<|end_of_text|>")]
    assert one.encode("").ids == []
    assert one.encode("a<|im_end|>b").tokens == ["a", "<|im_end|>", "b"]
    # Digits go one by one on small and up to three together on nano.
    assert one.encode("123").tokens == ["1", "2", "3"]
    assert len(other.encode("123", add_special_tokens=False).ids) < 3


def test_edits_change_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    edits = Edits(
        metadata={
            "qwen3.block_count": GGUFValue("three", GGUFValueType.STRING),
            "general.name": None,
            "extra.flag": True,
        },
        tensors={"blk.0.attn_q.weight": None, "extra.weight": np.ones((2, 32), np.float32)},
        tensor_types={"token_embd.weight": GGMLQuantizationType.Q8_0},
    )
    published = GGUFReader(writer.write_text(tmp_path / "a.gguf", TINY["small"]))
    edited = GGUFReader(writer.write_text(tmp_path / "b.gguf", TINY["small"], edits=edits))
    assert set(published.fields) - set(edited.fields) == {"general.name"}
    assert edited.fields["qwen3.block_count"].contents() == "three"
    assert edited.fields["extra.flag"].contents() is True
    before = {tensor.name: tensor for tensor in published.tensors}
    after = {tensor.name: tensor for tensor in edited.tensors}
    assert set(before) ^ set(after) == {"blk.0.attn_q.weight", "extra.weight"}
    assert after["token_embd.weight"].tensor_type == GGMLQuantizationType.Q8_0
    for name in set(before) & set(after) - {"token_embd.weight"}:
        np.testing.assert_array_equal(before[name].data, after[name].data, err_msg=name)


def test_combined_projectors_equal_the_single_ones(files: Checkpoint) -> None:
    combined = Weights(files.combined)
    for path in (files.vision, files.audio):
        single = Weights(path)
        for name in single.names(""):
            np.testing.assert_array_equal(combined[name], single[name], err_msg=name)


def test_full_vocabulary_has_the_published_ids(size: str) -> None:
    n_vocab = FULL[size].text.n_vocab
    full = vocabulary.full(size, n_vocab)
    assert len(full.tokens) == len(full.types) == len(set(full.tokens)) == n_vocab
    for i, token in vocabulary.FULL_SPECIALS[size].items():
        assert full.tokens[i] == token
        assert full.types[i] == vocabulary.CONTROL


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (440, 600, (448, 608)),
        (480, 640, (480, 640)),
        (32, 32, (512, 512)),
        (1024, 1280, (1024, 1280)),
        (1598, 1600, (1120, 1120)),
        (2000, 3000, (928, 1376)),
        (100, 3000, (96, 3008)),
        (544, 480, (576, 512)),
        (1754, 1240, (1344, 960)),
        (1650, 1275, (1280, 992)),
    ],
)
def test_smart_resize_gives_the_known_sizes(height: int, width: int, expected: tuple[int, int]) -> None:
    assert smart_resize(height, width, (262_144, 1_310_720)) == expected


def _picture(case: Case) -> Image.Image:
    (part,) = case.parts
    assert isinstance(part, Image.Image)
    return part


def _spans(case: Case, ids: NDArray[np.int64], vision: NumpyVision, known: dict[bytes, Array]) -> list[Span]:
    """Put the rows of a case's images where the stored ids have -1."""
    images = []
    for part in case.parts:
        if isinstance(part, Image.Image):
            # The mixtures share their images, which take most of the time.
            key = part.tobytes()
            if key not in known:
                known[key] = vision.rows(image_patches(part, vision.limits))
            images.append(known[key])
    rows = iter(np.concatenate(images)) if images else iter(())
    # One span per position keeps neighbouring images apart without knowing where one ends.
    return [next(rows)[None] if i < 0 else [int(i)] for i in ids]


def _pack_part(part: Sequence[object]) -> Part:
    kind, name = str(part[0]), str(part[1])
    media = PACK / "media" / name
    if kind == "text":
        return name
    if kind == "image":
        return Image.open(media)
    if kind == "audio":
        return Audio(_samples(media))
    times = part[2]
    assert times is None or isinstance(times, list)
    return Video(np.load(media)["frames"], None if times is None else tuple(times))


def _samples(path: Path) -> Array:
    with wave.open(str(path)) as file:
        frames = file.readframes(file.getnframes())
    return np.frombuffer(frames, np.int16).astype(np.float32) / np.float32(32768)
