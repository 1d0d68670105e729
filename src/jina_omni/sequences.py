# SPDX-License-Identifier: Apache-2.0
"""From pieces to a sequence of token ids in which the rows of media have their places."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputError, InputTooLongError
from jina_omni.inputs import Text
from jina_omni.native import TextModel
from jina_omni.prompts import Piece, Rows

Ints = npt.NDArray[np.int32]

_TAG = re.compile(r"<[^<>\s]+>")  # what every special token looks like
_NO_IDS = np.empty(0, np.int32)
_LONG_RUN = 256  # combining marks in a row; in languages there are a handful

MEDIA = -1
"""The token that takes the next row of a tower."""


class Tokenizer:
    """The reference's tokenizer: normalisation, vocabulary, and the end token where the file asks for one."""

    def __init__(self, text: TextModel) -> None:
        self._text = text
        # Qwen's tokenizer normalises to NFC before it splits, EuroBERT's takes text as it is
        self._normal_form = text.normalizes_to_nfc
        self.end = np.array([] if text.eos is None else [text.eos], np.int32)
        self.special_token = text.special_token

    def __call__(self, string: str) -> Ints:
        """Return the ids of a string, without end token.

        The special tokens in it are cut out first, as the reference does before it normalises; libllama would do it in
        time that grows with the square of their number.
        """
        ids, begin = [], 0
        for found in _TAG.finditer(string):
            special = self.special_token(found.group())
            if special is not None:
                ids += [self._plain(string[begin : found.start()]), np.array([special], np.int32)]
                begin = found.end()
        return np.concatenate([*ids, self._plain(string[begin:])])

    def _plain(self, string: str) -> Ints:
        if self._normal_form and not string.isascii():
            string = unicodedata.normalize("NFC", with_ordered_marks(string))
        try:
            return self._text.tokenize(string) if string else _NO_IDS
        except ValueError as error:  # over the tokenizer's limit of 1 GiB
            raise InputError(str(error)) from error


def with_ordered_marks(string: str) -> str:
    """Return a string that has the same normal forms, whose long runs of combining marks are in canonical order.

    Python orders them in time that grows with the square of a run's length, so that a text of a million accents would
    never end (Unicode 15, 3.11, D109: the order is a stable sort by combining class).
    """
    if len(string) < _LONG_RUN:
        return string
    out: list[str] = []
    for is_mark, run in itertools.groupby(string, _is_mark):
        characters = list(run)
        if is_mark and len(characters) >= _LONG_RUN:
            characters = sorted("".join(map(_decomposed, characters)), key=unicodedata.combining)
        out += characters
    return "".join(out)


@functools.lru_cache
def _decomposed(character: str) -> str:
    return unicodedata.normalize("NFD", character)


@functools.lru_cache(1 << 16)
def _is_mark(character: str) -> bool:
    return unicodedata.combining(_decomposed(character)[0]) > 0


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
