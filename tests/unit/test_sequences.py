# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import random
import unicodedata
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jina_omni import InputTooLongError, Text
from jina_omni.errors import located
from jina_omni.native import TextModel, find_device
from jina_omni.sequences import build_sequence
from jina_omni.templates import MediaTokens, Piece
from jina_omni.tokenizer import Tokenizer, order_combining_marks
from testing.checkpoints.writer import Checkpoint

MEDIA = -1
PLENTY = 1_000_000
N_TOKENS = 5  # of every image here
IMAGE = MediaTokens(N_TOKENS)
BEGIN, END = 2051, 2052  # of the small vocabulary, as a template's ids

COMPOSED = "Crème brûlée, Ångström, 한국"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.fixture(scope="module")
def small_tokenizer(small: Checkpoint) -> Iterator[Tokenizer]:
    text = TextModel(small.text, find_device("cpu"))
    yield Tokenizer(text)
    text.close()


@pytest.fixture(scope="module")
def nano_tokenizer(nano: Checkpoint) -> Iterator[Tokenizer]:
    text = TextModel(nano.text, find_device("cpu"))
    yield Tokenizer(text)
    text.close()


def build(pieces: Sequence[Piece], tokenizer: Tokenizer, *, limit: int = PLENTY, truncate: bool = False) -> np.ndarray:
    with located(input=7):
        return build_sequence(pieces, tokenizer, limit=limit, truncate=truncate)


def ids(*runs: Sequence[int] | np.ndarray) -> list[int]:
    return [int(token) for run in runs for token in run]


def test_neighbouring_texts_are_one_text(small_tokenizer: Tokenizer) -> None:
    joined = ids(small_tokenizer("the weather today"))
    apart = ids(small_tokenizer("the wea"), small_tokenizer("ther today"))
    assert joined != apart  # else there would be nothing to see
    for pieces in (["the wea", Text("ther today")], [Text("the wea"), Text("ther "), Text("today")]):
        assert build(pieces, small_tokenizer).tolist() == joined


def test_text_of_the_template_joins_that_of_the_caller(nano_tokenizer: Tokenizer) -> None:
    got = build(["user\n", Text("a cat"), "<|im_end|>", "\n"], nano_tokenizer)
    assert got.tolist() == ids(nano_tokenizer("user\na cat<|im_end|>\n"), nano_tokenizer.end)


@pytest.mark.parametrize("between", [IMAGE, BEGIN], ids=["image", "token"])
def test_texts_do_not_join_across_what_is_no_text(between: Piece, small_tokenizer: Tokenizer) -> None:
    middle = [between] if isinstance(between, int) else [MEDIA] * N_TOKENS
    got = build([Text("the wea"), between, Text("ther")], small_tokenizer)
    assert got.tolist() == ids(small_tokenizer("the wea"), middle, small_tokenizer("ther"))


def test_each_media_token_has_its_position(small_tokenizer: Tokenizer) -> None:
    got = build([MediaTokens(3), Text("a"), MediaTokens(4), BEGIN], small_tokenizer)
    assert got.tolist() == ids([MEDIA] * 3, small_tokenizer("a"), [MEDIA] * 4, [BEGIN])
    assert got.dtype == np.int32


def test_small_composes_text_before_it_splits(small_tokenizer: Tokenizer) -> None:
    composed, decomposed = (build([Text(text)], small_tokenizer) for text in (COMPOSED, DECOMPOSED))
    np.testing.assert_array_equal(decomposed, composed)


def test_nano_takes_text_as_it_is(nano_tokenizer: Tokenizer) -> None:
    composed, decomposed = (build([Text(text)], nano_tokenizer).tolist() for text in (COMPOSED, DECOMPOSED))
    assert decomposed != composed


def test_small_does_not_compose_more_than_canonically(small_tokenizer: Tokenizer) -> None:
    # NFKC would make the same of each pair.
    for text, other in (("ﬁne", "fine"), ("①", "1"), ("Ｆ", "F")):
        assert ids(build([Text(text)], small_tokenizer)) != ids(small_tokenizer(other))


def test_characters_compose_across_joined_texts(small_tokenizer: Tokenizer) -> None:
    got = build([Text("cafe"), Text("\u0301")], small_tokenizer)
    assert got.tolist() == ids(small_tokenizer("café"))


@pytest.mark.parametrize("pieces", [[Text("a cat")], [IMAGE], [Text("a"), IMAGE], ["user\n", IMAGE, "\n"]], ids=str)
def test_nano_ends_in_one_end_token_and_small_in_none(
    pieces: list[Piece], small_tokenizer: Tokenizer, nano_tokenizer: Tokenizer
) -> None:
    end = nano_tokenizer.special_token("<|end_of_text|>")
    got = build(pieces, nano_tokenizer).tolist()
    assert got[-1] == end
    assert got.count(end) == 1
    assert small_tokenizer.special_token("<|endoftext|>") not in build(pieces, small_tokenizer)


