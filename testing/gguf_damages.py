"""Named damages of GGUF files, each with what the refusal must say.

They hold the shape of each past advisory on GGUF parsers that we know of: counts and sizes whose products overflow
(CVE-2024-21802, -21825, -21836, -23496, -23605, CVE-2025-53630, CVE-2026-27940, -33298), tensors beyond the file
(CVE-2026-7482), tokens longer than a buffer (CVE-2025-49847), templates that run code (CVE-2024-34359, CVE-2026-5760),
alignments that divide by zero, layer counts without bound, arrays within arrays, and a tokenizer that writes out of
bounds (plamo2). `attacks/` has a script for each of these.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from gguf import GGMLQuantizationType as Type

from testing.gguf_parts import Parts, key, tensor


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
    edit("more tokens than rows", "small", retoken(lambda t: [*t, "one more"]), "has 2064 rows for 2065 tokens"),
]

CASES = [*HEADER, *KEYS, *TENSORS, *VOCABULARY]
