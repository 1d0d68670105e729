"""All damages of GGUF files: those of known advisories, and those of everything else that a file says."""

from __future__ import annotations

import struct

from gguf import GGMLQuantizationType as Type

from testing.gguf_advisories import ADVISORIES
from testing.gguf_edits import (
    EMBD,
    TOKENS,
    Q,
    change_tokens,
    cut_header,
    patch,
    remove,
    reshape,
    set_key,
    u32,
    u64,
)

HEADS = "qwen3.attention.head_count"

HEADER = [
    patch("small", "magic", "", b"GGML", "not a GGUF file"),
    patch("small", "magic", "", b"FUGG", "big-endian"),
    patch("small", "magic", "", b"\0\0\0\0", "not a GGUF file"),
    patch("small", "version", "", u32(0), "version 0"),
    patch("small", "version", "", u32(1), "version 1"),
    patch("small", "version", "", u32(4), "version 4"),
    patch("small", "version", "", u32((1 << 32) - 1), "version 4294967295"),
    patch("small", "version", "", struct.pack(">I", 3), "big-endian"),
    patch("small", "n_tensors", "", u64(0), "tensor '[^']+' is missing"),
    # one too many or too few: the next thing is read as what it is not
    patch("vision", "n_tensors", "", u64(1 << 10), "tensor"),
    patch("vision", "n_keys", "", u64(1), "tensor 'general.type' has 8 dimensions"),
    patch("small", "n_keys", "", u64(1 << 10), "key"),
    patch("small", "key", "", b"\0", "key number 0 has text with a zero byte"),
    *(patch("small", "type", HEADS, u32(n), f"'{HEADS}' has a value of the unknown type") for n in (13, (1 << 32) - 1)),
    patch("small", "type", HEADS, u32(9), "key"),
    patch("small", "type", TOKENS, u32(8), f"key '{TOKENS}'|key number"),
    *(patch("small", "element type", TOKENS, u32(n), f"'{TOKENS}' has a value of the unk") for n in (13, 1 << 31)),
    patch("small", "element type", TOKENS, u32(4), "key"),
    patch("small", "string length", "general.name", u64(0), "key"),
    patch("small", "string", "general.architecture", b"q\0en3", "'general.architecture' has text with a zero byte"),
    patch("small", "value", "tokenizer.ggml.add_bos_token", b"\2", "add_bos_token' has a bool that is neither"),
    patch("small", "name", "", b"\0", "tensor number 0 has text with a zero byte"),
    patch("small", "name", "", b"\xff\xfe", "token_embd.weight' is missing"),
    reshape("small", Q, [256, 256], "overlap", Type.F32),
    *(patch("small", "offset", Q, u64(n), f"'{Q}' lies at offset {n}") for n in (1, 8, 31)),
    set_key("small", "general.alignment", "u64", 32),
    set_key("small", "general.alignment", "string", "32"),
    set_key("small", "general.alignment", "u32", 4096, "cut short|lies at offset"),
    *(cut_header("small", i / 24) for i in range(24)),
    *(cut_header("vision", i / 24) for i in range(24)),
    *(cut_header("audio", i / 8) for i in range(8)),
]

