"""Damages of GGUF files that broke another reader, or that we found ourselves, each with its advisory.

A name is a CVE, a number at ggml-org/llama.cpp (LC#) or, without either, the weakness. `attacks/damaged_model_files.py`
loads these files in a bounded process, and `attacks/README.md` lists them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from gguf import GGMLQuantizationType as Type

from testing.gguf_edits import EMBD, TOKENS, Case, Q, change_tokens, edit, patch, reshape, set_key, u32, u64
from testing.gguf_parts import Parts, key, string, tensor

HUGE = (1 << 31, 1 << 61, 1 << 63, (1 << 64) - 1)
TOKEN_TYPES = "tokenizer.ggml.token_type"
NAME, ALIGNMENT = "general.name", "general.alignment"
MAX_PIXELS = "clip.vision.image_max_pixels"
N_EMPTY = 5_000_000


class Advisory(NamedTuple):
    """A known weakness of readers of GGUF files, and the damages that show it."""

    name: str
    weakness: str
    cases: list[Case]


def nest_arrays(parts: Parts) -> None:
    nested = struct.pack("<IQ", 9, 1)  # an array of one array
    parts.keys["nested"] = string("nested") + struct.pack("<I", 9) + nested * 100_000 + struct.pack("<IQ", 4, 0)


def empty_tokens(parts: Parts) -> None:
    parts.keys[TOKENS] = key(TOKENS, "string", [""] * N_EMPTY)
    del parts.keys[TOKEN_TYPES]


ADVISORIES = [
    Advisory(
        "CVE-2024-21836",
        "A number of tensors whose table would overflow",
        [patch("small", "n_tensors", "", u64(n), f"announces {n} tensors") for n in (65537, *HUGE)],
    ),
    Advisory(
        "CVE-2024-23605",
        "A number of keys whose table would overflow",
        [patch("vision", "n_keys", "", u64(n), f"and {n} keys") for n in (65537, *HUGE)],
    ),
    Advisory(
        "CVE-2024-23496",
        "A string whose length plus one is 0, or which goes beyond the file",
        [patch("small", "string length", TOKENS, u64(n), f"'{TOKENS}'") for n in (1 << 24, *HUGE)],
    ),
    Advisory(
        "CVE-2024-21825",
        "An array whose length times the size of an element overflows",
        [
            *(patch("small", "count", TOKEN_TYPES, u64(n), f"'{TOKEN_TYPES}'") for n in (1 << 23, 1 << 62, *HUGE)),
            *(patch("small", "count", TOKENS, u64(n), f"'{TOKENS}'") for n in (1 << 23, (1 << 24) + 1, *HUGE)),
        ],
    ),
    Advisory(
        "CVE-2024-21802",
        "More dimensions than a tensor has room for, and dimensions that are 0 or negative",
        [
            *(patch("small", "n_dims", Q, u32(n), f"'{Q}' has {n} dimensions") for n in (0, 5, (1 << 32) - 1)),
            *(patch("small", "dim", Q, u64(n), f"'{Q}' has {n} as dimension 0") for n in (0, (1 << 40) + 1, *HUGE[1:])),
        ],
    ),
    Advisory(
        "CVE-2025-49847",
        "A token longer than the buffer that it is copied to, or than a signed int",
        [
            *(
                change_tokens(
                    f"a token of {n} bytes", "small", lambda t, n=n: [*t[:-1], "x" * n], f"token of {n} bytes"
                )
                for n in (5_000, 100_000)
            ),
            patch("small", "string length", TOKENS, u64((1 << 31) + 5), f"'{TOKENS}'"),
        ],
    ),
    Advisory(
        "CVE-2025-53630",
        "Tensors whose padded sizes overflow 64 bits to a small sum",
        [
            reshape("small", Q, [1 << 39], "cut short: expected"),
            patch("small", "offset", Q, u64((1 << 62) - 32), "cut short: expected"),
            *(
                patch("small", "offset", Q, u64(n), f"'{Q}' lies at offset")
                for n in ((1 << 63) - 32, 1 << 63, (1 << 64) - 32)
            ),
        ],
    ),
    Advisory(
        "CVE-2026-27940",
        "A number of tensors that overflows when it is multiplied by the size of a record",
        # 2^64 / 368, the size of llama.cpp's records, and what overflows a signed product
        [patch("small", "n_tensors", "", u64(n), f"announces {n} tensors") for n in (0x00B21642C8590B22, 1 << 55)],
    ),
    Advisory(
        "CVE-2026-33298",
        "Dimensions of a tensor whose product overflows to a small size",
        [
            reshape("small", Q, [1 << 33, 1 << 33], f"'{Q}' has {1 << 33} as dimension 1"),
            reshape("small", Q, [1 << 20, 1 << 20, 1 << 20, 1 << 20], f"'{Q}' has {1 << 20} as dimension 2"),
            reshape("small", Q, [1 << 62, 4], f"'{Q}' has {1 << 62} as dimension 0"),
        ],
    ),
    Advisory(
        "CVE-2026-7482",
        "A tensor beyond the end of the file, which would be read from the memory of the process (Bleeding Llama)",
        [
            patch("small", "offset", Q, u64(1 << 30), "cut short: expected"),
            Case("small: the last byte missing", "small", lambda p: p.original[:-1], "cut short: expected"),
            Case("vision: cut in half", "vision", lambda p: p.original[: len(p.original) // 2], "cut short: expected"),
            Case("small: without data", "small", lambda p: p.original[: p.header.size], "cut short: expected"),
        ],
    ),
    Advisory(
        "LC#26511",
        "A tokenizer model whose table is written out of bounds (plamo2; also LC#27226)",
        [
            set_key("small", "tokenizer.ggml.model", "string", name, f"tokenizer.ggml.model'? is '{name}'")
            for name in ("plamo2", "t5", "rwkv", "llama", "bert", "no such", "")
        ],
    ),
    Advisory(
        "LC#27166 patch size",
        "A projector whose patches have the size 0, which is divided by (also lmstudio tracker 2289)",
        [
            *(set_key("vision", "clip.vision.patch_size", "u32", n) for n in (0, 65, 1 << 31)),
            *(set_key("vision", "clip.vision.spatial_merge_size", "u32", n) for n in (0, 9)),
        ],
    ),
    Advisory(
        "LC#27166 heads",
        "A projector without heads, or with a number of them that doesn't divide its hidden size",
        [
            *(set_key("vision", "clip.vision.attention.head_count", "u32", n) for n in (0, 3, 64, 1 << 31)),
            *(set_key("audio", "clip.audio.attention.head_count", "u32", n) for n in (0, 3)),
        ],
    ),
    Advisory(
        "LC#27166 means",
        "A projector with two means for three channels, which are read beyond their end",
        [
            *(
                set_key("vision", "clip.vision.image_mean", "f32", x)
                for x in ([0.5] * 2, [], 0.5, [0.5, float("nan"), 0.5])
            ),
            *(
                set_key("vision", "clip.vision.image_std", "f32", x)
                for x in ([0.0] * 3, [0.5] * 2, [0.5, -0.5, 0.5], [float("inf")] * 3)
            ),
        ],
    ),
    Advisory(
        "LC#27166 positions",
        "A projector with fewer positions than its images or sounds have",
        [
            reshape("vision", "v.position_embd.weight", [128, 2303], "'v.position_embd.weight'", Type.F32),
            reshape("vision", "v.position_embd.weight", [64, 4608], "'v.position_embd.weight'", Type.F32),
            set_key("audio", "clip.audio.n_window", "u32", 1501, "1500 rows for the 1501 positions"),
        ],
    ),
    Advisory(
        "LC#27166 pixels",
        "A projector whose largest image has no pixels, or terabytes of them",
        [
            *(set_key("vision", MAX_PIXELS, "u64", n) for n in (0, 1 << 41)),
            *(set_key("vision", MAX_PIXELS, "i32", n) for n in (0, -1)),
        ],
    ),
    Advisory(
        "LC#19856",
        "Keys and names longer than the buffers that hold them",
        [
            *(patch("small", "key length", "", u64(n), "key number 0 ") for n in (0, 65536, 1 << 24, *HUGE)),
            *(patch("small", "name length", "", u64(n), "tensor number 0 ") for n in (0, 64, *HUGE)),
            edit("a key of 70000 bytes", "small", lambda p: p.keys.update(x=key("k" * 70000, "u8", 0)), "70000 bytes"),
        ],
    ),
    Advisory(
        "LC#25821",
        "More layers than the array that holds them (also LC#26051)",
        [
            *(set_key("small", "qwen3.block_count", "u32", n) for n in (0, 513, (1 << 32) - 1)),
            *(set_key("vision", "clip.vision.block_count", "u32", n) for n in (0, (1 << 32) - 1)),
            *(set_key("audio", "clip.audio.block_count", "u32", n) for n in (0, (1 << 32) - 1)),
        ],
    ),
    Advisory(
        "LC#26318",
        "An alignment that is 0, which is divided by, or not a power of two, so that tensors overlap (also LC#24997)",
        [
            *(set_key("small", ALIGNMENT, "u32", n) for n in (0, 1, 3, 4, 48, 1 << 17, 1 << 31, (1 << 32) - 1)),
            patch("small", "offset", Q, u64(0), "overlap"),
        ],
    ),
    Advisory(
        "nested arrays",
        "Arrays of arrays, as deep as the file is long, which gguf-py follows by recursion",
        [
            edit("arrays in arrays", "small", nest_arrays, "key 'nested' is an array of arrays"),
            patch("small", "element type", TOKENS, u32(9), f"'{TOKENS}' is an array of arrays"),
        ],
    ),
    Advisory(
        "duplicate names",
        "Two keys, two tensors or two tokens of one name: a check may see one, and the code use the other",
        [
            edit("a key twice", "small", lambda p: p.keys.update(x=p.keys[NAME]), f"'{NAME}' occurs twice"),
            edit("a tensor twice", "small", lambda p: p.tensors.update(x=tensor(Q, [1], 0, 0)), f"'{Q}'"),
            change_tokens("a token twice", "small", lambda t: [*t[:-1], t[300]], "tokens holds '.*' twice"),
            change_tokens("a token named like an empty one", "small", lambda t: ["", "[EMPTY_0]", *t[2:]], "twice"),
        ],
    ),
    Advisory(
        "tensor types",
        "Tensors of types that hold no weights, were removed or don't exist",
        [
            *(patch("small", "tensor type", Q, u32(n), f"'{Q}' is of type {n}") for n in (4, 5, 31, 36, 99, 1 << 31)),
            *(
                patch("small", "tensor type", name, u32(Type.I16), f"'{name}' is of type i16, which holds no weights")
                for name in (Q, EMBD)
            ),
            patch("vision", "tensor type", "v.position_embd.weight", u32(Type.I32), "'v.position_embd.weight' is"),
            reshape("small", Q, [300, 256], f"'{Q}' has rows of 300 elements", Type.Q4_K),
        ],
    ),
    Advisory(
        "empty tokens",
        "Five million empty tokens in 40 MB of file, each of which takes ten times its size in memory",
        [edit("empty tokens", "small", empty_tokens, f"2064 rows for {N_EMPTY} tokens")],
    ),
]
