# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jina_omni import Image, Text
from jina_omni.dialects import (
    AUDIO_DELIMITERS,
    DIALECTS,
    IMAGE_DELIMITERS,
    PROMPTS,
    TASKS,
    Dialect,
    PromptName,
    choose_prompt,
    find_delimiters,
)
from jina_omni.loading import ModelFiles
from jina_omni.media.medium import DecodedMedium, Medium, TokenLayout, Tower
from jina_omni.media.picture_options import PictureOptions
from jina_omni.native import Projector, TextModel, find_device
from jina_omni.preparing import InputPreparer
from jina_omni.templates import MediaTokens, apply_template
from jina_omni.tokenizer import Tokenizer
from testing.checkpoints import vocabulary
from testing.checkpoints.shapes import AudioShape, ModelShape, TextShape, VisionShape
from testing.checkpoints.vocabulary import Vocabulary
from testing.checkpoints.writer import write_text, write_vision

NAMES: tuple[PromptName | None, ...] = (None, "query", "document")
VISION = VisionShape(1, 64, 1, 64, 64, 1e-6, None)
AUDIO = AudioShape(1, 64, 1, 64, 64)
# As narrow as can be: only the vocabulary is of the published size.
SHAPES = {
    "small": ModelShape(
        "small", TextShape("qwen3", 1, 64, 1, 1, 64, 64, 151_936, 32768, 3_500_000.0, 1e-6), VISION, AUDIO
    ),
    "nano": ModelShape(
        "nano", TextShape("eurobert", 1, 64, 1, 1, 64, 64, 128_260, 8192, 1_000_000.0, 1e-5), VISION, AUDIO
    ),
}

# Published ids that the committed first tokens don't reach (MODEL_FACTS 2.1; nano's first two
# are Llama 3's), and the merges that lead to them.
WORDS = {
    "small": {2859: "Query", 7524: "Document"},
    "nano": {2929: "Query", 7676: "Document", 5011: "_start", 6345: "_end"},
}
MERGES = {"small": ["Q u", "Qu ery", "D ocument"], "nano": []}  # nano takes a whole word that it knows without merging

# MODEL_FACTS 2.1 and 11.2.
QUERY = {"small": [2859, 25, 220], "nano": [2929, 25, 220]}
DOCUMENT = {"small": [7524, 25, 220], "nano": [7676, 25, 220]}
TURN = {
    "small": ([151644, 872, 198], [151645, 198]),
    "nano": ([27, 91, 318, 5011, 91, 29, 882, 198], [27, 91, 318, 6345, 91, 397]),
}
DELIMITERS = {"small": ([151652], [151653]), "nano": ([], [])}
END = {"small": [], "nano": [128001]}

PICTURE = Image(np.zeros((512, 512), np.uint8))  # 256 media tokens
MEDIA_TOKENS = [-1] * 256
MEDIA = {size: [*DELIMITERS[size][0], *MEDIA_TOKENS, *DELIMITERS[size][1]] for size in SHAPES}
IDS = {None: {size: [] for size in SHAPES}, "query": QUERY, "document": DOCUMENT}  # noqa: RUF024, RUF100

sizes = pytest.mark.parametrize("size", list(SHAPES))


def published(size: str) -> Vocabulary:
    """Return the suite's vocabulary of published size, with a few more words at their published ids."""
    full = vocabulary.full(size, SHAPES[size].text.n_vocab)
    tokens, types = list(full.tokens), list(full.types)
    for i, word in WORDS[size].items():
        tokens[i], types[i] = word, vocabulary.NORMAL
    return replace(full, tokens=tokens, types=types, merges=[*full.merges, *MERGES[size]])


@dataclass(frozen=True)
class Ids:
    """Token ids of inputs on one model, with -1 for each media token of an image."""

    files: ModelFiles

    def __call__(self, value: Any, dialect: Dialect, task: str | None, name: PromptName | None = None) -> list[int]:
        preparer = InputPreparer(replace(self.files, task=task), dialect, PictureOptions())
        return preparer.prepare(value, None, choose_prompt(dialect, task, name), truncate=False).tokens.tolist()

    def text(self, text: str) -> list[int]:
        return Tokenizer(self.files.text)(text).tolist()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ids]]:
    device, folder = find_device("cpu"), tmp_path_factory.mktemp("published")
    vision = Projector(write_vision(folder / "vision.gguf", SHAPES["small"]), device)
    found = {}
    for size, shape in SHAPES.items():
        text = TextModel(write_text(folder / f"{size}.gguf", shape, vocabulary=published(size)), device)
        found[size] = Ids(ModelFiles(text, vision, None, None))
    yield found
    for ids in found.values():
        ids.files.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", [*TASKS, None])