def test_an_end_token_that_the_caller_wrote_is_not_the_one_that_is_added(nano_tokenizer: Tokenizer) -> None:
    end = nano_tokenizer.special_token("<|end_of_text|>")
    assert build([Text("a<|end_of_text|>")], nano_tokenizer).tolist()[-2:] == [end, end]


def test_what_just_fits_stays_whole(nano_tokenizer: Tokenizer) -> None:
    pieces = ["Document: ", Text("it just fits"), IMAGE]
    whole = build(pieces, nano_tokenizer)
    for truncate in (False, True):
        got = build(pieces, nano_tokenizer, limit=len(whole), truncate=truncate)
        np.testing.assert_array_equal(got, whole)


@pytest.mark.parametrize(
    ("pieces", "truncate", "advice"),
    [
        ([Text("a"), MediaTokens(40_000)], False, "split it, or pass truncate=True to cut its last text short"),
        ([Text("a"), MediaTokens(40_000)], True, "nothing of it can be cut"),
        ([MediaTokens(40_000)], True, "nothing of it can be cut"),
        (["Query: ", MediaTokens(40_000)], True, "nothing of it can be cut"),
    ],
    ids=str,
)
def test_too_long_is_an_error_with_the_counts(
    pieces: list[Piece],
    truncate: bool,  # noqa: FBT001
    advice: str,
    small_tokenizer: Tokenizer,
) -> None:
    with pytest.raises(InputTooLongError) as caught:
        build(pieces, small_tokenizer, limit=32_768, truncate=truncate)
    error = caught.value
    tokens = 40_000 + sum(len(small_tokenizer(getattr(x, "text", x))) for x in pieces if not isinstance(x, MediaTokens))
    assert (error.tokens, error.limit) == (tokens, 32_768)
    excess = f"{tokens - 32_768:,}"
    assert str(error) == f"input 7 has {tokens:,} tokens, {excess} over this model's limit of 32,768; {advice}"


