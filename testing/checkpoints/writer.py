"""Writes random checkpoints in the published GGUF layout (architectures qwen3 and eurobert, clip projectors).

The same seed gives the same bytes on every machine: weights come from raw PCG64 bits by integer arithmetic and a few
float32 operations, not from numpy's distributions, whose streams may change between its releases.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter
from gguf.gguf_writer import GGUFValue
from gguf.quants import quant_shape_to_byte_shape, quantize
from numpy.typing import NDArray

from . import vocabulary as vocabularies
from .shapes import TINY, AudioShape, ModelShape, TextShape, VisionShape
from .vocabulary import Vocabulary

F16, F32, BF16 = GGMLQuantizationType.F16, GGMLQuantizationType.F32, GGMLQuantizationType.BF16

Metadata = Mapping[str, object]
"""Keys to set or, with None, to leave out; a GGUFValue fixes the type, else int is uint32, float is float32."""

_FILE_TYPES = {F32: 0, F16: 1, GGMLQuantizationType.Q4_0: 2, GGMLQuantizationType.Q8_0: 7, BF16: 32}
# bool comes before int because Python counts it as one.
_KINDS = {
    bool: GGUFValueType.BOOL,
    int: GGUFValueType.UINT32,
    float: GGUFValueType.FLOAT32,
    str: GGUFValueType.STRING,
}
_BLOCK = 1 << 16
_EVEN_16, _LOW_32 = np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Tensor:
    """One tensor to be written: its torch shape, and the mean and deviation of its random values.

    Attributes
    ----------
    is_weight
        Whether it takes the file's weight type; norms, biases and positions are always float32.
    sinusoid
        Whether its values are the fixed audio positions instead of random ones.
    """

    name: str
    shape: tuple[int, ...]
    std: float
    mean: float = 0.0
    is_weight: bool = False
    sinusoid: bool = False


@dataclass(frozen=True)
class Edits:
    """Departures from the published layout, for the files that a loader must refuse or put up with.

    Attributes
    ----------
    seed
        Seed of the random values.
    weight_type
        Type of the weights: F16 as published, or any that ``gguf.quants.quantize`` can make.
    metadata
        Keys to set, add or, with None, leave out.
    tensors
        Tensors to replace or add, with their values; with None, to leave out.
    tensor_types
        Types of single tensors, by name.
    is_hollow
        Write no values: the file has the right length and reads as zeros, but takes no room on the disk.
    """

    seed: int = 0
    weight_type: GGMLQuantizationType = F16
    metadata: Metadata | None = None
    tensors: Mapping[str, NDArray[np.float32] | None] | None = None
    tensor_types: Mapping[str, GGMLQuantizationType] | None = None
    is_hollow: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Paths of one model's files; ``combined`` has both projectors in one file."""

    text: Path
    vision: Path
    audio: Path
    combined: Path


PUBLISHED = Edits()


def write_checkpoint(
    directory: Path,
    shape: ModelShape,
    *,
    edits: Edits = PUBLISHED,
    vocabulary: Vocabulary | None = None,
    task: str = "clustering",
) -> Checkpoint:
    """Write a model's four files under their published names, the combined projectors beside them.

    Parameters
    ----------
    directory
        Existing folder for the files.
    vocabulary
        Token tables; by default those of `default_vocabulary`.
    task
        The task in the names: ``retrieval``, ``text-matching``, ``clustering`` or ``classification``.
    """
    name = model_name(shape, task)
    return Checkpoint(
        text=write_text(directory / f"{name}-F16.gguf", shape, edits=edits, vocabulary=vocabulary, task=task),
        vision=write_vision(directory / f"{name}-vision-mmproj-F16.gguf", shape, edits=edits, task=task),
        audio=write_audio(directory / f"{name}-audio-mmproj-F16.gguf", shape, edits=edits, task=task),
        combined=write_combined(directory / f"{name}-mmproj-F16.gguf", shape, edits=edits, task=task),
    )


def write_text(
    path: Path,
    shape: ModelShape,
    *,
    edits: Edits = PUBLISHED,
    vocabulary: Vocabulary | None = None,
    task: str = "clustering",
) -> Path:
    """Write a text file and return its path."""
    metadata = text_metadata(shape, edits=edits, vocabulary=vocabulary, task=task)
    return _write(path, shape.size, metadata, text_tensors(shape.text), edits)