def test_the_card_prompts_on_retrieval_only_and_takes_unnamed_inputs_for_documents(
    task: str | None, name: PromptName | None
) -> None:
    expected = {"query": "Query: ", "document": "Document: ", None: "Document: "}[name] if task == "retrieval" else ""
    assert choose_prompt("card", task, name) == expected


@pytest.mark.parametrize(("name", "expected"), [(None, ""), ("query", "Query: "), ("document", "Document: ")])
@pytest.mark.parametrize("task", [*TASKS, None])
def test_sentence_transformers_uses_a_named_prompt_on_every_task(
    task: str | None, name: PromptName | None, expected: str
) -> None:
    assert choose_prompt("sentence-transformers", task, name) == expected


@sizes
@pytest.mark.parametrize("task", TASKS)
def test_an_image_on_the_card_has_nothing_around_it_but_prompt_and_delimiters(
    size: str, task: str, models: dict[str, Ids]
) -> None:
    for name in NAMES:
        lead = IDS[name or "document"][size] if task == "retrieval" else []
        assert models[size](PICTURE, "card", task, name) == [*lead, *MEDIA[size], *END[size]]


@sizes
@pytest.mark.parametrize("task", TASKS)
def test_an_image_in_sentence_transformers_is_a_turn_of_the_chat(size: str, task: str, models: dict[str, Ids]) -> None:
    begin, end = TURN[size]
    for name in NAMES:
        got = models[size](PICTURE, "sentence-transformers", task, name)
        assert got == [*begin, *IDS[name][size], *MEDIA[size], *end, *END[size]]


def test_lengths_of_the_published_turns(models: dict[str, Ids]) -> None:
    assert len(models["small"](PICTURE, "sentence-transformers", "retrieval", "document")) == 266
    assert len(models["nano"](PICTURE, "sentence-transformers", "retrieval")) == 271


@sizes
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("task", TASKS)
def test_text_has_its_prompt_and_no_turn(size: str, dialect: Dialect, task: str, models: dict[str, Ids]) -> None:
    text = "where is the cat?"
    for name in NAMES:
        lead = choose_prompt(dialect, task, name)
        # The space of the prefix belongs to the first word, so the two are tokenised as one.
        expected = (
            [*IDS[name or "document"][size][:2], *models[size].text(f" {text}")] if lead else models[size].text(text)
        )
        for value in (text, Text(text), ["where is ", "the cat?"], [Text("where"), " is the cat?"]):
            assert models[size](value, dialect, task, name) == [*expected, *END[size]]


@sizes
def test_a_fused_input_on_the_card_keeps_its_order_between_delimiters(size: str, models: dict[str, Ids]) -> None:
    text, media = models[size].text, MEDIA[size]
    ids = models[size]
    assert ids(["from ", PICTURE, " to ", PICTURE, PICTURE, "?"], "card", "clustering") == [
        *(*text("from "), *media, *text(" to "), *media, *media, *text("?"), *END[size])
    ]
    assert ids([PICTURE, "a cat"], "card", "retrieval", "query") == [
        *(*QUERY[size], *media, *text("a cat"), *END[size])
    ]
    assert ids(["a cat", PICTURE], "card", "retrieval") == [*text("Document: a cat"), *media, *END[size]]


def test_a_fused_input_in_sentence_transformers_is_one_turn_on_small(models: dict[str, Ids]) -> None:
    ids, text, media = models["small"], models["small"].text, MEDIA["small"]
    got = ids(["from ", PICTURE, " to ", PICTURE, "?"], "sentence-transformers", "retrieval", "query")
    body = text("user\nQuery: from ")
    assert got == [151644, *body, *media, *text(" to "), *media, *text("?"), 151645, 198]
    assert body[:4] == [872, 198, 2859, 25]


def test_a_fused_input_in_sentence_transformers_joins_the_text_of_the_turn_on_nano(models: dict[str, Ids]) -> None:
    ids, text = models["nano"], models["nano"].text
    got = ids(["from ", PICTURE, " to ", PICTURE, "? "], "sentence-transformers", "retrieval", "query")
    begin, end = text("<|im_start|>user\nQuery: from "), text("? <|im_end|>\n")
    assert got == [*begin, *MEDIA_TOKENS, *text(" to "), *MEDIA_TOKENS, *end, 128001]
    assert begin[:10] == [*TURN["nano"][0], 2929, 25]


