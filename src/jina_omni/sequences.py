# SPDX-License-Identifier: Apache-2.0
"""From pieces to a sequence of token ids in which the rows of media have their places."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputTooLongError
from jina_omni.inputs import Text
from jina_omni.native import TextModel
from jina_omni.prompts import Piece, Rows

Ints = npt.NDArray[np.int32]

_TAG = re.compile(r"<[^<>\s]+>")  # what every special token looks like
MEDIA = -1
"""The token that takes the next row of a tower."""


class Tokenizer:
    """The reference's tokenizer: normalisation, vocabulary, and the end token where the file asks for one."""

    def __init__(self, text: TextModel) -> None:
        self._text = text
        # Qwen's tokenizer normalises to NFC before it splits, EuroBERT's takes text as it is
        self._normal_form = text.architecture == "qwen3"
        self.end = np.array([] if text.eos is None else [text.eos], np.int32)
        self.special_token = text.special_token

    def __call__(self, string: str) -> Ints:
        """Return the ids of a string, without end token."""
        if self._normal_form and not string.isascii():
            string = self._normalized(string)
        return self._text.tokenize(string)

    def _normalized(self, string: str) -> str:
        """Return the string in NFC, but for its special tokens: the reference cuts them out before it normalises."""
        out, begin = [], 0
        for found in _TAG.finditer(string):
            if self.special_token(found.group()) is not None:
                out += [unicodedata.normalize("NFC", string[begin : found.start()]), found.group()]
                begin = found.end()
        return "".join([*out, unicodedata.normalize("NFC", string[begin:])])


def build_sequence(
    pieces: Sequence[Piece], tokenizer: Tokenizer, *, where: str, limit: int, truncate: bool
) -> Ints:
    """Tokenise pieces into one sequence of at most `limit` tokens.

    Parameters
    ----------
    pieces : sequence of Piece
    tokenizer : Tokenizer
    where : str
        What to call this input in an error.
    limit : int
        Tokens, the end token included.
    truncate : bool
        Cut the caller's last text so that the sequence fits; everything else stays.

    Returns
    -------
    array of int32
        With -1 at each place of a row.

    Raises
    ------
    InputTooLongError
        The sequence is over the limit, and was not to be cut or can't be.
    """
    tokens = np.concatenate([*_runs(pieces, tokenizer), tokenizer.end])
    excess = len(tokens) - limit
    if excess <= 0:
        return tokens

    last_text = max((i for i, piece in enumerate(pieces) if isinstance(piece, Text)), default=None)
    if truncate and last_text is not None:
        head = _runs(pieces[: last_text + 1], tokenizer)
        tail = [*_runs(pieces[last_text + 1 :], tokenizer), tokenizer.end]
        keep = limit - sum(map(len, tail))
        if keep > _n_common(np.concatenate(head), _runs(pieces[:last_text], tokenizer)):
            return np.concatenate([np.concatenate(head)[:keep], *tail])
    advice = "nothing of it can be cut" if truncate else "split it, or pass truncate=True to cut its last text short"
    raise InputTooLongError(
        f"{where} has {len(tokens):,} tokens, {excess:,} over this model's limit of {limit:,}; {advice}",
        tokens=len(tokens),
        limit=limit,
    )


def _n_common(tokens: Ints, before: list[Ints]) -> int:
    """Return how many tokens are the same without the last text: those that must not be cut."""
    start = np.concatenate([np.empty(0, np.int32), *before])
    differs = np.flatnonzero(start != tokens[: len(start)])
    return int(differs[0]) if len(differs) else len(start)


def _runs(pieces: Sequence[Piece], tokenizer: Tokenizer) -> list[Ints]:
    """Return the tokens of each run of pieces; neighbouring texts are one run, since words may join across them."""
    runs: list[Ints] = []
    for is_text, group in itertools.groupby(pieces, lambda piece: isinstance(piece, (str, Text))):
        if is_text:
            runs.append(tokenizer("".join(piece.text if isinstance(piece, Text) else str(piece) for piece in group)))
            continue
        runs += [
            np.full(piece.count, MEDIA, np.int32) if isinstance(piece, Rows) else np.array([piece], np.int32)
            for piece in group
        ]
    return runs
