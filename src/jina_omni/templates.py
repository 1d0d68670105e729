# SPDX-License-Identifier: Apache-2.0
"""Templates: the prompt, the delimiters and the chat turn around the parts of an input, in the order of a dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from jina_omni.dialects import (
    AUDIO_DELIMITERS,
    IMAGE_DELIMITERS,
    Dialect,
    SpecialTokenLookup,
    find_delimiters,
)
from jina_omni.inputs import Text
from jina_omni.media.medium import Medium

__all__ = ["MediaTokens", "Piece", "apply_template"]


@dataclass(frozen=True, slots=True)
class MediaTokens:
    """Consecutive positions of a sequence that take the next media embeddings."""

    count: int


Piece: TypeAlias = Text | MediaTokens | str | int
"""A piece of a sequence: text of the caller, media tokens, text of the template, or a token id."""


def apply_template(
    parts: Sequence[Text | Medium], prompt: str, dialect: Dialect, special_token: SpecialTokenLookup
) -> list[Piece]:
    """Return the pieces of one input in order: turn, prompt, the caller's parts, media between their delimiters."""
    image = find_delimiters(IMAGE_DELIMITERS, special_token)
    audio = next(filter(None, (find_delimiters(pair, special_token) for pair in AUDIO_DELIMITERS)), None)
    content: list[Piece] = [prompt] if prompt else []
    for part in parts:
        if isinstance(part, Text):
            content.append(part)
        else:
            content += _delimit(part, image if part.tower == "vision" else audio)
    if dialect == "card" or all(isinstance(part, Text) for part in parts):
        return content
    # One user turn of the chat template. Nano's vocabulary lacks its tokens, so it is plain text, as in the reference.
    begin, end = (token if (token := special_token(s)) is not None else s for s in ("<|im_start|>", "<|im_end|>"))
    return [begin, "user\n", *content, end, "\n"]


def _delimit(medium: Medium, delimiters: tuple[int, int] | None) -> list[Piece]:
    """Return the media tokens of a medium. Each pair of a video's frames has delimiters of its own, after its time."""
    groups, timestamps = medium.layout.groups, medium.layout.timestamps
    if delimiters is None:  # nano: all frames in one group, without timestamps
        return [MediaTokens(sum(groups))]
    pieces: list[Piece] = []
    for i, count in enumerate(groups):
        stamp = [] if timestamps is None else [f"<{timestamps[i]:.1f} seconds>"]
        pieces += [*stamp, delimiters[0], MediaTokens(count), delimiters[1]]
    return pieces