@sizes
@pytest.mark.parametrize("dialect", DIALECTS)
def test_special_tokens_that_a_caller_writes_become_their_ids_and_take_no_media_embeddings(
    size: str, dialect: Dialect, models: dict[str, Ids]
) -> None:
    spelled = {"small": {"<|image_pad|>": 151655, "<|vision_start|>": 151652}, "nano": {"<image>": 128259}}[size]
    for spelling, token in spelled.items():
        got = models[size]([f"a {spelling} b", PICTURE], dialect, "clustering")
        assert got.count(token) == 1 + (token == 151652)
        assert got.count(-1) == 256
        assert got.index(token) < got.index(-1)
        assert models[size](spelling, dialect, "clustering") == [token, *END[size]]


def delimiter(*known: str) -> Callable[[str], int | None]:
    return lambda spelling: known.index(spelling) if spelling in known else None


def medium(tower: Tower, *groups: int, times: tuple[float, ...] | None = None) -> Medium:
    def decode(_stop: threading.Event) -> DecodedMedium:
        raise AssertionError("nothing is decoded here")

    return Medium(tower, TokenLayout(groups, times), decode)


ALL = delimiter("<|vision_start|>", "<|vision_end|>", "<|im_start|>", "<|im_end|>")


@pytest.mark.parametrize(
    ("known", "ids"),
    [
        (IMAGE_DELIMITERS, (0, 1)),
        (IMAGE_DELIMITERS[:1], None),
        (IMAGE_DELIMITERS[1:], None),
        ((), None),
        (("<|vision_bos|>", "<|vision_eos|>"), None),
    ],
)
def test_delimiters_count_only_as_a_pair(known: tuple[str, ...], ids: tuple[int, int] | None) -> None:
    assert find_delimiters(IMAGE_DELIMITERS, delimiter(*known)) == ids
    text = Text("a")
    expected = [text, MediaTokens(4)] if ids is None else [text, 0, MediaTokens(4), 1]
    assert apply_template([text, medium("vision", 4)], "", "card", delimiter(*known)) == expected


def test_both_spellings_of_the_audio_delimiters_are_known() -> None:
    assert AUDIO_DELIMITERS == (("<|audio_start|>", "<|audio_end|>"), ("<|audio_bos|>", "<|audio_eos|>"))


def test_a_turn_without_its_tokens_is_spelled_out() -> None:
    assert apply_template([medium("vision", 4)], "", "sentence-transformers", delimiter()) == [
        "<|im_start|>",
        "user\n",
        MediaTokens(4),
        "<|im_end|>",
        "\n",
    ]


@pytest.mark.parametrize("times", [None, (0.25, 1.25)])
def test_each_pair_of_a_videos_frames_has_its_time_and_delimiters(times: tuple[float, ...] | None) -> None:
    clip = medium("vision", 4, 4, times=times)
    stamps = [[], []] if times is None else [["<0.2 seconds>"], ["<1.2 seconds>"]]  # MODEL_FACTS 4.3 and 11.4
    expected = [*stamps[0], 0, MediaTokens(4), 1, *stamps[1], 0, MediaTokens(4), 1]
    assert apply_template([clip], "", "card", ALL) == expected
    assert apply_template([clip], "", "card", delimiter()) == [MediaTokens(8)]  # nano


@pytest.mark.parametrize("pair", [*AUDIO_DELIMITERS, ()])
def test_a_sound_stands_between_the_delimiters_of_its_vocabulary(pair: tuple[str, ...]) -> None:
    expected = [0, MediaTokens(9), 1] if pair else [MediaTokens(9)]
    assert apply_template([medium("audio", 9)], "", "card", delimiter(*pair)) == expected


parts = st.lists(
    st.one_of(st.builds(Text, st.text(min_size=1)), st.integers(1, 9).map(lambda n: medium("vision", n))),
    min_size=1,
    max_size=6,
)


@given(parts, st.sampled_from(["", *PROMPTS.values(), "mine: "]), st.sampled_from(DIALECTS))
def test_parts_stay_whole_in_order_and_only_media_get_anything_around_them(
    given_parts: list[Text | Medium], lead: str, dialect: Dialect
) -> None:
    pieces = apply_template(given_parts, lead, dialect, ALL)
    has_media = any(isinstance(part, Medium) for part in given_parts)
    if has_media and dialect == "sentence-transformers":
        assert (pieces[:2], pieces[-2:]) == ([2, "user\n"], [3, "\n"])
        pieces = pieces[2:-2]
    if lead:
        assert pieces.pop(0) == lead
    expected: list[object] = []
    for part in given_parts:
        expected += [part] if isinstance(part, Text) else [0, MediaTokens(part.layout.groups[0]), 1]
    assert pieces == expected
