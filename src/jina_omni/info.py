# SPDX-License-Identifier: Apache-2.0
"""What a loaded model is."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

MODEL_LICENSE = "CC BY-NC 4.0 (Jina AI's model files; this library is Apache-2.0)"

# Matryoshka sizes that jina-embeddings-v5-omni was trained for (its paper and model cards).
TRAINED_DIMS = (32, 64, 128, 256, 512, 768, 1024)


@dataclass(frozen=True)
class ModelInfo:
    """Everything that was found out while loading; printed, it is a table.

    Attributes
    ----------
    path : str
        The text file.
    architecture : str
        ``qwen3`` (small) or ``eurobert`` (nano).
    quantization : str or None
        As the file's name says, such as ``Q4_K_M``.
    task : str or None
        ``retrieval``, ``text-matching``, ``clustering``, ``classification``; None where no name tells.
    modalities : tuple of str
        What `Model.encode` takes.
    dim : int
        Width of an embedding.
    dims : tuple of int
        Widths that `Model.encode` may cut to.
    context : int
        Longest input in tokens, rows of media and the end token included.
    compute : str
        ``fast`` or ``exact``; see `Model`.
    dialect : str
    query_prompt, document_prompt, default_prompt : str
        What goes before an input of `encode_query`, `encode_document`, `encode`.
    image_delimiters, audio_delimiters : tuple of str or None
        What stands around media; None where the vocabulary has no token for it.
    device : str
    device_description : str
    no_accelerator : str or None
        Why an accelerator that this was installed for does not compute; None where none was, or it computes.
    n_threads : int
        Of the CPU.
    instruction_set : str
        Of the CPU, which its kernels are compiled for.
    n_params : int
        Of all towers that are loaded.
    n_bytes : int
        Of their tensors.
    license : str
        As the text file says; by default that of the published files.
    """

    path: str
    architecture: str
    quantization: str | None
    task: str | None
    modalities: tuple[str, ...]
    dim: int
    dims: tuple[int, ...]
    context: int
    compute: str
    dialect: str
    query_prompt: str
    document_prompt: str
    default_prompt: str
    image_delimiters: tuple[str, str] | None
    audio_delimiters: tuple[str, str] | None
    device: str
    device_description: str
    no_accelerator: str | None
    n_threads: int
    instruction_set: str
    n_params: int
    n_bytes: int
    license: str

    def __str__(self) -> str:
        width = max(len(field.name) for field in fields(self))
        return "\n".join(f"{field.name:<{width}}  {getattr(self, field.name)!r}" for field in fields(self))


def trained_dims(n_embd: int) -> tuple[int, ...]:
    """Return the widths that embeddings of a model of this width may be cut to, its own among them."""
    return tuple(sorted({*(dim for dim in TRAINED_DIMS if dim < n_embd), n_embd}))


def quantization_of(path: str) -> str | None:
    """Return the quantisation that a published file's name ends in.

    Examples
    --------
    >>> quantization_of("jina-embeddings-v5-omni-small-retrieval-Q4_K_M.gguf")
    'Q4_K_M'
    """
    found = re.search(r"[-.]((?:I?Q\d\w*)|BF16|F16|F32)\.gguf$", Path(path).name, re.IGNORECASE)
    return found.group(1).upper() if found else None