KEYS = [
    remove("small", "general.architecture"),
    set_key("small", "general.architecture", "u32", 1),
    *(set_key("small", "general.architecture", "string", name) for name in ("", "llama", "bert", "qwen3moe", "q\n")),
    set_key("vision", "general.architecture", "string", "llama"),
    set_key("small", "split.count", "u16", 3, "key 'split.no' is missing"),
    *(remove("small", f"qwen3.{name}") for name in ("block_count", "embedding_length", "feed_forward_length")),
    remove("nano", "eurobert.attention.head_count"),
    set_key("small", "qwen3.block_count", "u32", 4, "tensor 'blk.3.attn_norm.weight' is missing"),
    set_key("small", "qwen3.block_count", "i32", -3),
    set_key("small", "qwen3.block_count", "f32", 3.0),
    set_key("small", "qwen3.block_count", "u64", (1 << 64) - 1),
    set_key("small", "qwen3.block_count", "u32", [3]),
    *(set_key("small", "qwen3.embedding_length", "u32", n) for n in (0, 1 << 20)),
    set_key("small", "qwen3.embedding_length", "u32", 255, "'token_embd.weight' .*width 255"),
    *(set_key("small", "qwen3.feed_forward_length", "u32", n) for n in (0, 1 << 30)),
    set_key("small", "qwen3.feed_forward_length", "u32", 511, "tensor 'blk.0.ffn_gate.weight' has the shape"),
    *(set_key("small", HEADS, "u32", n) for n in (0, 513, 1 << 31)),
    set_key("small", HEADS, "u32", 3, f"'{HEADS}_kv' is 2, which doesn't group the 3 heads"),
    set_key("small", HEADS, "u32", 8, "tensor 'blk.0.attn_q.weight' has the shape"),
    *(set_key("small", f"{HEADS}_kv", "u32", n) for n in (0, 3, 5)),
    *(set_key("small", "qwen3.attention.key_length", "u32", n) for n in (0, 1, 2048)),
    set_key("small", "qwen3.attention.key_length", "u32", 63, "key_length' is odd"),
    set_key("small", "qwen3.attention.key_length", "u32", 62, "value_length' differs"),
    set_key("small", "qwen3.attention.value_length", "u32", 32),
    set_key("small", "qwen3.rope.dimension_count", "u32", 32),
    set_key("nano", "eurobert.rope.scaling.type", "string", "yarn"),
    set_key("nano", "eurobert.rope.scaling.type", "f32", 1.0),
    *(set_key("small", "qwen3.context_length", "u32", n) for n in (0, 1 << 31)),
    *(set_key("small", "qwen3.rope.freq_base", "f32", x) for x in (0.0, -1e6, float("nan"), float("inf"), 1e30)),
    set_key("small", "qwen3.rope.freq_base", "u32", 1_000_000),
    *(
        set_key("nano", "eurobert.attention.layer_norm_rms_epsilon", "f32", x)
        for x in (-1e-5, 1.0, float("nan"), float("-inf"))
    ),
    *(remove("vision", f"clip.vision.{n}") for n in ("block_count", "embedding_length", "projection_dim")),
    *(remove("vision", f"clip.vision.{n}") for n in ("attention.head_count", "feed_forward_length")),
    remove("audio", "clip.audio.projection_dim"),
    remove("vision", "clip.projector_type", "clip.projector_type is missing"),
    set_key("vision", "clip.projector_type", "string", "ldp", "clip.projector_type is 'ldp'"),
    set_key("vision", "clip.projector_type", "u32", 1),
    set_key("vision", "clip.vision.block_count", "u32", 4, "tensor 'v.blk.3.ln1.weight' is missing"),
    set_key("vision", "clip.vision.patch_size", "u32", 14, "tensor 'v.patch_embd.weight' has the shape"),
    set_key("vision", "clip.vision.spatial_merge_size", "u32", 1, "tensor 'mm.0.weight' has the shape"),
    set_key("vision", "clip.vision.image_mean", "i32", [0, 0, 0]),
    set_key("vision", "clip.vision.is_deepstack_layers", "bool", [False, True, False]),
    set_key("vision", "clip.vision.projection_dim", "u32", 128, "tensor 'mm.2.weight' has the shape"),
    set_key("both", "clip.audio.projection_dim", "u32", 128, "tensor 'mm.a.fc.weight' has the shape"),
    *(remove("audio", f"clip.audio.{n}") for n in ("block_count", "embedding_length", "attention.head_count")),
    set_key("audio", "clip.audio.block_count", "u32", 4, "tensor 'a.blk.3.ln1.weight' is missing"),
    *(set_key("audio", "clip.audio.n_window", "u32", n) for n in (0, 1 << 31)),
    *(set_key("audio", "clip.audio.num_mel_bins", "u32", n) for n in (0, 1025)),
    set_key("audio", "clip.audio.num_mel_bins", "u32", 80, "tensor 'a.conv1d.1.weight' has the shape"),
    *(set_key("audio", "clip.audio.attention.layer_norm_epsilon", "f32", x) for x in (-1e-5, float("nan"))),
]

TENSORS = [
    *(remove("small", name) for name in ("output_norm.weight", "blk.0.attn_norm.weight", Q, "blk.2.ffn_down.weight")),
    remove("small", EMBD, f"'{EMBD}' is missing"),
    remove("small", "blk.1.attn_k_norm.weight"),
    *(remove("vision", name) for name in ("v.blk.1.attn_qkv.bias", "mm.0.weight", "v.patch_embd.weight.1")),
    remove("vision", "v.position_embd.weight", "'v.position_embd.weight' is missing"),
    *(remove("audio", name) for name in ("a.blk.1.attn_q.bias", "a.conv1d.2.weight", "mm.a.fc.bias")),
    remove("audio", "a.position_embd.weight", "'a.position_embd.weight' is missing"),
    patch("small", "dim", Q, u64(128), f"'{Q}' has the shape .128, 256., its keys demand .256, 256."),
    patch("small", "dim", "blk.1.attn_norm.weight", u64(255), "'blk.1.attn_norm.weight' has the shape .255., its keys"),
    reshape("small", EMBD, [256, 2063], f"'{EMBD}' has 2063 rows for 2064 tokens"),
    reshape("small", EMBD, [128, 4128], f"'{EMBD}' .* width 256"),
    reshape("small", "output_norm.weight", [255], "'output_norm.weight' has the shape", Type.F32, 1056768),
]

VOCABULARY = [
    *(remove("small", f"tokenizer.ggml.{name}", name) for name in ("model", "pre", "tokens", "merges")),
    *(set_key("small", "tokenizer.ggml.pre", "string", name) for name in ("default", "")),
    set_key("small", TOKENS, "u32", [1, 2, 3]),
    set_key("small", TOKENS, "string", []),
    set_key("small", TOKENS, "string", "tokens"),
    set_key("small", "tokenizer.ggml.merges", "string", []),
    set_key("small", "tokenizer.ggml.merges", "i32", [1]),
    set_key("small", "tokenizer.ggml.token_type", "i32", [1, 1], "token_type has 2 entries for 2064 tokens"),
    set_key("small", "tokenizer.ggml.token_type", "i32", [], "token_type has 0 entries"),
    set_key("small", "tokenizer.ggml.token_type", "f32", [1.0] * 2064),
    set_key("small", "tokenizer.ggml.token_type", "u64", [1 << 40] * 2064),
    set_key("nano", "tokenizer.ggml.eos_token_id", "u32", 2064),
    set_key("nano", "tokenizer.ggml.eos_token_id", "i32", -1),
    set_key("nano", "tokenizer.ggml.eos_token_id", "u32", (1 << 32) - 1),
    remove("nano", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eos_token_id is missing"),
    set_key("nano", "tokenizer.ggml.add_eos_token", "u32", 1),
    change_tokens("more tokens than rows", "small", lambda t: [*t, "one more"], "has 2064 rows for 2065 tokens"),
]

CASES = [
    *(case._replace(name=f"{advisory.name}: {case.name}") for advisory in ADVISORIES for case in advisory.cases),
    *HEADER,
    *KEYS,
    *TENSORS,
    *VOCABULARY,
]
