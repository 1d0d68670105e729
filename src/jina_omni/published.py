# SPDX-License-Identifier: Apache-2.0
"""The models that Jina AI publishes: what a caller may choose from, known without a network."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jina_omni.info import trained_dims
from jina_omni.prompts import TASKS

__all__ = ["PublishedModel", "default_quantization", "list_models"]

# Of the text files, from the largest to the smallest; projectors are F16 only.
_QUANTIZATIONS = (
    *("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "IQ4_NL"),
    *("IQ4_XS", "Q3_K_M", "Q2_K", "IQ2_M", "IQ2_XXS", "IQ1_M", "IQ1_S"),
)
# What the model cards recommend.
_DEFAULTS = {"small": "Q4_K_M", "nano": "Q5_K_M"}
_WIDTHS = {"small": 1024, "nano": 768}
_CONTEXTS = {"small": 32768, "nano": 8192}


@dataclass(frozen=True)
class PublishedModel:
    """One repository of the hub.

    Attributes
    ----------
    name : str
        Its short name, such as ``small-clustering``; `Model.from_hub` takes either.
    repository : str
    size : str
        ``small`` or ``nano``.
    task : str
        ``retrieval``, ``text-matching``, ``clustering`` or ``classification``.
    quantizations : tuple of str
        Those of its text files, the largest first.
    default_quantization : str
        The one that is taken where a caller names none.
    dims : tuple of int
        Widths of its embeddings; the last is the full one.
    context : int
        Longest input in tokens.

    .. versionadded:: 0.1.0
    """

    name: str
    repository: str
    size: str
    task: str
    quantizations: tuple[str, ...]
    default_quantization: str
    dims: tuple[int, ...]
    context: int


def list_models() -> list[PublishedModel]:
    """Return the published models: two sizes, each for four tasks. Nothing is asked of a network.

    Examples
    --------
    >>> [model.name for model in list_models() if model.task == "clustering"]
    ['small-clustering', 'nano-clustering']

    .. versionadded:: 0.1.0
    """
    return [
        PublishedModel(
            name=f"{size}-{task}",
            repository=f"jinaai/jina-embeddings-v5-omni-{size}-{task}-GGUF",
            size=size,
            task=task,
            quantizations=_QUANTIZATIONS,
            default_quantization=default,
            dims=trained_dims(_WIDTHS[size]),
            context=_CONTEXTS[size],
        )
        for size, default in _DEFAULTS.items()
        for task in TASKS
    ]


def default_quantization(name: str) -> str | None:
    """Return the quantisation that is recommended for the size in a name, None where it tells none.

    Examples
    --------
    >>> default_quantization("someone/jina-embeddings-v5-omni-nano-retrieval-GGUF")
    'Q5_K_M'
    """
    found = re.search(r"(?<![a-z])(small|nano)(?![a-z])", name.lower())
    return _DEFAULTS[found.group()] if found else None
