# SPDX-License-Identifier: Apache-2.0
"""From pieces to a sequence of token ids, in which media embeddings have their positions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputTooLongError
from jina_omni.inputs import Text
from jina_omni.templates import MediaTokens, Piece
from jina_omni.tokenizer import Tokenizer

__all__ = ["MEDIA_TOKEN", "build_sequence"]

Ints = npt.NDArray[np.int32]

MEDIA_TOKEN = -1
"""The token id that takes the next media embedding."""


def build_sequence(pieces: Sequence[Piece], tokenizer: Tokenizer, *, limit: int, truncate: bool) -> Ints:
    """Tokenise pieces into one sequence of at most `limit` tokens.

    Parameters
    ----------
    pieces : sequence of Piece
    tokenizer : Tokenizer
    limit : int
        Tokens, the end token included.
    truncate : bool
        Cut the caller's last text so that the sequence fits; everything else stays.

    Returns
    -------
    array of int32
        With `MEDIA_TOKEN` at each position of a media embedding.

    Raises
    ------
    InputTooLongError
        The sequence is over the limit, and was not to be cut or can't be.
    """
    tokens = np.concatenate([*_tokenize(pieces, tokenizer), tokenizer.end])
    excess = len(tokens) - limit
    if excess <= 0:
        return tokens

    last_text = max((i for i, piece in enumerate(pieces) if isinstance(piece, Text)), default=None)
    if truncate and last_text is not None:
        head = _tokenize(pieces[: last_text + 1], tokenizer)
        tail = [*_tokenize(pieces[last_text + 1 :], tokenizer), tokenizer.end]
        keep = limit - sum(map(len, tail))
        if keep > _count_common(np.concatenate(head), _tokenize(pieces[:last_text], tokenizer)):
            return np.concatenate([np.concatenate(head)[:keep], *tail])
    advice = "nothing of it can be cut" if truncate else "split it, or pass truncate=True to cut its last text short"
    raise InputTooLongError(
        f"has {len(tokens):,} tokens, {excess:,} over this model's limit of {limit:,}; {advice}",
        tokens=len(tokens),
        limit=limit,
    )


def _count_common(tokens: Ints, before: list[Ints]) -> int:
    """Return the number of tokens that stay the same without the last text: those that must not be cut."""
    start = np.concatenate([np.empty(0, np.int32), *before])
    differs = np.flatnonzero(start != tokens[: len(start)])
    return int(differs[0]) if len(differs) else len(start)


def _tokenize(pieces: Sequence[Piece], tokenizer: Tokenizer) -> list[Ints]:
    """Return the tokens of pieces. Neighbouring texts are tokenised together, since words may join across them."""
    tokens: list[Ints] = []
    for is_text, group in itertools.groupby(pieces, lambda piece: isinstance(piece, (str, Text))):
        if is_text:
            tokens.append(tokenizer("".join(piece.text if isinstance(piece, Text) else str(piece) for piece in group)))
            continue
        tokens += [
            np.full(piece.count, MEDIA_TOKEN, np.int32)
            if isinstance(piece, MediaTokens)
            else np.array([piece], np.int32)
            for piece in group
        ]
    return tokens
