# SPDX-License-Identifier: Apache-2.0
"""Task prefixes and templates: what stands around a caller's parts, and in which order.

A dialect is one published way of prompting these models; vectors of two dialects don't compare. ``card`` is the way of
the GGUF model cards and of the raw torch path; ``sentence-transformers`` is the way of that wrapper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from jina_omni.inputs import Text
from jina_omni.media.medium import Medium

Dialect = Literal["card", "sentence-transformers"]
PromptName = Literal["query", "document"]
DIALECTS: tuple[Dialect, ...] = ("card", "sentence-transformers")
TASKS = ("retrieval", "text-matching", "clustering", "classification")

# The only instruction strings that these models were trained with (config_sentence_transformers.json).
PREFIXES: dict[PromptName, str] = {"query": "Query: ", "document": "Document: "}

IMAGE_DELIMITERS = ("<|vision_start|>", "<|vision_end|>")
AUDIO_DELIMITERS = (("<|audio_start|>", "<|audio_end|>"), ("<|audio_bos|>", "<|audio_eos|>"))



@dataclass(frozen=True, slots=True)
class Rows:
    """Places of a sequence that take the next rows of a tower."""

    count: int


# A piece of a sequence: text of the caller, places for rows, text of the template, or a token id.
Piece = Text | Rows | str | int
SpecialToken = Callable[[str], int | None]


def task_of(*names: str | None) -> str | None:
    """Return the task that the first telling name holds, as in ``jina-embeddings-v5-omni-small-clustering``.

    Examples
    --------
    >>> task_of("model", "jina-embeddings-v5-omni-nano-text-matching-F16.gguf")
    'text-matching'
    """
    for name in names:
        found = re.search("|".join(TASKS), (name or "").lower().replace("_", "-"))
        if found:
            return found.group()
    return None


def prefix(dialect: Dialect, task: str | None, prompt_name: PromptName | None) -> str:
    """Return the text that goes before an input.

    In ``card``, only retrieval files take one, and there an input without a name is a document. In
    ``sentence-transformers``, a named prompt is used whatever the task, and an input without a name has none.
    """
    if dialect == "card":
        return PREFIXES[prompt_name or "document"] if task == "retrieval" else ""
    return PREFIXES[prompt_name] if prompt_name else ""


def media_delimiters(pair: tuple[str, str], special_token: SpecialToken) -> tuple[int, int] | None:
    """Return the ids of a pair of delimiters, None where the vocabulary has no such tokens (nano's vision)."""
    begin, end = special_token(pair[0]), special_token(pair[1])
    return None if begin is None or end is None else (begin, end)


def arrange(
    parts: Sequence[Text | Medium], prefix: str, dialect: Dialect, special_token: SpecialToken
) -> list[Piece]:
    """Return the pieces of one input in order: turn, prefix, the caller's parts, media between their delimiters."""
    image = media_delimiters(IMAGE_DELIMITERS, special_token)
    sound = next(filter(None, (media_delimiters(pair, special_token) for pair in AUDIO_DELIMITERS)), None)
    content: list[Piece] = [prefix] if prefix else []
    for part in parts:
        if isinstance(part, Text):
            content.append(part)
        else:
            content += _delimited(part, image if part.tower == "vision" else sound)
    if dialect == "card" or all(isinstance(part, Text) for part in parts):
        return content
    # one user turn of the chat template; nano's vocabulary lacks its tokens, there it is plain text as in the reference
    begin, end = (token if (token := special_token(s)) is not None else s for s in ("<|im_start|>", "<|im_end|>"))
    return [begin, "user\n", *content, end, "\n"]


def _delimited(medium: Medium, delimiters: tuple[int, int] | None) -> list[Piece]:
    """Return the places of a medium's rows; each pair of a video's frames is delimited by itself, after its time."""
    runs, times = medium.extent.runs, medium.extent.times
    if delimiters is None:  # nano: all frames in one run, without times
        return [Rows(sum(runs))]
    pieces: list[Piece] = []
    for i, n_rows in enumerate(runs):
        stamp = [] if times is None else [f"<{times[i]:.1f} seconds>"]
        pieces += [*stamp, delimiters[0], Rows(n_rows), delimiters[1]]
    return pieces
