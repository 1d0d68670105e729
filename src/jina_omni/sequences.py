# SPDX-License-Identifier: Apache-2.0
"""From pieces to a sequence of token ids, in which media embeddings have their positions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputTooLongError
from jina_omni.inputs import Text
from jina_omni.native import CancelToken
from jina_omni.templates import MediaTokens, Piece
from jina_omni.tokenizer import UNLIMITED, Tokenizer

__all__ = ["MEDIA_TOKEN", "build_sequence"]

Ints = npt.NDArray[np.int32]

MEDIA_TOKEN = -1
"""The token id that takes the next media embedding."""

_COUNTED_CHARACTERS = 1_000_000  # texts of so many are counted to their end for an error: most take half a second


def build_sequence(
    pieces: Sequence[Piece], tokenizer: Tokenizer, *, limit: int, truncate: bool, cancel: CancelToken | None = None
) -> Ints:
    """Tokenise pieces into one sequence of at most `limit` tokens.

    A long text is not tokenised further than to the limit, except up to a million characters of it for an error.

    Parameters
    ----------
    pieces : sequence of Piece
    tokenizer : Tokenizer
    limit : int
        Tokens, the end token included.
    truncate : bool
        Cut the caller's last text so that the sequence fits; everything else stays.
    cancel : CancelToken, optional
        Looked at while a long text is tokenised.

    Returns
    -------
    array of int32
        With `MEDIA_TOKEN` at each position of a media embedding.

    Raises
    ------
    InputTooLongError
        The sequence is over the limit, and was not to be cut or can't be.
    Cancelled
        Through `cancel`.
    """
    n_end = len(tokenizer.end)
    tokens, is_whole = _tokenize(pieces, tokenizer, limit - n_end, cancel)
    if len(tokens) + n_end <= limit:
        return np.concatenate([tokens, tokenizer.end])

    last_text = max((i for i, piece in enumerate(pieces) if isinstance(piece, Text)), default=None)
    if truncate and last_text is not None:
        behind = pieces[last_text + 1 :]
        tail, _ = _tokenize(behind, tokenizer, UNLIMITED, cancel)
        keep = limit - len(tail) - n_end
        head = tokens
        if behind and isinstance(behind[0], str):  # its words may join those of the last text
            head, _ = _tokenize(pieces[: last_text + 1], tokenizer, keep, cancel)
        before, _ = _tokenize(pieces[:last_text], tokenizer, keep, cancel)
        if keep > _count_common(head, before):
            return np.concatenate([head[:keep], tail, tokenizer.end])
    if not is_whole and not truncate and _count_characters(pieces) <= _COUNTED_CHARACTERS:
        tokens, is_whole = _tokenize(pieces, tokenizer, UNLIMITED, cancel)
    raise _make_too_long_error(
        len(tokens) + n_end,
        limit,
        is_whole=is_whole,
        advice="nothing of it can be cut" if truncate else "split it, or pass truncate=True to cut its last text short",
    )


def _count_characters(pieces: Sequence[Piece]) -> int:
    texts = (piece.text if isinstance(piece, Text) else piece for piece in pieces)
    return sum(len(text) for text in texts if isinstance(text, str))


def _make_too_long_error(n_tokens: int, limit: int, *, is_whole: bool, advice: str) -> InputTooLongError:
    over = f"over this model's limit of {limit:,}"
    counts = f"{n_tokens:,} tokens, {n_tokens - limit:,} {over}"
    if not is_whole:
        counts = f"more than {n_tokens:,} tokens, {over}"
    return InputTooLongError(f"has {counts}; {advice}", tokens=n_tokens, limit=limit, is_lower_bound=not is_whole)


def _count_common(tokens: Ints, before: Ints) -> int:
    """Return the number of tokens that stay the same without the last text: those that must not be cut."""
    n = min(len(tokens), len(before))
    differs = np.flatnonzero(before[:n] != tokens[:n])
    return int(differs[0]) if len(differs) else n


def _tokenize(
    pieces: Sequence[Piece], tokenizer: Tokenizer, n_enough: int, cancel: CancelToken | None
) -> tuple[Ints, bool]:
    """Return the tokens of pieces, without end token, and whether they are all of them.

    Neighbouring texts are tokenised together, since words may join across them. Once there are more than `n_enough`
    tokens, long texts are no longer tokenised to their end; those before are whole.
    """
    tokens: list[Ints] = [np.empty(0, np.int32)]
    n_tokens, is_whole = 0, True
    for is_text, group in itertools.groupby(pieces, lambda piece: isinstance(piece, (str, Text))):
        if is_text:
            texts = [piece.text if isinstance(piece, Text) else str(piece) for piece in group]
            found, reached_end = tokenizer.tokenize(texts, n_enough - n_tokens, cancel)
            is_whole = is_whole and reached_end
            tokens.append(found)
            n_tokens += len(found)
            continue
        for piece in group:
            found = (
                np.full(piece.count, MEDIA_TOKEN, np.int32)
                if isinstance(piece, MediaTokens)
                else np.array([piece], np.int32)
            )
            tokens.append(found)
            n_tokens += len(found)
    return np.concatenate(tokens), is_whole
