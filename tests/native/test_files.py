"""Damaged, hostile and foreign files through the real loader: a refusal that names the file, never an abort.

Every file is loaded, and run if it loads, in the process of `tests.native.loader`. The cases hold the shape of each
past advisory on GGUF parsers that we know of: counts and sizes whose products overflow (CVE-2024-21802, -21825,
-21836, -23496, -23605, CVE-2025-53630, CVE-2026-27940, -33298), tensors beyond the file (CVE-2026-7482), tokens longer
than a buffer (CVE-2025-49847), templates that run code (CVE-2024-34359, CVE-2026-5760), alignments that divide by zero,
layer counts without bound, arrays within arrays, and a tokenizer that writes out of bounds (plamo2).
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray
from PIL import Image

import jina_omni
from jina_omni.native import Context, Projector, TextModel, find_device
from tests.checkpoints.numpy_reference import NumpyText, NumpyVision
from tests.checkpoints.pixels import Patches
from tests.checkpoints.shapes import TINY
from tests.checkpoints.writer import Checkpoint, Edits, write_text, write_vision
from tests.native.loader import Loader
from tests.native.parts import Parts, key, tensor
from tests.native.sequences import cosines, pooled

CPU = find_device("cpu")
TEXT = "Some words, größer than 3.14"


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


class Case(NamedTuple):
    """One damage.

    Attributes
    ----------
    of
        ``small``, ``nano`` (text files), ``vision``, ``audio`` or ``both`` (projectors of small).
    damage
        Returns the bytes of the damaged file.
    words
        Pattern of what the message must say after the file's name.
    """

    name: str
    of: str
    damage: Callable[[Parts], bytes]
    words: str


def patch(of: str, what: str, owner: str, value: bytes, words: str, at: int = 0) -> Case:
    """Overwrite one thing of the header."""
    name = f"{of}: {what} of {owner or 'the header'} is {value[:12].hex()}{f' at {at}' if at else ''}"
    return Case(name, of, lambda parts: parts.patched(what, owner, value, at), words)


def edit(name: str, of: str, change: Callable[[Parts], object], words: str) -> Case:
    """Change records, and put the file together again."""

    def damage(parts: Parts) -> bytes:
        change(parts)
        return parts.joined()

    return Case(f"{of}: {name}", of, damage, words)


def value(of: str, name: str, kind: str, new: object, words: str | None = None) -> Case:
    """Set a key; by default the message must name it."""
    return edit(
        f"{name} is {kind} {str(new)[:40]}",
        of,
        lambda parts: parts.keys.update({name: key(name, kind, new)}),
        words or f"'?{re.escape(name)}'? ",
    )


def without(of: str, name: str, words: str | None = None) -> Case:
    """Leave a key or a tensor out."""

    def remove(parts: Parts) -> None:
        del (parts.keys if name in parts.keys else parts.tensors)[name]

    return edit(f"without {name}", of, remove, words or f"'{re.escape(name)}' is missing")


def shaped(of: str, name: str, shape: list[int], words: str, kind: Type = Type.F16, offset: int = 0) -> Case:
    """Give a tensor another record."""
    record = tensor(name, shape, kind, offset)
    label = f"{name} is {kind.name} of {shape} at {offset}"
    return edit(label, of, lambda parts: parts.tensors.update({name: record}), words)


def cut(of: str, share: float) -> Case:
    """Cut the header inside the thing that lies so far into the list of its places."""

    def damage(parts: Parts) -> bytes:
        place = parts.header.places[int(share * len(parts.header.places))]
        return parts.original[: place.at + place.size // 2]

    return Case(f"{of}: cut at {share:.0%} of the header's places", of, damage, "cut short|not a GGUF file|is empty")


HUGE = (1 << 31, 1 << 61, 1 << 63, (1 << 64) - 1)
Q, EMBD, HEADS = "blk.1.attn_q.weight", "token_embd.weight", "qwen3.attention.head_count"
TOKENS = "tokenizer.ggml.tokens"

HEADER = [
    patch("small", "magic", "", b"GGML", "not a GGUF file"),
    patch("small", "magic", "", b"FUGG", "big-endian"),
    patch("small", "magic", "", b"\0\0\0\0", "not a GGUF file"),
    patch("small", "version", "", u32(0), "version 0"),
    patch("small", "version", "", u32(1), "version 1"),
    patch("small", "version", "", u32(4), "version 4"),
    patch("small", "version", "", u32((1 << 32) - 1), "version 4294967295"),
    patch("small", "version", "", struct.pack(">I", 3), "big-endian"),
    *(patch("small", "n_tensors", "", u64(n), f"announces {n} tensors") for n in (65537, *HUGE)),
    *(patch("vision", "n_keys", "", u64(n), f"and {n} keys") for n in (65537, *HUGE)),
    patch("small", "n_tensors", "", u64(0), "tensor '[^']+' is missing"),
    # one too many or too few: the next thing is read as what it is not
    patch("vision", "n_tensors", "", u64(1 << 10), "tensor"),
    patch("vision", "n_keys", "", u64(1), "tensor 'general.type' has 8 dimensions"),
    patch("small", "n_keys", "", u64(1 << 10), "key"),
    *(patch("small", "key length", "", u64(n), "key number 0 ") for n in (0, 65536, 1 << 24, *HUGE)),
    patch("small", "key", "", b"\0", "key number 0 has text with a zero byte"),
    edit("a key twice", "small", lambda p: p.keys.update(again=p.keys["general.name"]), "'general.name' occurs twice"),
    edit("a key of 70000 bytes", "small", lambda p: p.keys.update(x=key("k" * 70000, "u8", 0)), "70000 bytes"),
    *(patch("small", "type", HEADS, u32(n), f"'{HEADS}' has a value of the unknown type") for n in (13, (1 << 32) - 1)),
    patch("small", "type", HEADS, u32(9), "key"),
    patch("small", "type", TOKENS, u32(8), f"key '{TOKENS}'|key number"),
    *(patch("small", "element type", TOKENS, u32(n), f"'{TOKENS}' has a value of the unk") for n in (13, 1 << 31)),
    patch("small", "element type", TOKENS, u32(4), "key"),
    patch("small", "element type", TOKENS, u32(9), f"'{TOKENS}' is an array of arrays"),
    *(patch("small", "count", TOKENS, u64(n), f"'{TOKENS}'") for n in (1 << 23, (1 << 24) + 1, *HUGE)),
    *(patch("small", "count", "tokenizer.ggml.token_type", u64(n), "token_type'") for n in (1 << 23, *HUGE)),
    *(patch("small", "string length", TOKENS, u64(n), f"'{TOKENS}'") for n in (1 << 24, *HUGE)),
    patch("small", "string length", "general.name", u64(0), "key"),
    patch("small", "string", "general.architecture", b"q\0en3", "'general.architecture' has text with a zero byte"),
    patch("small", "value", "tokenizer.ggml.add_bos_token", b"\2", "add_bos_token' has a bool that is neither"),
    patch("small", "name length", "", u64(64), "tensor number 0 "),
    patch("small", "name length", "", u64(0), "tensor number 0 "),
    *(patch("small", "name length", "", u64(n), "tensor number 0 ") for n in HUGE),
    patch("small", "name", "", b"\0", "tensor number 0 has text with a zero byte"),
    patch("small", "name", "", b"\xff\xfe", "token_embd.weight' is missing"),
    edit("a tensor twice", "small", lambda p: p.tensors.update(again=tensor(Q, [1], 0, 0)), f"'{Q}'"),
    *(patch("small", "n_dims", Q, u32(n), f"'{Q}' has {n} dimensions") for n in (0, 5, (1 << 32) - 1)),
    *(patch("small", "dim", Q, u64(n), f"'{Q}' has {n} as dimension 0") for n in (0, (1 << 40) + 1, *HUGE[1:])),
    shaped("small", Q, [1 << 33, 1 << 33], f"'{Q}' has {1 << 33} as dimension 1"),
    shaped("small", Q, [1 << 20, 1 << 20, 1 << 20, 1 << 20], f"'{Q}' has {1 << 20} as dimension 2"),
    shaped("small", Q, [1 << 39], "cut short: expected"),
    shaped("small", Q, [256, 256], "overlap", Type.F32),
    shaped("small", Q, [300, 256], f"'{Q}' has rows of 300 elements", Type.Q4_K),
    *(patch("small", "tensor type", Q, u32(n), f"'{Q}' is of type {n}") for n in (4, 5, 31, 36, 99, 1 << 31)),
    patch("small", "tensor type", Q, u32(Type.I16), f"'{Q}' is of type i16, which holds no weights"),
    patch("small", "tensor type", EMBD, u32(Type.I16), f"'{EMBD}' is of type i16, which holds no weights"),
    patch("vision", "tensor type", "v.position_embd.weight", u32(Type.I32), "'v.position_embd.weight' is"),
    *(patch("small", "offset", Q, u64(n), f"'{Q}' lies at offset {n}") for n in (1, 8, 31)),
    *(patch("small", "offset", Q, u64(n), f"'{Q}' lies at offset") for n in ((1 << 63) - 32, 1 << 63, (1 << 64) - 32)),
    patch("small", "offset", Q, u64(0), "overlap"),
    patch("small", "offset", Q, u64(1 << 30), "cut short: expected"),
    patch("small", "offset", Q, u64((1 << 62) - 32), "cut short: expected"),
    *(value("small", "general.alignment", "u32", n) for n in (0, 1, 3, 4, 48, 1 << 17, 1 << 31, (1 << 32) - 1)),
    value("small", "general.alignment", "u64", 32),
    value("small", "general.alignment", "string", "32"),
    value("small", "general.alignment", "u32", 4096, "cut short|lies at offset"),
    *(cut("small", i / 24) for i in range(24)),
    *(cut("vision", i / 24) for i in range(24)),
    *(cut("audio", i / 8) for i in range(8)),
    Case("small: the last byte missing", "small", lambda p: p.original[:-1], "cut short: expected"),
    Case("vision: half of its data missing", "vision", lambda p: p.original[: len(p.original) // 2], "cut short: exp"),
    Case("small: without data", "small", lambda p: p.original[: p.header.size], "cut short: expected"),
]

KEYS = [
    without("small", "general.architecture"),
    value("small", "general.architecture", "u32", 1),
    *(value("small", "general.architecture", "string", name) for name in ("", "llama", "bert", "qwen3moe", "q\n")),
    value("vision", "general.architecture", "string", "llama"),
    value("small", "split.count", "u16", 3, "is one part of a split file"),
    *(without("small", f"qwen3.{name}") for name in ("block_count", "embedding_length", "feed_forward_length")),
    without("nano", "eurobert.attention.head_count"),
    *(value("small", "qwen3.block_count", "u32", n) for n in (0, 513, (1 << 32) - 1)),
    value("small", "qwen3.block_count", "u32", 4, "tensor 'blk.3.attn_norm.weight' is missing"),
    value("small", "qwen3.block_count", "i32", -3),
    value("small", "qwen3.block_count", "f32", 3.0),
    value("small", "qwen3.block_count", "u64", (1 << 64) - 1),
    value("small", "qwen3.block_count", "u32", [3]),
    *(value("small", "qwen3.embedding_length", "u32", n) for n in (0, 1 << 20)),
    value("small", "qwen3.embedding_length", "u32", 255, "'token_embd.weight' .*width 255"),
    *(value("small", "qwen3.feed_forward_length", "u32", n) for n in (0, 1 << 30)),
    value("small", "qwen3.feed_forward_length", "u32", 511, "tensor 'blk.0.ffn_gate.weight' has the shape"),
    *(value("small", HEADS, "u32", n) for n in (0, 513, 1 << 31)),
    value("small", HEADS, "u32", 3, f"'{HEADS}_kv' is 2, which doesn't group the 3 heads"),
    value("small", HEADS, "u32", 8, "tensor 'blk.0.attn_q.weight' has the shape"),
    *(value("small", f"{HEADS}_kv", "u32", n) for n in (0, 3, 5)),
    *(value("small", "qwen3.attention.key_length", "u32", n) for n in (0, 1, 2048)),
    value("small", "qwen3.attention.key_length", "u32", 63, "key_length' is odd"),
    value("small", "qwen3.attention.key_length", "u32", 62, "value_length' differs"),
    value("small", "qwen3.attention.value_length", "u32", 32),
    value("small", "qwen3.rope.dimension_count", "u32", 32),
    value("nano", "eurobert.rope.scaling.type", "string", "yarn"),
    value("nano", "eurobert.rope.scaling.type", "f32", 1.0),
    *(value("small", "qwen3.context_length", "u32", n) for n in (0, 1 << 31)),
    *(value("small", "qwen3.rope.freq_base", "f32", x) for x in (0.0, -1e6, float("nan"), float("inf"), 1e30)),
    value("small", "qwen3.rope.freq_base", "u32", 1_000_000),
    *(
        value("nano", "eurobert.attention.layer_norm_rms_epsilon", "f32", x)
        for x in (-1e-5, 1.0, float("nan"), float("-inf"))
    ),
    *(without("vision", f"clip.vision.{n}") for n in ("block_count", "embedding_length", "projection_dim")),
    *(without("vision", f"clip.vision.{n}") for n in ("attention.head_count", "feed_forward_length")),
    without("audio", "clip.audio.projection_dim"),
    without("vision", "clip.projector_type", "clip.projector_type is missing"),
    value("vision", "clip.projector_type", "string", "ldp", "clip.projector_type is 'ldp'"),
    value("vision", "clip.projector_type", "u32", 1),
    value("vision", "clip.vision.block_count", "u32", 4, "tensor 'v.blk.3.ln1.weight' is missing"),
    *(value("vision", "clip.vision.block_count", "u32", n) for n in (0, (1 << 32) - 1)),
    *(value("vision", "clip.vision.attention.head_count", "u32", n) for n in (0, 3, 64)),
    *(value("vision", "clip.vision.patch_size", "u32", n) for n in (0, 65)),
    value("vision", "clip.vision.patch_size", "u32", 14, "tensor 'v.patch_embd.weight' has the shape"),
    *(value("vision", "clip.vision.spatial_merge_size", "u32", n) for n in (0, 9)),
    value("vision", "clip.vision.spatial_merge_size", "u32", 1, "tensor 'mm.0.weight' has the shape"),
    *(value("vision", "clip.vision.image_mean", "f32", x) for x in ([0.5] * 2, [0.5, float("nan"), 0.5], 0.5)),
    value("vision", "clip.vision.image_mean", "i32", [0, 0, 0]),
    *(value("vision", "clip.vision.image_std", "f32", x) for x in ([0.0] * 3, [0.5, -0.5, 0.5], [float("inf")] * 3)),
    *(value("vision", "clip.vision.image_max_pixels", "i32", n) for n in (0, -1)),
    value("vision", "clip.vision.image_max_pixels", "u64", 1 << 41),
    value("vision", "clip.vision.is_deepstack_layers", "bool", [False, True, False]),
    value("vision", "clip.vision.projection_dim", "u32", 128, "tensor 'mm.2.weight' has the shape"),
    value("both", "clip.audio.projection_dim", "u32", 128, "tensor 'mm.a.fc.weight' has the shape"),
    *(without("audio", f"clip.audio.{n}") for n in ("block_count", "embedding_length", "attention.head_count")),
    value("audio", "clip.audio.block_count", "u32", 4, "tensor 'a.blk.3.ln1.weight' is missing"),
    *(value("audio", "clip.audio.block_count", "u32", n) for n in (0, (1 << 32) - 1)),
    *(value("audio", "clip.audio.attention.head_count", "u32", n) for n in (0, 3)),
    *(value("audio", "clip.audio.n_window", "u32", n) for n in (0, 1 << 31)),
    value("audio", "clip.audio.n_window", "u32", 1501, "1500 rows for the 1501 positions"),
    *(value("audio", "clip.audio.num_mel_bins", "u32", n) for n in (0, 1025)),
    value("audio", "clip.audio.num_mel_bins", "u32", 80, "tensor 'a.conv1d.1.weight' has the shape"),
    *(value("audio", "clip.audio.attention.layer_norm_epsilon", "f32", x) for x in (-1e-5, float("nan"))),
]

TENSORS = [
    *(without("small", name) for name in ("output_norm.weight", "blk.0.attn_norm.weight", Q, "blk.2.ffn_down.weight")),
    without("small", EMBD, f"'{EMBD}' is missing"),
    without("small", "blk.1.attn_k_norm.weight"),
    *(without("vision", name) for name in ("v.blk.1.attn_qkv.bias", "mm.0.weight", "v.patch_embd.weight.1")),
    without("vision", "v.position_embd.weight", "'v.position_embd.weight' is missing"),
    *(without("audio", name) for name in ("a.blk.1.attn_q.bias", "a.conv1d.2.weight", "mm.a.fc.bias")),
    without("audio", "a.position_embd.weight", "'a.position_embd.weight' is missing"),
    patch("small", "dim", Q, u64(128), f"'{Q}' has the shape .128, 256., its keys demand .256, 256."),
    patch("small", "dim", "blk.1.attn_norm.weight", u64(255), "'blk.1.attn_norm.weight' has the shape .255., its keys"),
    shaped("small", EMBD, [256, 2063], f"'{EMBD}' has 2063 rows for 2064 tokens"),
    shaped("small", EMBD, [128, 4128], f"'{EMBD}' .* width 256"),
    shaped("small", "output_norm.weight", [255], "'output_norm.weight' has the shape", Type.F32, 1056768),
    shaped("vision", "v.position_embd.weight", [128, 2303], "'v.position_embd.weight'", Type.F32),
    shaped("vision", "v.position_embd.weight", [64, 4608], "'v.position_embd.weight'", Type.F32),
]


def retoken(change: Callable[[list[str]], list[str]]) -> Callable[[Parts], None]:
    """Return the change of the list of tokens."""

    def apply(parts: Parts) -> None:
        parts.keys[TOKENS] = key(TOKENS, "string", change(list(parts.header.values[TOKENS])))

    return apply


VOCABULARY = [
    *(without("small", f"tokenizer.ggml.{name}", name) for name in ("model", "pre", "tokens", "merges")),
    *(value("small", "tokenizer.ggml.model", "string", name) for name in ("llama", "plamo2", "bert", "")),
    *(value("small", "tokenizer.ggml.pre", "string", name) for name in ("default", "")),
    value("small", TOKENS, "u32", [1, 2, 3]),
    value("small", TOKENS, "string", []),
    value("small", TOKENS, "string", "tokens"),
    value("small", "tokenizer.ggml.merges", "string", []),
    value("small", "tokenizer.ggml.merges", "i32", [1]),
    value("small", "tokenizer.ggml.token_type", "i32", [1, 1], "token_type has 2 entries for 2064 tokens"),
    value("small", "tokenizer.ggml.token_type", "i32", [], "token_type has 0 entries"),
    value("small", "tokenizer.ggml.token_type", "f32", [1.0] * 2064),
    value("small", "tokenizer.ggml.token_type", "u64", [1 << 40] * 2064),
    value("nano", "tokenizer.ggml.eos_token_id", "u32", 2064),
    value("nano", "tokenizer.ggml.eos_token_id", "i32", -1),
    value("nano", "tokenizer.ggml.eos_token_id", "u32", (1 << 32) - 1),
    without("nano", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eos_token_id is missing"),
    value("nano", "tokenizer.ggml.add_eos_token", "u32", 1),
    edit("a token twice", "small", retoken(lambda t: [*t[:-1], t[300]]), "tokens holds '.*' twice"),
    edit("a token named like an empty one", "small", retoken(lambda t: ["", "[EMPTY_0]", *t[2:]]), "twice"),
    edit("a token of 100000 bytes", "small", retoken(lambda t: [*t[:-1], "x" * 100000]), "token of 100000 bytes"),
    edit("more tokens than rows", "small", retoken(lambda t: [*t, "one more"]), "token_type has 2064 entries for 2065"),
]

CASES = [*HEADER, *KEYS, *TENSORS, *VOCABULARY]


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
    for path, words in (("a\0b", "NUL"), ("a\ud800b", "no Unicode")):
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
        "another task": ([small.text, other_task], other_task, "is of the task retrieval"),
        "another width": ([nano.text, other_size], other_size, "rows of width 128, but the text file"),
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
        token = int(model._encoder.tokenizer("~")[0])
        expected = model.encode(TEXT)
    path = tmp_path / "text.gguf"
    path.write_bytes(parts.overwritten(parts.header.tensors[EMBD] + 512 * token, struct.pack("<e", float("nan"))))
    with jina_omni.Model(path) as model:
        with pytest.raises(jina_omni.NativeError, match="not finite"):
            model.encode(["sound", "~"])
        assert np.array_equal(model.encode(TEXT), expected)
