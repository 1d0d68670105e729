"""The model files that fuzzing starts from: sound, of a few kilobytes, and of shapes that no published file has.

``python -m tests.fuzz.files FOLDER`` writes them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gguf import GGMLQuantizationType as Type

from testing.checkpoints.shapes import AudioShape, ModelShape, TextShape, VisionShape
from testing.checkpoints.vocabulary import CONTROL, NORMAL, TINY_SPECIALS, UNUSED, Vocabulary, tiny
from testing.checkpoints.writer import Edits, write_audio, write_combined, write_text, write_vision

N_VOCAB = 300

TEXTS = {
    # a row of 256 may be of any type: a K-quant's block is as long
    "qwen3-wide": (TextShape("qwen3", 2, 256, 1, 1, 32, 32, N_VOCAB, 64, 1e6, 1e-6), Type.F16),
    "qwen3": (TextShape("qwen3", 1, 32, 4, 2, 16, 64, N_VOCAB, 64, 1e6, 1e-6), Type.Q8_0),
    "qwen3-odd": (TextShape("qwen3", 1, 33, 3, 1, 6, 7, N_VOCAB, 64, 1e6, 1e-6), Type.F32),
    "eurobert": (TextShape("eurobert", 2, 32, 2, 2, 32, 32, N_VOCAB, 64, 1e6, 1e-5), Type.Q4_0),
    "eurobert-odd": (TextShape("eurobert", 1, 5, 1, 1, 2, 3, N_VOCAB, 64, 1e6, 1e-5), Type.BF16),
}
VISIONS = {
    "vision": (VisionShape(1, 32, 2, 32, 32, 1e-6, (16, 4096), (16, 4096), 16, 4), Type.Q8_0),
    "vision-odd": (VisionShape(2, 12, 3, 7, 5, 1e-6, None, (16, 4096), 9, 3, 1), Type.F16),
}
AUDIOS = {
    "audio": (AudioShape(1, 32, 2, 32, 32, 8, 4, 16), Type.Q5_1),
    "audio-odd": (AudioShape(2, 6, 2, 7, 5, 3, 5, 9), Type.BF16),
}


def vocabulary(size: str) -> Vocabulary:
    """Return the bytes, the first merges of the real vocabulary and the special tokens."""
    whole = tiny(size)
    tokens = whole.tokens[: N_VOCAB - 20]
    known = set(tokens)
    merges = [m for m in whole.merges if "".join(m.split(" ")) in known]
    specials = list(TINY_SPECIALS[size])
    types = [NORMAL] * len(tokens) + [CONTROL] * len(specials)
    filler = [f"<unused{i}>" for i in range(N_VOCAB - len(types))]
    ids = {key: value if isinstance(value, bool) else len(tokens) for key, value in whole.special_ids.items()}
    return replace(
        whole, tokens=tokens + specials + filler, types=types + [UNUSED] * len(filler), merges=merges, special_ids=ids
    )


def write(folder: Path) -> Iterator[Path]:
    """Write the files into an existing folder."""
    any_text, any_vision, any_audio = TEXTS["qwen3"][0], VISIONS["vision"][0], AUDIOS["audio"][0]
    for name, (text, weight_type) in TEXTS.items():
        size = "small" if text.architecture == "qwen3" else "nano"
        shape = ModelShape(size, text, any_vision, any_audio)
        edits = Edits(weight_type=weight_type)
        yield write_text(folder / f"{name}.gguf", shape, edits=edits, vocabulary=vocabulary(size))
    for name, (vision, weight_type) in VISIONS.items():
        # a table of another type is dequantised when it is loaded
        edits = Edits(weight_type=Type.F16, tensor_types=_block_types(weight_type, "v.blk.0."))
        yield write_vision(folder / f"{name}.gguf", ModelShape("small", any_text, vision, any_audio), edits=edits)
    for name, (audio, weight_type) in AUDIOS.items():
        edits = Edits(weight_type=Type.F16, tensor_types=_block_types(weight_type, "a.blk.0."))
        yield write_audio(folder / f"{name}.gguf", ModelShape("small", any_text, any_vision, audio), edits=edits)
    yield write_combined(folder / "combined.gguf", ModelShape("small", any_text, any_vision, any_audio))


def _block_types(weight_type: Type, prefix: str) -> dict[str, Type]:
    names = ("attn_qkv", "attn_q", "attn_k", "attn_v", "attn_out", "ffn_up", "ffn_down")
    return {f"{prefix}{name}.weight": weight_type for name in names}


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path, path.stat().st_size)
