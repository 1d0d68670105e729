# SPDX-License-Identifier: Apache-2.0
"""Facts about a loaded model."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, fields
from pathlib import Path

MODEL_LICENSE = "CC BY-NC 4.0 (Jina AI's model files; this library is Apache-2.0)"

# Matryoshka sizes that jina-embeddings-v5-omni was trained for (its paper and model cards).
TRAINED_DIMS = (32, 64, 128, 256, 512, 768, 1024)

_MAX_VALUE = 1_000  # characters of a value in a notebook

# The names that llama-quantize has (its QUANT_OPTIONS), also with the prefix of Unsloth's dynamic ones; then a mark of
# an importance matrix, and the numbers that llama-gguf-split appends to the name of a part.
_QUANTIZATION = re.compile(
    r"[-._]((?:UD-)?(?:I?Q\d\w*|TQ\d\w*|(?:MX|NV)FP4\w*)|BF16|FP?16|FP?32)(?:[-._]imat)?(?:-\d{5}-of-\d{5})?\.gguf$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a loaded model; printed, it is a table.

    Attributes
    ----------
    path : str
        The text model file.
    architecture : str
        ``qwen3`` (small) or ``eurobert`` (nano).
    quantization : str or None
        As the file's name says, such as ``Q4_K_M``.
    task : str or None
        ``retrieval``, ``text-matching``, ``clustering``, ``classification``; None where no name contains one.
    modalities : tuple of str
        What `Model.encode` takes.
    dim : int
        Dimensions of an embedding.
    dims : tuple of int
        Dimensions that `Model.encode` may cut to.
    max_seq_length : int
        Longest input in tokens, media tokens and the end token included.
    compute : str
        ``fast`` or ``exact``; see `Model`.
    dialect : str
    orientation : str
        ``as-stored`` or ``upright``; see `Model`.
    background : tuple of 3 int or None
        Red, green and blue behind what is transparent; None is each type's own.
    query_prompt, document_prompt, default_prompt : str
        Text before an input of `encode_query`, `encode_document`, `encode`.
    image_delimiters, audio_delimiters : tuple of str or None
        Tokens before and after media; None where the vocabulary has none.
    device : str
        That it computes on; of several the first.
    devices : tuple of str
        All of them.
    device_description : str
    no_accelerator : str or None
        Why the accelerator of an installed build is not used; None where there is no such build, or it is used.
    workarounds : tuple of str
        What is done about defects of the accelerator's backend.
    n_threads : int
        Of the CPU.
    instruction_set : str
        Of the CPU kernels in use.
    n_params : int
        Of all towers that are loaded.
    n_bytes : int
        Of their tensors.
    packed_bytes : int
        Memory that weights take beside the files with ``pack=True``; see `Model`.
    license : str
        From the text model file; by default that of the published files.
    """

    path: str
    architecture: str
    quantization: str | None
    task: str | None
    modalities: tuple[str, ...]
    dim: int
    dims: tuple[int, ...]
    max_seq_length: int
    compute: str
    dialect: str
    orientation: str
    background: tuple[int, int, int] | None
    query_prompt: str
    document_prompt: str
    default_prompt: str
    image_delimiters: tuple[str, str] | None
    audio_delimiters: tuple[str, str] | None
    device: str
    devices: tuple[str, ...]
    device_description: str
    no_accelerator: str | None
    workarounds: tuple[str, ...]
    n_threads: int
    instruction_set: str
    n_params: int
    n_bytes: int
    packed_bytes: int
    license: str

    @property
    def context(self) -> int:
        """The same as `max_seq_length`: llama.cpp's word for it."""
        return self.max_seq_length

    def __str__(self) -> str:
        width = max(len(field.name) for field in fields(self))
        return "\n".join(f"{field.name:<{width}}  {getattr(self, field.name)!r}" for field in fields(self))

    def _repr_html_(self) -> str:
        """Return the table for a notebook. What a file says of itself, such as its license, is escaped and cut."""
        rows = "".join(
            f"<tr><th>{field.name}</th><td>{html.escape(repr(getattr(self, field.name))[:_MAX_VALUE])}</td></tr>"
            for field in fields(self)
        )
        return f"<table>{rows}</table>"


def trained_dims(n_embd: int) -> tuple[int, ...]:
    """Return the dimensions that embeddings of a model with this hidden size may be cut to, its own among them."""
    return tuple(sorted({*(dim for dim in TRAINED_DIMS if dim < n_embd), n_embd}))


def find_quantization(path: str) -> str | None:
    """Return the quantisation at the end of a file's name; of a split file, before the numbers of its part.

    Examples
    --------
    >>> find_quantization("jina-embeddings-v5-omni-small-retrieval-Q4_K_M.gguf")
    'Q4_K_M'
    >>> find_quantization("jina-embeddings-v5-omni-small-retrieval-UD-Q4_K_XL-00001-of-00002.gguf")
    'UD-Q4_K_XL'
    """
    found = _QUANTIZATION.search(Path(path).name)
    return spell_quantization(found.group(1)) if found else None


def spell_quantization(name: str) -> str:
    """Return the name of a quantisation as `find_quantization` does.

    Examples
    --------
    >>> spell_quantization("fp16")
    'F16'
    """
    return name.upper().replace("FP16", "F16").replace("FP32", "F32")
