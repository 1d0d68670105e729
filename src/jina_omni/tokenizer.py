# SPDX-License-Identifier: Apache-2.0
"""The reference's tokenizer on the vocabulary of a text model file."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputError
from jina_omni.native import TextModel

__all__ = ["Tokenizer", "order_combining_marks"]

Ints = npt.NDArray[np.int32]

_TAG = re.compile(r"<[^<>\s]+>")  # the form of every special token
_NO_IDS = np.empty(0, np.int32)
_MANY_MARKS = 256  # consecutive combining marks; languages have a handful


class Tokenizer:
    """The reference's tokenizer: normalisation, vocabulary, and the end token where the file has one."""

    def __init__(self, text: TextModel) -> None:
        self._text = text
        # Qwen's tokenizer normalises to NFC before it splits, EuroBERT's takes text as it is.
        self._normalizes = text.normalizes_to_nfc
        self.end = np.array([] if text.eos is None else [text.eos], np.int32)
        self.special_token = text.special_token

    def __call__(self, string: str) -> Ints:
        """Return the token ids of a string, without end token.

        The special tokens in it are cut out first, as the reference does before it normalises; libllama would take
        time that grows with the square of their number.
        """
        ids, begin = [], 0
        for found in _TAG.finditer(string):
            special = self.special_token(found.group())
            if special is not None:
                ids += [self._tokenize_plain(string[begin : found.start()]), np.array([special], np.int32)]
                begin = found.end()
        return np.concatenate([*ids, self._tokenize_plain(string[begin:])])

    def _tokenize_plain(self, string: str) -> Ints:
        if self._normalizes and not string.isascii():
            string = unicodedata.normalize("NFC", order_combining_marks(string))
        if not string:
            return _NO_IDS
        try:
            return self._text.tokenize(string)
        except ValueError as error:  # over the tokenizer's limit of 1 GiB
            raise InputError(f"has a text that can't be tokenised: {error}") from error


def order_combining_marks(string: str) -> str:
    """Return a string with the same normal forms, in which many consecutive combining marks are in canonical order.

    Python orders them in time that grows with the square of their number, so that a text of a million accents would
    take hours (Unicode 15, 3.11, D109: the order is a stable sort by combining class).
    """
    if len(string) < _MANY_MARKS:
        return string
    out: list[str] = []
    for is_mark, group in itertools.groupby(string, _is_mark):
        characters = list(group)
        if is_mark and len(characters) >= _MANY_MARKS:
            characters = sorted("".join(map(_decompose, characters)), key=unicodedata.combining)
        out += characters
    return "".join(out)


@functools.lru_cache
def _decompose(character: str) -> str:
    return unicodedata.normalize("NFD", character)


@functools.lru_cache(1 << 16)
def _is_mark(character: str) -> bool:
    return unicodedata.combining(_decompose(character)[0]) > 0