def write_vision(path: Path, shape: ModelShape, *, edits: Edits = PUBLISHED, task: str = "clustering") -> Path:
    """Write a vision projector file and return its path."""
    metadata = vision_metadata(shape, edits=edits, task=task)
    return _write(path, shape.size, metadata, vision_tensors(shape.vision), edits)


def write_audio(path: Path, shape: ModelShape, *, edits: Edits = PUBLISHED, task: str = "clustering") -> Path:
    """Write an audio projector file and return its path."""
    metadata = audio_metadata(shape, edits=edits, task=task)
    return _write(path, shape.size, metadata, audio_tensors(shape.audio), edits)


def write_combined(path: Path, shape: ModelShape, *, edits: Edits = PUBLISHED, task: str = "clustering") -> Path:
    """Write one file with both projectors, whose tensors equal those of the single files, and return its path."""
    metadata = _general("mmproj", shape, task, edits)
    metadata |= {"clip.has_vision_encoder": True, "clip.has_audio_encoder": True}
    metadata |= {"clip.vision.projector_type": "qwen3vl_merger", "clip.audio.projector_type": "qwen2.5o"}
    metadata |= _vision_metadata(shape.vision) | _audio_metadata(shape.audio)
    return _write(path, shape.size, metadata, vision_tensors(shape.vision) + audio_tensors(shape.audio), edits)


def model_name(shape: ModelShape, task: str) -> str:
    """Return the published name of a model and task."""
    return f"jina-embeddings-v5-omni-{shape.size}-{task}"


def default_vocabulary(shape: ModelShape, source: Path | None = None) -> Vocabulary:
    """Return the tiny vocabulary for a tiny shape, else the one with the published ids (see `vocabulary.full`)."""
    n_vocab = shape.text.n_vocab
    if n_vocab == TINY[shape.size].text.n_vocab:
        return vocabularies.tiny(shape.size, n_vocab)
    return vocabularies.full(shape.size, n_vocab, source)


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def random_values(seed: int, name: str, n: int) -> NDArray[np.float32]:
    """Return ``n`` values of about unit normal distribution that depend on the seed and the name alone.

    Each is the sum of four 16-bit integers, scaled: a bell with the right deviation and no tail past 3.5.
    """
    bits = np.random.PCG64([seed, zlib.crc32(name.encode())]).random_raw(n)
    # Two additions of halves instead of a sum over four columns, which takes several times as long.
    pairs = (bits & _EVEN_16) + ((bits >> np.uint64(16)) & _EVEN_16)
    total = ((pairs & _LOW_32) + (pairs >> np.uint64(32))).astype(np.int32)
    # The deviation of a 16-bit integer is 65536 / sqrt(12), and of four of them twice that.
    return (total - 2 * 65535).astype(np.float32) * np.float32(12**0.5 / 131072)


def text_metadata(
    shape: ModelShape,
    *,
    edits: Edits = PUBLISHED,
    vocabulary: Vocabulary | None = None,
    task: str = "clustering",
) -> dict[str, object]:
    """Return the keys of a text file."""
    vocabulary = vocabulary or default_vocabulary(shape)
    return _general("model", shape, task, edits) | _text_metadata(shape.text) | _tokenizer_metadata(vocabulary)


def vision_metadata(shape: ModelShape, *, edits: Edits = PUBLISHED, task: str = "clustering") -> dict[str, object]:
    """Return the keys of a vision projector file."""
    metadata = _general("mmproj", shape, task, edits) | {"clip.has_vision_encoder": True}
    return metadata | {"clip.projector_type": "qwen3vl_merger"} | _vision_metadata(shape.vision)


def audio_metadata(shape: ModelShape, *, edits: Edits = PUBLISHED, task: str = "clustering") -> dict[str, object]:
    """Return the keys of an audio projector file."""
    metadata = _general("mmproj", shape, task, edits) | {"clip.has_audio_encoder": True}
    return metadata | {"clip.projector_type": "qwen2.5o"} | _audio_metadata(shape.audio)


