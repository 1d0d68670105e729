"""What the headers of a model's files hold, against what the suite's writer assumes that they hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from gguf.gguf_writer import GGUFValue

from testing.checkpoints import vocabulary as vocabularies
from testing.checkpoints.shapes import TINY, ModelShape
from testing.checkpoints.weights import Weights
from testing.checkpoints.writer import (
    Tensor,
    audio_metadata,
    audio_tensors,
    default_vocabulary,
    text_metadata,
    text_tensors,
    vision_metadata,
    vision_tensors,
)

# They are compared as a vocabulary, not as values.
_TABLES = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges")
# Names of the model, and how a file came about: free to differ.
_FREE = ("general.name", "general.file_type")


class Headers(NamedTuple):
    """The F16 files of a model."""

    text: Weights
    vision: Weights
    audio: Weights


def compare_headers(headers: Headers, shape: ModelShape, task: str) -> Iterator[str]:
    """Yield each key, token and tensor that is not as assumed; keys that nothing is assumed of are left out."""
    assumed = (text_metadata(shape, task=task), vision_metadata(shape, task=task), audio_metadata(shape, task=task))
    tensors = text_tensors(shape.text), vision_tensors(shape.vision), audio_tensors(shape.audio)
    for file, found, keys, planned in zip(Headers._fields, headers, assumed, tensors, strict=True):
        for name, value in keys.items():
            if name not in (*_TABLES, *_FREE):
                yield from _compare_key(file, name, value, found.key(name))
        yield from _compare_tensors(file, planned, found)
    yield from _compare_tokens(headers.text, shape)


def answer_questions(headers: Headers) -> Iterator[tuple[str, str]]:
    """Yield what the files say about the open questions on their layout, each with the question."""
    text, vision, audio = headers

    def quote(weights: Weights, *names: str) -> str:
        return ", ".join(f"{name} = {weights.key(name, 'absent')!r}" for name in names)

    ggml = "tokenizer.ggml"
    yield (
        "pre-tokenizer and end token",
        quote(text, f"{ggml}.pre", f"{ggml}.add_bos_token", f"{ggml}.add_eos_token", f"{ggml}.eos_token_id"),
    )
    tokens = list(text.key(f"{ggml}.tokens", []))
    ids = {token: tokens.index(token) for token in _special_tokens() if token in tokens}
    yield "ids of media tokens", ", ".join(f"{token} = {i}" for token, i in ids.items())
    limits = [f"clip.vision.{kind}_{end}_pixels" for kind in ("image", "video") for end in ("min", "max")]
    yield "pixels of images and videos", quote(vision, *limits)
    yield "activation of the vision tower", quote(vision, "clip.use_gelu", "clip.use_silu")
    yield "epsilon of the vision tower's norms", quote(vision, "clip.vision.attention.layer_norm_epsilon")
    patch = "v.patch_embd.weight.1"
    yield "type of the second patch kernel", vision.type(patch) if patch in vision else "absent"
    yield "window of the audio tower", quote(audio, "clip.audio.n_window")
    architecture = text.architecture
    names = ("block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "rope.freq_base")
    yield "sizes of the text tower", quote(text, *(f"{architecture}.{name}" for name in names))
    yield "pooling", quote(text, f"{architecture}.pooling_type")
    yield "type of the embedding table in F16", text.type("token_embd.weight")
    known = {*_assumed_keys(text), *_FREE}
    yield "keys of the text file that nothing is assumed of", ", ".join(k for k in text.key_names() if k not in known)


def _assumed_keys(text: Weights) -> set[str]:
    """Return the keys that the writer gives a text file of this architecture."""
    (shape,) = (shape for shape in TINY.values() if shape.text.architecture == text.architecture)
    return set(text_metadata(shape))


def _special_tokens() -> list[str]:
    return sorted({token for tokens in vocabularies.TINY_SPECIALS.values() for token in tokens})


def _compare_key(file: str, name: str, assumed: object, found: object) -> Iterator[str]:
    value = assumed.value if isinstance(assumed, GGUFValue) else assumed
    if found is None:
        yield f"{file}: key {name} is missing, assumed {value!r}"
    elif isinstance(value, float) and isinstance(found, float):
        if not math.isclose(value, found, rel_tol=1e-6):  # a float32 in the file
            yield f"{file}: key {name} is {found!r}, assumed {value!r}"
    elif list(found) != list(value) if isinstance(value, (list, tuple)) else found != value:
        yield f"{file}: key {name} is {found!r}, assumed {value!r}"


def _compare_tensors(file: str, planned: list[Tensor], found: Weights) -> Iterator[str]:
    names = {tensor.name for tensor in planned}
    for tensor in planned:
        if tensor.name not in found:
            yield f"{file}: tensor {tensor.name} is missing"
        elif math.prod(found.shape(tensor.name)) != math.prod(tensor.shape):
            yield f"{file}: tensor {tensor.name} is of {found.shape(tensor.name)}, assumed {tensor.shape}"
        elif found.type(tensor.name) != (wanted := "F16" if tensor.is_weight else "F32"):
            yield f"{file}: tensor {tensor.name} is {found.type(tensor.name)}, assumed {wanted}"
    yield from (f"{file}: tensor {name} is not assumed" for name in found.names("") if name not in names)


def _compare_tokens(text: Weights, shape: ModelShape) -> Iterator[str]:
    tokens = list(text.key("tokenizer.ggml.tokens", []))
    assumed = default_vocabulary(shape)
    if len(tokens) != len(assumed.tokens):
        yield f"text: there are {len(tokens):,} tokens, assumed {len(assumed.tokens):,}"
    for i, (token, kind) in enumerate(zip(assumed.tokens, assumed.types, strict=True)):
        if kind == vocabularies.CONTROL and token != (found := tokens[i] if i < len(tokens) else None):
            yield f"text: token {i} is {found!r}, assumed {token!r}"