WORDS = Text(" one two three four five six seven eight nine ten" * 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], [BEGIN, IMAGE, END]),
        ([IMAGE], []),
        (["Query: ", IMAGE], []),
        ([BEGIN, "user\nDocument: ", IMAGE, Text(" and "), IMAGE], [IMAGE, END, "\n"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", ["small", "nano"])
def test_truncation_cuts_the_last_text_alone_and_exactly_to_the_limit(
    size: str, before: list[Piece], after: list[Piece], request: pytest.FixtureRequest
) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(f"{size}_tokenizer")
    words = tokenizer(WORDS.text).tolist()
    tail_end = len(tokenizer.end)
    head = build(before, tokenizer).tolist() if before else [*tokenizer.end]
    head = head[: len(head) - tail_end]
    tail = build(after, tokenizer).tolist() if after else tokenizer.end.tolist()
    whole = build([*before, WORDS, *after], tokenizer)
    assert whole.tolist() == [*head, *words, *tail]
    for keep in (len(words) - 1, len(words) // 2, 1):
        got = build([*before, WORDS, *after], tokenizer, limit=len(head) + keep + len(tail), truncate=True)
        assert got.tolist() == [*head, *words[:keep], *tail]
    with pytest.raises(InputTooLongError, match="nothing of it can be cut") as caught:
        build([*before, WORDS, *after], tokenizer, limit=len(head) + len(tail), truncate=True)
    assert caught.value.tokens == len(whole)


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60), st.integers(6, 40))
def test_a_truncated_input_is_never_over_the_limit_and_keeps_its_ends(
    nano_tokenizer: Tokenizer, first: str, last: str, limit: int
) -> None:
    pieces: list[Piece] = [IMAGE, Text(first), IMAGE, "<|im_start|>", Text(last), "<|im_end|>"]
    fixed = [MEDIA] * N_TOKENS + ids(nano_tokenizer(first)) + [MEDIA] * N_TOKENS
    limit += len(fixed) + 20  # 20: the template
    got = build(pieces, nano_tokenizer, limit=limit, truncate=True).tolist()
    assert len(got) <= limit
    assert got[: len(fixed)] == fixed
    assert got[-1] == nano_tokenizer.end[0]
    whole = build(pieces, nano_tokenizer).tolist()
    if len(whole) <= limit:
        assert got == whole
    else:
        template = nano_tokenizer("<|im_end|>").tolist()
        assert got[-1 - len(template) : -1] == template


LONG = Text(
    "".join(random.Random(0).choices([*WORDS.text.split(" "), " ", "\n", " é", "e\u0301", "12", "—", "<b>"], k=80_000))
)


@pytest.fixture
def count_characters(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how many characters were tokenised so far."""
    lengths: list[int] = []
    tokenize_piece = Tokenizer._tokenize_piece

    def tokenize_and_count(self: Tokenizer, text: str) -> np.ndarray:
        lengths.append(len(text))
        return tokenize_piece(self, text)

    monkeypatch.setattr(Tokenizer, "_tokenize_piece", tokenize_and_count)
    return lambda: sum(lengths)


@pytest.mark.parametrize(
    ("before", "after", "n_times"),
    [
        ([], [], 1),
        (["Document: "], [], 1),
        ([Text("a text"), IMAGE, "in: "], [IMAGE], 1),
        ([], [" and"], 2),  # may join the text, so that it is tokenised without that too
    ],
    ids=str,
)
@pytest.mark.parametrize("size", ["small", "nano"])
def test_truncation_costs_what_it_keeps(
    size: str,
    before: list[Piece],
    after: list[Piece],
    n_times: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    count_characters: Callable[[], int],
) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(f"{size}_tokenizer")
    pieces = [*before, LONG, *after]
    for limit in (100, 4_000, 30_000):
        already = count_characters()
        got = build(pieces, tokenizer, limit=limit, truncate=True)
        n_characters = count_characters() - already
        assert len(got) == limit
        with monkeypatch.context() as whole:
            whole.setattr("jina_omni.tokenizer._PIECE", len(LONG.text) + 100)
            np.testing.assert_array_equal(got, build(pieces, tokenizer, limit=limit, truncate=True))
            with pytest.raises(InputTooLongError) as caught:
                build(pieces, tokenizer, limit=limit)
        n_tokens = caught.value.tokens
        assert not caught.value.is_lower_bound
        assert n_characters < n_times * (1.2 * len(LONG.text) * limit / n_tokens + 10_000)


def test_a_text_that_is_far_too_long_is_an_error_with_a_lower_bound(
    small_tokenizer: Tokenizer, count_characters: Callable[[], int]
) -> None:
    endless = Text(LONG.text * 5)
    assert len(endless.text) > 1_000_000
    with pytest.raises(InputTooLongError) as caught:
        build([endless, IMAGE], small_tokenizer, limit=1_000)
    error = caught.value
    assert count_characters() < 20_000
    assert error.is_lower_bound
    assert error.limit == 1_000 < error.tokens < len(build([endless, IMAGE], small_tokenizer))
    assert str(error) == (
        f"input 7 has more than {error.tokens:,} tokens, over this model's limit of 1,000; "
        "split it, or pass truncate=True to cut its last text short"
    )
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.tokens, copied.is_lower_bound, str(copied)) == (error.tokens, True, str(error))


def test_a_text_that_is_too_long_is_an_error_with_its_tokens(small_tokenizer: Tokenizer) -> None:
    for pieces in ([LONG], ["Document: ", LONG, IMAGE, Text("a text")]):
        with pytest.raises(InputTooLongError) as caught:
            build(pieces, small_tokenizer, limit=1_000)
        n_tokens = len(build(pieces, small_tokenizer))
        assert (caught.value.tokens, caught.value.limit, caught.value.is_lower_bound) == (n_tokens, 1_000, False)
        assert f"has {n_tokens:,} tokens, {n_tokens - 1_000:,} over this model's limit of 1,000" in str(caught.value)


def test_a_long_text_that_is_not_the_last_can_not_be_cut(
    small_tokenizer: Tokenizer, count_characters: Callable[[], int]
) -> None:
    for pieces in ([LONG, Text("a text")], [LONG, IMAGE, Text("a text")], [LONG.text, IMAGE]):
        already = count_characters()
        with pytest.raises(InputTooLongError, match="nothing of it can be cut"):
            build(pieces, small_tokenizer, limit=1_000, truncate=True)
        assert count_characters() - already < 50_000


@pytest.mark.parametrize("keep", [2, 3])
def test_truncation_keeps_the_prefix_that_joins_the_text(keep: int, small_tokenizer: Tokenizer) -> None:
    prefix = small_tokenizer("Document:").tolist()
    got = build(["Document: ", WORDS], small_tokenizer, limit=len(prefix) + keep, truncate=True).tolist()
    assert got[: len(prefix)] == prefix
    assert len(got) == len(prefix) + keep


def test_a_prefix_that_leaves_no_room_is_an_error(small_tokenizer: Tokenizer) -> None:
    # Otherwise every input would get the vector of the same prompt.
    with pytest.raises(InputTooLongError, match="nothing of it can be cut"):
        build([WORDS.text, Text(" and a cat")], small_tokenizer, limit=10, truncate=True)


def test_truncation_does_not_cut_the_text_before_the_last(small_tokenizer: Tokenizer) -> None:
    with pytest.raises(InputTooLongError, match="nothing of it can be cut"):
        build([WORDS, Text(" and a cat")], small_tokenizer, limit=10, truncate=True)


MARKS = [chr(c) for c in range(0x300, 0x34F)] + ["\u0f71", "\u0f73", "\u0f75", "\u0591"]  # some decompose


@given(st.lists(st.tuples(st.sampled_from(["a", "é", "ệ", "각", ""]), st.integers(0, 600), st.integers(0, 2**32))))
def test_marks_put_in_order_have_the_same_normal_form(parts: list[tuple[str, int, int]]) -> None:
    text = "".join(base + "".join(random.Random(seed).choices(MARKS, k=n)) for base, n, seed in parts)
    for form in ("NFC", "NFD"):
        assert unicodedata.normalize(form, order_combining_marks(text)) == unicodedata.normalize(form, text)
