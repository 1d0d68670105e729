# SPDX-License-Identifier: Apache-2.0
"""The models that Jina AI publishes, known without a network."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jina_omni.dialects import TASKS
from jina_omni.info import trained_dims

__all__ = ["PublishedModel", "list_models", "recommend_quantization"]

# Of the text model files, from the largest to the smallest; projectors are F16 only.
_QUANTIZATIONS = (
    *("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "IQ4_NL"),
    *("IQ4_XS", "Q3_K_M", "Q2_K", "IQ2_M", "IQ2_XXS", "IQ1_M", "IQ1_S"),
)
# What the model cards recommend.
_DEFAULTS = {"small": "Q4_K_M", "nano": "Q5_K_M"}
_HIDDEN_SIZES = {"small": 1024, "nano": 768}
_MAX_SEQ_LENGTHS = {"small": 32768, "nano": 8192}


@dataclass(frozen=True)
class PublishedModel:
    """One repository of the Hub.

    Attributes
    ----------
    name : str
        Its short name, such as ``small-clustering``; `Model` takes either.
    repository : str
    size : str
        ``small`` or ``nano``.
    task : str
        ``retrieval``, ``text-matching``, ``clustering`` or ``classification``.
    quantizations : tuple of str
        Of its text model files, the largest first.
    default_quantization : str
        The one that is used by default.
    dims : tuple of int
        Dimensions of its embeddings; the last is the full size.
    max_seq_length : int
        Longest input in tokens.
    """

    name: str
    repository: str
    size: str
    task: str
    quantizations: tuple[str, ...]
    default_quantization: str
    dims: tuple[int, ...]
    max_seq_length: int


def list_models() -> list[PublishedModel]:
    """Return the published models: two sizes, each for four tasks. No network is used.

    Examples
    --------
    >>> [model.name for model in list_models() if model.task == "clustering"]
    ['small-clustering', 'nano-clustering']
    """
    return [
        PublishedModel(
            name=f"{size}-{task}",
            repository=f"jinaai/jina-embeddings-v5-omni-{size}-{task}-GGUF",
            size=size,
            task=task,
            quantizations=_QUANTIZATIONS,
            default_quantization=default,
            dims=trained_dims(_HIDDEN_SIZES[size]),
            max_seq_length=_MAX_SEQ_LENGTHS[size],
        )
        for size, default in _DEFAULTS.items()
        for task in TASKS
    ]


def recommend_quantization(name: str) -> str | None:
    """Return the quantisation that is recommended for the size in a name, None where it has none.

    Examples
    --------
    >>> recommend_quantization("someone/jina-embeddings-v5-omni-nano-retrieval-GGUF")
    'Q5_K_M'
    """
    found = re.search(r"(?<![a-z])(small|nano)(?![a-z])", name.lower())
    return _DEFAULTS[found.group()] if found else None
