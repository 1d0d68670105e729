"""The reference's tokenizer, built by Hugging Face's tokenizers from the tables in a GGUF file."""

from __future__ import annotations

from pathlib import Path

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from .vocabulary import CONTROL, USER_DEFINED

# Both as the models' tokenizer.json files have them; they differ in how many digits one token may hold.
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_PATTERN = _PATTERN % ""
LLAMA3_PATTERN = _PATTERN % "{1,3}"


def build_tokenizer(path: Path) -> Tokenizer:
    """Build the tokenizer of a text file, or of one of llama.cpp's files that hold a vocabulary alone.

    Special tokens written in a text become their ids. ``encode(text)`` adds what the file says is added (nano: its
    EOS); ``encode(text, add_special_tokens=False)`` does not.

    Parameters
    ----------
    path
        GGUF file with a byte-level BPE vocabulary whose pre-tokenizer is ``qwen2``, ``llama-bpe`` or ``jina-v5-nano``.
    """
    fields = GGUFReader(path).fields
    found = {key: fields[f"tokenizer.ggml.{key}"].contents() for key in ("pre", "tokens", "token_type", "merges")}
    tokens: list[str] = found["tokens"]
    is_qwen = {"qwen2": True, "llama-bpe": False, "jina-v5-nano": False}[found["pre"]]
    merges = [tuple(merge.split(" ")) for merge in found["merges"]]
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=merges, ignore_merges=not is_qwen))
    if is_qwen:
        tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(QWEN2_PATTERN if is_qwen else LLAMA3_PATTERN), behavior="isolated", invert=False)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    # Added tokens are cut out before the normalizer runs, hence not normalized themselves.
    for kind, add in ((CONTROL, tokenizer.add_special_tokens), (USER_DEFINED, tokenizer.add_tokens)):
        named = [token for token, its_kind in zip(tokens, found["token_type"], strict=True) if its_kind == kind]
        add([AddedToken(token, normalized=False, special=kind == CONTROL) for token in named])
    single, used = ["$A"], []
    for name, place in (("bos", 0), ("eos", 2)):
        flag = fields.get(f"tokenizer.ggml.add_{name}_token")
        if flag is not None and flag.contents():
            i = fields[f"tokenizer.ggml.{name}_token_id"].contents()
            single.insert(place, tokens[i])
            used.append((tokens[i], i))
    if used:
        tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=used)
    return tokenizer
