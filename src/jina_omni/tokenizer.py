# SPDX-License-Identifier: Apache-2.0
"""The reference's tokenizer on the vocabulary of a text model file, a piece of the text at a time.

libllama can't be stopped, and for a long word it takes a hundred times the word's memory. So a long text is cut where
the ids of its pieces, one after the other, are those of the whole.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputError
from jina_omni.native import CancelToken, TextModel

__all__ = ["UNLIMITED", "Tokenizer", "order_combining_marks"]

Ints = npt.NDArray[np.int32]

UNLIMITED = int(np.iinfo(np.int32).max)
"""A number of tokens that no input reaches."""

_NO_IDS = np.empty(0, np.int32)
_TAG = re.compile(r"<[^<>\s]+>")  # the form of every special token
_MANY_MARKS = 256  # consecutive combining marks; languages have a handful

# All in characters.
_PIECE = 4224  # takes some milliseconds, of rare CJK 50; two of them have room for two long words
_LONG_WORD = 4160  # has more bytes than any token: files with a longer one do not load
_UNSETTLED = (*range(32, 65), 128, 192, 256, 512)  # the end of half a word, whose tokens the other half may change
_RUN = 64  # most tokens of a run of one character are powers of two, so half a run has a multiple of it

# The pre-tokenizers split a text into words, those of Qwen 2 and Llama 3 alike except for the number of digits in one:
#
#   '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
#
# At a boundary as below a word always ends, whatever else the text holds, and the character behind it never composes
# with those before it, so that pieces are normalised one by one. Only common letters and signs are listed: others make
# no boundary.
_LETTERS = "A-Za-zÀ-ÖØ-öø-ȳА-яא-תぁ-ゔァ-ヺ一-龥가-힣"
# Emoji with what joins them, and control characters; the tags' < and > are apart.
_SIGNS = "\\0-\\x08\\x0e-\\x1b!-/:;=?@\\[-`{-~“”…—←-⏿─-❵➔-⯿、。！，：；？🌀-🫿\\u200d\\ufe0f"
_BOUNDARY = "|".join(
    [
        r"(?<=\S)(?=[ \t])",
        r"(?<=\n)(?=\S)",
        rf"(?<=[0-9{_LETTERS}])(?=[\r\n<>{_SIGNS}])",
        rf"(?<=[{_LETTERS}])(?=[0-9])",
        rf"(?<=[0-9])(?=[{_LETTERS}])",
        rf"(?:\A|(?<=[\s<>{_LETTERS}{_SIGNS}]))(?:[0-9]{{3}})+(?=[0-9])",
    ]
)
_UP_TO_LAST_BOUNDARY = re.compile(rf"(?s:.*)(?:{_BOUNDARY})")
_DIVIDED_TAG = re.compile(rf"<[^<>\s]{{0,{_LONG_WORD}}}>?")  # as far as the character behind a boundary
_PART_OF_WORD = re.compile(rf"[{_LETTERS}]+|[{_SIGNS}]+|[ \t]+")  # and each part of it is one too


class _HalfWord(NamedTuple):
    """A piece that ends inside a word; what follows begins with the id `next_id`, unless the ids are wrong."""

    text: str
    ids: Ints
    next_id: int | None

    def is_followed_by(self, ids: Ints) -> bool:
        """Return whether these ids may follow."""
        return self.next_id is None or self.next_id == ids[0]


_NOTHING = _HalfWord("", _NO_IDS, None)  # before a piece that begins with a word


class Tokenizer:
    """The reference's tokenizer: normalisation, vocabulary, and the end token where the file has one."""

    def __init__(self, text: TextModel) -> None:
        self._text = text
        # Qwen's tokenizer normalises to NFC before it splits, EuroBERT's takes text as it is.
        self._normalizes = text.normalizes_to_nfc
        self.end = np.array([] if text.eos is None else [text.eos], np.int32)
        self.special_token = text.special_token

    def __call__(self, string: str) -> Ints:
        """Return the token ids of a string, without end token."""
        return self.tokenize([string])[0]

    def tokenize(
        self, texts: Sequence[str], n_enough: int = UNLIMITED, cancel: CancelToken | None = None
    ) -> tuple[Ints, bool]:
        """Return the token ids of joined texts, without end token, and whether they are all of them.

        The work for a piece takes some milliseconds. Only where a text can't be cut for long, as in rare letters or
        combining marks without a space, or in line breaks alone, a piece is as long as that.

        Parameters
        ----------
        texts : sequence of str
        n_enough : int
            Stop before the next piece once there are more tokens.
        cancel : CancelToken, optional
            Looked at before each piece of a long text.

        Raises
        ------
        Cancelled
            Through `cancel`.
        """
        if sum(map(len, texts)) <= _PIECE:
            return self._tokenize_piece("".join(texts)), True
        found: list[Ints] = []
        n_tokens = 0
        for ids, is_last in self._tokenize_long(texts):
            found.append(ids)
            n_tokens += len(ids)
            if is_last:
                break
            if cancel is not None:
                cancel.check()
            if n_tokens > n_enough:
                return np.concatenate(found), False
        return np.concatenate(found), True

    def _tokenize_long(self, texts: Sequence[str]) -> Iterator[tuple[Ints, bool]]:
        """Yield the ids of pieces of joined texts, none where a piece goes on, and whether they are the last.

        A text is split into the right tokens if all pairs of neighbours are: BPE merges a pair, or not, whatever
        surrounds it. So what follows half a word is right if it begins with the id that followed before.
        """
        chunks = (text[i : i + _PIECE] for text in texts for i in range(0, len(text), _PIECE))
        half, text = _NOTHING, ""
        while len(read := _read(chunks, wanted := max(_PIECE, len(text)))) >= wanted:
            text += read
            ids = _NO_IDS
            boundary = _find_boundary(text)
            if end := boundary or _find_middle_of_word(text):
                piece_ids = self._tokenize_piece(text[:end])
                if not half.is_followed_by(piece_ids):
                    half, text = _NOTHING, half.text + text
                elif boundary:
                    ids = np.concatenate([half.ids, piece_ids])
                    half, text = _NOTHING, text[end:]
                elif unsettled := self._count_unsettled(text[:end], piece_ids):
                    n_characters, n_ids = unsettled
                    ids, settled = half.ids, end - n_characters
                    half = _HalfWord(text[:settled], piece_ids[:-n_ids], int(piece_ids[-n_ids]))
                    text = text[settled:]
            yield ids, False
        text += read
        last = self._tokenize_piece(text)
        if half.is_followed_by(last):
            yield np.concatenate([half.ids, last]), True
        else:
            yield self._tokenize_piece(half.text + text), True

    def _count_unsettled(self, piece: str, ids: Ints) -> tuple[int, int] | None:
        """Return how many characters and ids of a piece the other half of its last word may change, None if unknown."""
        for n_characters in _UNSETTLED:
            last = self._tokenize_piece(piece[-n_characters:])
            if len(last) > 1 and np.array_equal(ids[-len(last) :], last):
                return n_characters, len(last)
        return None

    def _tokenize_piece(self, text: str) -> Ints:
        """Return the token ids of a piece.

        The special tokens in it are cut out first, as the reference does before it normalises; libllama would take
        time that grows with the square of their number.
        """
        ids, begin = [], 0
        for found in _TAG.finditer(text):
            special = self.special_token(found.group())
            if special is not None:
                ids += [self._tokenize_plain(text[begin : found.start()]), np.array([special], np.int32)]
                begin = found.end()
        last = self._tokenize_plain(text[begin:])
        return np.concatenate([*ids, last]) if ids else last

    def _tokenize_plain(self, string: str) -> Ints:
        if self._normalizes and not string.isascii():
            string = unicodedata.normalize("NFC", order_combining_marks(string))
        if not string:
            return _NO_IDS
        try:
            return self._text.tokenize(string)
        except ValueError as error:  # over the tokenizer's limit of 1 GiB
            raise InputError(f"has a text that can't be tokenised: {error}") from None


def _read(chunks: Iterator[str], n_characters: int) -> str:
    """Return the next `n_characters` or a few more, fewer at the end."""
    parts: list[str] = []
    for chunk in chunks:
        parts.append(chunk)
        n_characters -= len(chunk)
        if n_characters <= 0:
            break
    return "".join(parts)


def _find_boundary(text: str) -> int:
    """Return the last position where a text may be cut, 0 if there is none."""
    end = len(text)
    while found := _UP_TO_LAST_BOUNDARY.match(text, 0, end):
        boundary = found.end()
        tag = text.rfind("<", 0, boundary)
        if tag < 0 or not _DIVIDED_TAG.fullmatch(text, tag, boundary + 1):
            return boundary
        end = tag + 1
    return 0


def _find_middle_of_word(text: str) -> int:
    """Return a position with over `_LONG_WORD` characters of one word before and behind it, 0 if there is none."""
    middle = (len(text) - _LONG_WORD) // _RUN * _RUN
    if middle < _LONG_WORD or not _PART_OF_WORD.fullmatch(text, middle - _LONG_WORD):
        return 0
    begin = len(text.rstrip(" \t"))
    return 0 if begin < len(text) and text[begin - 1 : begin].isspace() else middle  # blanks join a line break


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