def text_tensors(shape: TextShape) -> list[Tensor]:
    """Return the tensors of a text file, in file order."""
    n_embd, n_q, n_kv = shape.n_embd, shape.n_head * shape.head_dim, shape.n_head_kv * shape.head_dim
    normed = shape.architecture == "qwen3"
    # Without the q and k norms the projections themselves must be large enough for scores that are not all alike.
    sharp = 1.0 if normed else 1.8
    tensors = [Tensor("token_embd.weight", (shape.n_vocab, n_embd), 0.5, is_weight=True), _norm("output_norm", n_embd)]
    for i in range(shape.n_layer):
        blk = f"blk.{i}"
        tensors += [
            _norm(f"{blk}.attn_norm", n_embd),
            _weight(f"{blk}.attn_q", n_q, n_embd, sharp),
            _weight(f"{blk}.attn_k", n_kv, n_embd, sharp),
            _weight(f"{blk}.attn_v", n_kv, n_embd),
            _weight(f"{blk}.attn_output", n_embd, n_q, 1.5),
        ]
        if normed:
            tensors += [Tensor(f"{blk}.attn_{x}_norm.weight", (shape.head_dim,), 0.1, 1.5) for x in "qk"]
        tensors += [
            _norm(f"{blk}.ffn_norm", n_embd),
            _weight(f"{blk}.ffn_gate", shape.n_ff, n_embd),
            _weight(f"{blk}.ffn_up", shape.n_ff, n_embd),
            _weight(f"{blk}.ffn_down", n_embd, shape.n_ff),
        ]
    return tensors


def vision_tensors(shape: VisionShape) -> list[Tensor]:
    """Return the tensors of a vision projector, in file order."""
    n_embd, n_merged = shape.n_embd, shape.n_embd * shape.merge_size**2
    patch = (n_embd, 3, shape.patch_size, shape.patch_size)
    # Pixels lie in [-1, 1] and neighbours are alike, so a patch needs more than unit gain to outweigh its position.
    patch_std = 2.0 / (2 * 3 * shape.patch_size**2) ** 0.5
    tensors = [
        Tensor("v.patch_embd.weight", patch, patch_std, is_weight=True),
        Tensor("v.patch_embd.weight.1", patch, patch_std, is_weight=True),
        _bias("v.patch_embd", n_embd),
        Tensor("v.position_embd.weight", (shape.n_pos, n_embd), 0.5),
    ]
    for i in range(shape.n_layer):
        blk = f"v.blk.{i}"
        tensors += [
            *_layer_norm(f"{blk}.ln1", n_embd),
            *_layer_norm(f"{blk}.ln2", n_embd),
            *_linear(f"{blk}.attn_qkv", 3 * n_embd, n_embd, 1.5),
            *_linear(f"{blk}.attn_out", n_embd, n_embd),
            *_linear(f"{blk}.ffn_up", shape.n_ff, n_embd),
            *_linear(f"{blk}.ffn_down", n_embd, shape.n_ff),
        ]
    tensors += _layer_norm("v.post_ln", n_embd)
    tensors += _linear("mm.0", n_merged, n_merged)
    tensors += _linear("mm.2", shape.n_embd_text, n_merged)
    return tensors


def audio_tensors(shape: AudioShape) -> list[Tensor]:
    """Return the tensors of an audio projector, in file order."""
    n_embd = shape.n_embd
    tensors = []
    for i, n_in in ((1, shape.n_mel), (2, n_embd)):
        tensors.append(Tensor(f"a.conv1d.{i}.weight", (n_embd, n_in, 3), (3 * n_in) ** -0.5, is_weight=True))
        tensors.append(Tensor(f"a.conv1d.{i}.bias", (n_embd, 1), 0.1))
    tensors.append(Tensor("a.position_embd.weight", (shape.n_pos, n_embd), 0.0, sinusoid=True))
    for i in range(shape.n_layer):
        blk = f"a.blk.{i}"
        tensors += [
            *_layer_norm(f"{blk}.ln1", n_embd),
            *_layer_norm(f"{blk}.ln2", n_embd),
            *_linear(f"{blk}.attn_q", n_embd, n_embd, 1.5),
            _weight(f"{blk}.attn_k", n_embd, n_embd, 1.5),
            *_linear(f"{blk}.attn_v", n_embd, n_embd),
            *_linear(f"{blk}.attn_out", n_embd, n_embd),
            *_linear(f"{blk}.ffn_up", shape.n_ff, n_embd),
            *_linear(f"{blk}.ffn_down", n_embd, shape.n_ff),
        ]
    return [*tensors, *_layer_norm("a.post_ln", n_embd), *_linear("mm.a.fc", shape.n_embd_text, n_embd)]


