# SPDX-License-Identifier: Apache-2.0
"""Dialects: the published conventions of prompting these models.

Vectors of two dialects don't compare. ``card`` is the convention of the GGUF model cards and of the raw torch path;
``sentence-transformers`` is that of the wrapper for that library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

__all__ = [
    "AUDIO_DELIMITERS",
    "DIALECTS",
    "IMAGE_DELIMITERS",
    "PROMPTS",
    "TASKS",
    "Dialect",
    "PromptName",
    "SpecialTokenLookup",
    "choose_prompt",
    "find_delimiters",
    "find_task",
]

Dialect = Literal["card", "sentence-transformers"]
PromptName = Literal["query", "document"]

DIALECTS: tuple[Dialect, ...] = ("card", "sentence-transformers")
TASKS = ("retrieval", "text-matching", "clustering", "classification")

PROMPTS: dict[PromptName, str] = {"query": "Query: ", "document": "Document: "}
"""The only prompts that these models were trained with (config_sentence_transformers.json)."""

IMAGE_DELIMITERS = ("<|vision_start|>", "<|vision_end|>")
AUDIO_DELIMITERS = (("<|audio_start|>", "<|audio_end|>"), ("<|audio_bos|>", "<|audio_eos|>"))

SpecialTokenLookup: TypeAlias = Callable[[str], int | None]
"""From the spelling of a special token to its id; None where the vocabulary has no such token."""


def find_task(*names: str | None) -> str | None:
    """Return the task in the first name that contains one, as in ``jina-embeddings-v5-omni-small-clustering``.

    Examples
    --------
    >>> find_task("model", "jina-embeddings-v5-omni-nano-text-matching-F16.gguf")
    'text-matching'
    """
    for name in names:
        found = re.search("|".join(TASKS), (name or "").lower().replace("_", "-"))
        if found:
            return found.group()
    return None


def choose_prompt(dialect: Dialect, task: str | None, prompt_name: PromptName | None) -> str:
    """Return the text that goes before an input.

    In ``card``, only retrieval files have prompts, and an input without a prompt name is a document. In
    ``sentence-transformers``, a named prompt is used whatever the task, and an input without a name has none.
    """
    if dialect == "card":
        return PROMPTS[prompt_name or "document"] if task == "retrieval" else ""
    return PROMPTS[prompt_name] if prompt_name else ""


def find_delimiters(pair: tuple[str, str], special_token: SpecialTokenLookup) -> tuple[int, int] | None:
    """Return the ids of a pair of delimiters, None where the vocabulary has no such tokens (nano's vision)."""
    begin, end = special_token(pair[0]), special_token(pair[1])
    return None if begin is None or end is None else (begin, end)
