"""Token tables of the checkpoints: the first tokens of the real vocabularies, and the special tokens after them.

``python -m testing.checkpoints.vocabulary MODELS`` cuts the two files in ``data/`` again from ``ggml-vocab-qwen2.gguf``
and ``ggml-vocab-llama-bpe.gguf`` in the folder MODELS (``models/`` of llama.cpp's source tree).
"""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from gguf import GGUFReader

DATA = Path(__file__).parent / "data"
SOURCES = {"small": "ggml-vocab-qwen2", "nano": "ggml-vocab-llama-bpe"}
N_CUT = 2048

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5

TINY_SPECIALS = {
    "small": (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
        "<|video_pad|>",
        "<|audio_pad|>",
        "<|audio_start|>",
        "<|audio_end|>",
    ),
    "nano": (
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|audio_pad|>",
        "<|audio_start|>",
        "<|audio_end|>",
        "<image>",
    ),
}

FULL_SPECIALS = {
    "small": {
        151643: "<|endoftext|>",
        151644: "<|im_start|>",
        151645: "<|im_end|>",
        151646: "<|object_ref_start|>",
        151647: "<|object_ref_end|>",
        151648: "<|box_start|>",
        151649: "<|box_end|>",
        151650: "<|quad_start|>",
        151651: "<|quad_end|>",
        151652: "<|vision_start|>",
        151653: "<|vision_end|>",
        151654: "<|vision_pad|>",
        151655: "<|image_pad|>",
        151656: "<|video_pad|>",
        151669: "<|audio_pad|>",
        151670: "<|audio_start|>",
        151671: "<|audio_end|>",
    },
    "nano": {
        128000: "<|begin_of_text|>",
        128001: "<|end_of_text|>",
        128256: "<|audio_pad|>",
        128257: "<|audio_start|>",
        128258: "<|audio_end|>",
        128259: "<image>",
    },
}

# Qwen3 adds these without the flag that makes a token special.
FULL_USER_DEFINED = {
    151657: "<tool_call>",
    151658: "</tool_call>",
    151659: "<|fim_prefix|>",
    151660: "<|fim_middle|>",
    151661: "<|fim_suffix|>",
    151662: "<|fim_pad|>",
    151663: "<|repo_name|>",
    151664: "<|file_sep|>",
    151665: "<tool_response>",
    151666: "</tool_response>",
    151667: "<think>",
    151668: "</think>",
}


@dataclass(frozen=True)
class Vocabulary:
    """A byte-level BPE vocabulary as a GGUF file holds it.

    Attributes
    ----------
    pre
        Value of ``tokenizer.ggml.pre``.
    special_ids
        The ``tokenizer.ggml.*`` keys that name tokens and say which are added.
    """

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    special_ids: dict[str, int | bool]


def cut(size: str) -> tuple[list[str], list[str]]:
    """Return the committed first tokens of the real vocabulary and the merges among them.

    Parameters
    ----------
    size
        ``small`` or ``nano``.
    """
    with gzip.open(DATA / f"{SOURCES[size]}.json.gz", "rt", encoding="utf-8") as file:
        stored = json.load(file)
    return stored["tokens"], stored["merges"]


def tiny(size: str, n_vocab: int = 2064) -> Vocabulary:
    """Return the committed tokens, the special tokens right after them, and unused ones up to ``n_vocab``.

    Parameters
    ----------
    size
        ``small`` or ``nano``.
    """
    tokens, merges = cut(size)
    base = len(tokens)
    specials = {base + i: token for i, token in enumerate(TINY_SPECIALS[size])}
    table = _table(tokens, [NORMAL] * base, n_vocab, {i: (token, CONTROL) for i, token in specials.items()})
    return Vocabulary(_PRE[size], *table, merges, _special_ids(size, base, base + 1))


def full(size: str, n_vocab: int, source: Path | None = None) -> Vocabulary:
    """Return a vocabulary of the published size with the special tokens at their published ids.

    Parameters
    ----------
    size
        ``small`` or ``nano``.
    source
        llama.cpp's vocabulary file of the model; without it, unused tokens fill the ids between the committed tokens
        and the special ones, so text splits into more tokens than it really does.
    """
    first = min(FULL_SPECIALS[size])
    if source is None:
        tokens, merges = cut(size)
        types = [NORMAL] * len(tokens)
    else:
        fields = GGUFReader(source).fields
        # nano keeps Llama 3's reserved tokens; the small one's file has made-up padding above its ordinary tokens.
        stop = first if size == "small" else n_vocab
        tokens = fields["tokenizer.ggml.tokens"].contents()[:stop]
        types = fields["tokenizer.ggml.token_type"].contents()[:stop]
        merges = fields["tokenizer.ggml.merges"].contents()
    added = {i: (token, CONTROL) for i, token in FULL_SPECIALS[size].items()}
    if size == "small":
        added |= {i: (token, USER_DEFINED) for i, token in FULL_USER_DEFINED.items()}
    table = _table(tokens, types, n_vocab, added)
    return Vocabulary(_PRE[size], *table, merges, _special_ids(size, first, first + 1))


def without(vocabulary: Vocabulary, *removed: str) -> Vocabulary:
    """Return the vocabulary with some tokens made unused, as in files that lack a delimiter."""
    pairs = zip(vocabulary.tokens, vocabulary.types, strict=True)
    changed = [(f"<lost{i}>", UNUSED) if token in removed else (token, kind) for i, (token, kind) in enumerate(pairs)]
    return replace(vocabulary, tokens=[token for token, _ in changed], types=[kind for _, kind in changed])


_PRE = {"small": "qwen2", "nano": "jina-v5-nano"}


def _special_ids(size: str, first: int, second: int) -> dict[str, int | bool]:
    if size == "small":
        return {"add_bos_token": False, "eos_token_id": first, "padding_token_id": first}
    return {"add_bos_token": False, "bos_token_id": first, "eos_token_id": second, "add_eos_token": True}


def _table(
    tokens: list[str], types: list[int], n_vocab: int, added: dict[int, tuple[str, int]]
) -> tuple[list[str], list[int]]:
    filler = range(len(tokens), n_vocab)
    tokens = tokens + [f"<unused{i}>" for i in filler]
    types = types + [UNUSED for _ in filler]
    for i, (token, kind) in added.items():
        tokens[i], types[i] = token, kind
    return tokens, types


def _regenerate(models: Path) -> None:
    for name in SOURCES.values():
        fields = GGUFReader(models / f"{name}.gguf").fields
        tokens = fields["tokenizer.ggml.tokens"].contents()[:N_CUT]
        known = set(tokens)
        pairs = (merge.partition(" ") for merge in fields["tokenizer.ggml.merges"].contents())
        merges = [f"{a} {b}" for a, _, b in pairs if a in known and b in known and a + b in known]
        text = json.dumps({"tokens": tokens, "merges": merges}, ensure_ascii=False, separators=(",", ":"))
        # A fixed time stamp keeps the committed file the same from run to run.
        (DATA / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    _regenerate(Path(sys.argv[1]))