def _weight(name: str, n_out: int, n_in: int, gain: float = 1.0) -> Tensor:
    return Tensor(f"{name}.weight", (n_out, n_in), gain * n_in**-0.5, is_weight=True)


def _bias(name: str, n: int) -> Tensor:
    return Tensor(f"{name}.bias", (n,), 0.1)


def _norm(name: str, n: int) -> Tensor:
    return Tensor(f"{name}.weight", (n,), 0.1, 1.0)


def _linear(name: str, n_out: int, n_in: int, gain: float = 1.0) -> list[Tensor]:
    return [_weight(name, n_out, n_in, gain), _bias(name, n_out)]


def _layer_norm(name: str, n: int) -> list[Tensor]:
    return [_norm(name, n), _bias(name, n)]


def _general(kind: str, shape: ModelShape, task: str, edits: Edits) -> dict[str, object]:
    return {
        "general.architecture": shape.text.architecture if kind == "model" else "clip",
        "general.type": kind,
        "general.name": model_name(shape, task),
        "general.file_type": _FILE_TYPES.get(edits.weight_type, 1),
    }


def _text_metadata(shape: TextShape) -> dict[str, object]:
    metadata: dict[str, object] = {
        "block_count": shape.n_layer,
        "context_length": shape.n_ctx,
        "embedding_length": shape.n_embd,
        "feed_forward_length": shape.n_ff,
        "attention.head_count": shape.n_head,
        "attention.head_count_kv": shape.n_head_kv,
        "rope.freq_base": shape.rope_theta,
        "attention.layer_norm_rms_epsilon": shape.rms_eps,
        "attention.key_length": shape.head_dim,
        "attention.value_length": shape.head_dim,
        "vocab_size": shape.n_vocab,
    }
    if shape.architecture == "eurobert":
        metadata["attention.causal"] = False
        metadata["rope.scaling.type"] = "none"
        metadata["rope.dimension_count"] = shape.head_dim
    return {f"{shape.architecture}.{key}": value for key, value in metadata.items()}


def _tokenizer_metadata(vocabulary: Vocabulary) -> dict[str, object]:
    metadata: dict[str, object] = {
        "model": "gpt2",
        "pre": vocabulary.pre,
        "tokens": vocabulary.tokens,
        "token_type": GGUFValue(vocabulary.types, GGUFValueType.ARRAY, GGUFValueType.INT32),
        "merges": vocabulary.merges,
        **vocabulary.special_ids,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in metadata.items()}


def _vision_metadata(shape: VisionShape) -> dict[str, object]:
    metadata: dict[str, object] = {
        "image_size": round(shape.n_pos**0.5) * shape.patch_size,
        "patch_size": shape.patch_size,
        "embedding_length": shape.n_embd,
        "feed_forward_length": shape.n_ff,
        "block_count": shape.n_layer,
        "projection_dim": shape.n_embd_text,
        "spatial_merge_size": shape.merge_size,
        "image_min_pixels": shape.image_pixels[0],
        "image_max_pixels": shape.image_pixels[1],
    }
    if shape.video_pixels is not None:
        metadata["video_min_pixels"], metadata["video_max_pixels"] = shape.video_pixels
    metadata["attention.head_count"] = shape.n_head
    metadata["attention.layer_norm_epsilon"] = shape.eps_key
    metadata["image_mean"] = [0.5, 0.5, 0.5]
    metadata["image_std"] = [0.5, 0.5, 0.5]
    metadata["is_deepstack_layers"] = [False] * shape.n_layer
    return {"clip.use_gelu": True} | {f"clip.vision.{key}": value for key, value in metadata.items()}


def _audio_metadata(shape: AudioShape) -> dict[str, object]:
    metadata = {
        "embedding_length": shape.n_embd,
        "feed_forward_length": shape.n_ff,
        "block_count": shape.n_layer,
        "projection_dim": shape.n_embd_text,
        "num_mel_bins": shape.n_mel,
        "n_window": shape.n_window,
        "attention.head_count": shape.n_head,
        "attention.layer_norm_epsilon": shape.eps,
    }
    return {f"clip.audio.{key}": value for key, value in metadata.items()}


def _write(path: Path, size: str, metadata: dict[str, object], tensors: list[Tensor], edits: Edits) -> Path:
    writer = GGUFWriter(path, "")
    # The writer puts an architecture key first of its own accord; the published order and the edits decide here.
    writer.kv_data[0].clear()
    for key, value in (metadata | dict(edits.metadata or {})).items():
        if value is not None:
            writer.kv_data[0][key] = _typed(value)

    given = dict(edits.tensors or {})
    planned: list[Tensor | NDArray[np.float32]] = []
    for tensor in tensors:
        if tensor.name not in given:
            planned.append(tensor)
            _announce(writer, tensor.name, tensor.shape, edits.weight_type if tensor.is_weight else F32, edits)
    for name, values in given.items():
        if values is not None:
            planned.append(values)
            # The rule of the layout holds for given tensors too: norms, biases and positions are float32.
            is_weight = values.ndim > 1 and not name.endswith(("position_embd.weight", ".bias"))
            _announce(writer, name, values.shape, edits.weight_type if is_weight else F32, edits)

    types = [info.dtype for info in writer.tensors[0].values()]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    if edits.is_hollow:
        (file,), alignment = writer.fout or (), writer.data_alignment
        sizes = [info.nbytes for info in writer.tensors[0].values()]
        file.truncate(sum(-(-size // alignment) * alignment for size in (file.tell(), *sizes)))
        writer.close()
        return path
    for item, kind in zip(planned, types, strict=True):
        writer.write_tensor_data(_values(item, kind, edits.seed, size))
    writer.close()
    return path


def _typed(value: object) -> GGUFValue:
    if isinstance(value, GGUFValue):
        return value
    scalar = value[0] if isinstance(value, list) else value
    kind = next(its_kind for python, its_kind in _KINDS.items() if isinstance(scalar, python))
    return GGUFValue(value, GGUFValueType.ARRAY, kind) if isinstance(value, list) else GGUFValue(value, kind)


def _announce(writer: GGUFWriter, name: str, shape: tuple[int, ...], kind: GGMLQuantizationType, edits: Edits) -> None:
    kind = (edits.tensor_types or {}).get(name, kind)
    byte_shape = quant_shape_to_byte_shape(shape, kind)
    writer.add_tensor_info(name, byte_shape, np.dtype(np.uint8), int(np.prod(byte_shape)), raw_dtype=kind)


def _values(item: Tensor | NDArray[np.float32], kind: GGMLQuantizationType, seed: int, size: str) -> NDArray[Any]:
    if not isinstance(item, Tensor):
        return quantize(np.asarray(item, np.float32), kind)
    if item.sinusoid:
        return quantize(_sinusoid(*item.shape), kind)
    # Block by block and straight into float16, so that the largest table never stands in memory in a wider type.
    values = np.empty(int(np.prod(item.shape)), np.float16 if kind == F16 else np.float32)
    for start in range(0, len(values), _BLOCK):
        part = random_values(seed, f"{size}/{item.name}/{start}", min(_BLOCK, len(values) - start))
        values[start : start + _BLOCK] = part * np.float32(item.std) + np.float32(item.mean)
    values = values.reshape(item.shape)
    return values if kind in (F16, F32) else quantize(values, kind)


def _sinusoid(n_pos: int, n_embd: int) -> NDArray[np.float32]:
    half = n_embd // 2
    rate = -math.log(10000.0) / (half - 1)
    steps = [math.exp(rate * i) for i in range(half)]
    # numpy's sines differ in last bits with its version and the processor
    rows = [[turn(at * step) for turn in (math.sin, math.cos) for step in steps] for at in range(n_pos)]
    return np.array(rows, np.float32)
