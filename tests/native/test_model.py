"""The public `Model` on the tiny checkpoints: what each call returns, refuses and leaves behind."""

from __future__ import annotations

import asyncio
import io
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from PIL import Image as PILImage

import jina_omni
from jina_omni import Image, Model
from testing.checkpoints.cases import image
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, Edits, write_text, write_vision
from testing.media_files import encoded
from tests.native.sequences import cosines

N_CTX = 512  # of the models with a short context
KEY = {"small": "qwen3.context_length", "nano": "eurobert.context_length"}


@pytest.fixture(scope="module")
def model(small: Checkpoint) -> Iterator[Model]:
    """Give a model for texts and images."""
    with Model(small.text, small.vision, n_threads=1) as model:
        yield model


@pytest.fixture(scope="module", params=["small", "nano"])
def short(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """Give a model whose longest input is short."""
    size = request.param
    path = tmp_path_factory.mktemp("short") / f"{size}.gguf"
    write_text(path, TINY[size], edits=Edits(metadata={KEY[size]: N_CTX}))
    with Model(path, n_threads=1) as model:
        yield model


def inputs() -> list[Any]:
    """Return texts of many lengths, pictures, and mixtures of both, in no order."""
    texts = ["word " * n for n in (3, 150, 1, 40, 7, 300, 2, 90)]
    wide, high = image("wide", 700, 300), image("high", 50, 400)
    return [*texts[:3], wide, *texts[3:5], ["a caption", high], *texts[5:], high, [wide, " and ", high]]


# ---- what comes back ------------------------------------------------------------------------------------------------


def test_one_input_gives_one_vector_and_a_list_a_row_for_each(model: Model) -> None:
    assert model.encode("a").shape == (256,)
    for several in (["a"], ("a", "b"), ["a"] * 5, []):
        assert model.encode(several).shape == (len(several), 256)


@pytest.mark.parametrize(
    "options",
    [{}, {"truncate_dim": 64}, {"normalize_embeddings": False}, {"truncate_dim": 32, "normalize_embeddings": False}],
    ids=str,
)
def test_vectors_are_plain_float32_that_nobody_else_holds(model: Model, options: dict[str, Any]) -> None:
    for one in ("a", ["a", "b"]):
        first, second = (model.encode(one, **options) for _ in range(2))
        assert type(first) is np.ndarray
        assert first.dtype == np.float32
        assert first.flags.c_contiguous
        assert first.flags.writeable
        first[:] = 7
        assert not np.shares_memory(first, second)
        assert np.array_equal(model.encode(one, **options), second)
    assert first.flags.owndata


def test_vectors_have_unit_length_unless_asked_otherwise(model: Model) -> None:
    found = model.encode(inputs())
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    raw = model.encode(inputs(), normalize_embeddings=False)
    assert np.all(np.linalg.norm(raw, axis=1) > 2)
    assert cosines(raw, found) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dim", [32, 64, 128, 256])
def test_a_vector_is_cut_first_and_then_brought_to_unit_length(model: Model, dim: int) -> None:
    texts = ["some", "texts of words"]
    raw = model.encode(texts, normalize_embeddings=False)
    assert np.array_equal(model.encode(texts, truncate_dim=dim, normalize_embeddings=False), raw[:, :dim])
    cut = raw[:, :dim] / np.linalg.norm(raw[:, :dim].astype(np.float64), axis=1, keepdims=True)
    assert np.abs(model.encode(texts, truncate_dim=dim) - cut).max() < 1e-6


# ---- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "same"), [(Type.F16, 0.99999), (Type.Q8_0, 0.9999)], ids=["F16", "Q8_0"])
@pytest.mark.parametrize("size", ["small", "nano"])
def test_an_input_gives_the_same_vector_alone_and_in_any_batch(
    size: str, kind: Type, same: float, tmp_path: Path
) -> None:
    """Of any size and order, with one thread or two; and each row belongs to its input."""
    text = write_text(tmp_path / "text.gguf", TINY[size], edits=Edits(weight_type=kind))
    vision = write_vision(tmp_path / "vision.gguf", TINY[size])
    given = inputs()
    with Model(text, vision, n_threads=1) as one, Model(text, vision, n_threads=2) as two:
        alone = np.stack([one.encode([each])[0] for each in given])
        found = {
            "one batch": one.encode(given, batch_tokens=100_000),
            "batches of one": one.encode(given, batch_tokens=1),
            "backwards": one.encode(given[::-1], batch_tokens=700)[::-1],
            "two threads": two.encode(given),
        }
        assert np.array_equal(one.encode(given, batch_tokens=100_000), found["one batch"])
        assert np.array_equal(two.encode(given), found["two threads"])
    # the inputs are apart by far more than batching moves them
    assert np.sort(Model.similarity(alone, alone), axis=1)[:, -2].max() < same - 1e-4
    assert {name: cosines(rows, alone).min() >= same for name, rows in found.items()} == dict.fromkeys(found, True)


# ---- prompts --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["small", "nano"])
def retrieval(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, shape = tmp_path_factory.mktemp("retrieval"), TINY[request.param]
    vision = write_vision(folder / "vision.gguf", shape, task="retrieval")
    return write_text(folder / "text.gguf", shape, task="retrieval"), vision


def test_queries_and_documents_differ_on_retrieval_files(retrieval: tuple[Path, Path]) -> None:
    picture = image("prompted", 90, 60)
    with Model(*retrieval, n_threads=1) as model:
        for given in ("some words", [["some", picture]], ["a", "b"]):
            query, document = model.encode_query(given), model.encode_document(given)
            assert np.array_equal(query, model.encode(given, prompt_name="query"))
            assert np.array_equal(query, model.encode(given, prompt="Query: "))
            assert np.array_equal(document, model.encode(given, prompt="Document: "))
            assert np.array_equal(document, model.encode(given))
            assert cosines(query, document).max() < 0.9999
            assert cosines(model.encode(given, prompt=""), document).max() < 0.9999
        assert np.array_equal(model.encode_query("some words"), model.encode("Query: some words", prompt=""))


def test_sentence_transformers_has_no_prompt_without_a_name(retrieval: tuple[Path, Path]) -> None:
    with Model(*retrieval, n_threads=1, dialect="sentence-transformers") as model:
        assert np.array_equal(model.encode("some words"), model.encode("some words", prompt=""))
        assert np.array_equal(model.encode_query("some words"), model.encode("Query: some words"))
        assert np.array_equal(model.encode_document("some words"), model.encode("Document: some words"))


def test_other_tasks_have_prompts_in_one_dialect_alone(small: Checkpoint) -> None:
    with Model(small.text, n_threads=1) as card:
        assert np.array_equal(card.encode_query("some words"), card.encode("some words"))
        assert np.array_equal(card.encode_document("some words"), card.encode("some words"))
    with Model(small.text, n_threads=1, dialect="sentence-transformers") as other:
        assert np.array_equal(other.encode_query("some words"), other.encode("Query: some words"))
        assert np.array_equal(other.encode("some words"), card_vector(small, "some words"))


def card_vector(files: Checkpoint, text: str) -> np.ndarray:
    with Model(files.text, n_threads=1) as model:
        return model.encode(text)


def test_an_image_is_a_turn_of_the_chat_in_one_dialect_alone(small: Checkpoint) -> None:
    picture = image("turn", 90, 60)
    counts, vectors = [], []
    for dialect in ("card", "sentence-transformers"):
        with Model(small.text, small.vision, n_threads=1, dialect=dialect) as model:
            counts.append(model.count_tokens(picture))
            vectors.append(model.encode(picture))
    assert counts[1] > counts[0]
    assert cosines(*vectors) < 0.9999


# ---- long inputs ----------------------------------------------------------------------------------------------------


def first_tokens(model: Model, text: str) -> np.ndarray:
    """Return the vector of as many of a text's tokens as fit."""
    tokenizer = model._preparer.tokenizer
    tokens = np.concatenate([tokenizer(text)[: N_CTX - len(tokenizer.end)], tokenizer.end])
    replica = model._replicas.first
    row = replica.context.encode_sequences(replica.files.text, tokens, np.array([N_CTX], np.int32))[0]
    return row / np.linalg.norm(row)


# The last two once took time that grew with the square of their length.
@pytest.mark.parametrize("piece", ["x", "some words ", "größer 你好 🦙\n", "<|im_end|>", "\u0301\u0327"], ids=ascii)
def test_a_million_characters_are_refused_or_cut(short: Model, piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000]
    with pytest.raises(
        jina_omni.InputTooLongError, match=r"^input 1 has (more than )?[\d,]{3,} tokens, .* 512"
    ) as raised:
        short.encode(["sound", text])
    error, count = raised.value, short.count_tokens(text)
    assert (error.index, error.limit) == (1, N_CTX)
    assert N_CTX < error.tokens < count if error.is_lower_bound else error.tokens == count
    assert ("more than" in str(error)) == error.is_lower_bound
    assert count >= 100_000
    assert cosines(short.encode(text, truncate=True), first_tokens(short, text)) > 0.999999


def test_truncation_leaves_alone_what_fits(short: Model) -> None:
    assert np.array_equal(short.encode("some words", truncate=True), short.encode("some words"))


# ---- inputs that fail -----------------------------------------------------------------------------------------------


def test_an_error_names_the_place_and_stops_the_call(model: Model) -> None:
    with pytest.raises(jina_omni.InputError, match=r"^input 2 is an empty text") as raised:
        model.encode(["a", "b", "", "d"])
    assert raised.value.index == 2
    with pytest.raises(jina_omni.InputError, match=r"^input is an empty text") as raised:
        model.encode("")
    assert raised.value.index is None


def test_errors_may_be_returned_beside_the_other_vectors(model: Model) -> None:
    png = encoded(image("png", 64, 64), "PNG")
    given = ["a", "", Image(png[: len(png) // 2]), image("sound", 40, 40), ["b", Image(b"GIF89a")], 5, "c"]
    rows, errors = model.encode(given, on_error="return")
    assert {i: type(error).__name__ for i, error in errors.items()} == {
        1: "InputError",
        2: "DecodeError",  # its header is sound, so that it fails only once its batch is on
        4: "DecodeError",
        5: "InputError",
    }
    assert all(error.index == i and f"input {i}" in str(error) for i, error in errors.items())
    failed = np.isin(np.arange(len(given)), list(errors))
    assert np.isnan(rows[failed]).all()
    sound = [one for one, bad in zip(given, failed, strict=True) if not bad]
    assert cosines(rows[~failed], model.encode(sound)).min() > 0.99999
    assert model.encode(["a"], on_error="return")[1] == {}
    row, errors = model.encode("", on_error="return")
    assert np.isnan(row).all()
    assert list(errors) == [0]
    rows, errors = model.encode(["", ""], on_error="return")
    assert list(errors) == [0, 1]


def test_an_image_without_a_vision_tower_says_which_file_to_pass(short: Model) -> None:
    with pytest.raises(jina_omni.ModalityNotLoadedError, match=r"^input 1 .*vision-mmproj"):
        short.encode(["a", image("lost", 20, 20)])
    rows, errors = short.encode(["a", image("lost", 20, 20)], on_error="return")
    assert np.isfinite(rows[0]).all()
    assert isinstance(errors[1], jina_omni.ModalityNotLoadedError)


SIXTEEN_BIT = PILImage.fromarray(np.full((9, 9), 40_000, np.uint16))
REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "empty text": ("", jina_omni.InputError, "empty text"),
    "empty text among parts": (["a", ""], jina_omni.InputError, "part 1"),
    "lone surrogate": ("a\ud83db", jina_omni.InputError, "lone surrogate"),
    "nothing": (None, jina_omni.InputError, "None"),
    "a number": (3.5, jina_omni.InputError, "float"),
    "bytes": (b"GIF89a", jina_omni.InputError, "Image"),
    "an array of NaN": (np.full((9, 9, 3), np.nan), jina_omni.InputError, "array"),
    "pixels of NaN": (Image(np.full((9, 9, 3), np.nan, np.float32)), jina_omni.InputError, "float32"),
    "a PIL image of NaN": (PILImage.fromarray(np.full((9, 9), np.nan, np.float32)), jina_omni.InputError, ""),
    "an array of 0 x 0": (Image(np.zeros((0, 0, 3), np.uint8)), jina_omni.InputError, "empty"),
    "a PIL image of 0 x 0": (PILImage.new("RGB", (0, 0)), jina_omni.InputError, "empty"),
    "1 x 5000": (PILImage.new("RGB", (1, 5000)), jina_omni.InputError, "more than 200 times as long"),
    "5000 x 1": (PILImage.new("RGB", (5000, 1)), jina_omni.InputError, "more than 200 times as long"),
    "16 bit of grey beyond 8": (SIXTEEN_BIT, jina_omni.InputError, "255"),
    "no bytes": (Image(b""), jina_omni.DecodeError, "empty"),
    "a cut PNG": (Image(encoded(image("cut", 60, 60), "PNG")[:-200]), jina_omni.DecodeError, "damaged or cut short"),
    "a cut JPEG": (Image(encoded(image("cut", 60, 60), "JPEG")[:-200]), jina_omni.DecodeError, "damaged or cut short"),
    "bytes of no image": (Image(b"%!PS-Adobe"), jina_omni.UnsupportedMediaError, "text/plain"),
    "an absent file": (Path("absent.png"), jina_omni.InputError, "absent.png"),
    "a folder": (Path("/"), jina_omni.InputError, "not a regular file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_input_is_refused_and_the_model_goes_on(name: str, model: Model) -> None:
    given, kind, words = REFUSED[name]
    before = model.encode("a text")
    with pytest.raises(kind, match=f"^input 1.*{words}") as raised:
        model.encode(["a text", given if isinstance(given, list) else [given]])
    assert isinstance(raised.value, jina_omni.JinaOmniError)
    assert np.array_equal(model.encode("a text"), before)


def animated() -> bytes:
    frames = [image(f"frame {i}", 40, 30).quantize(16) for i in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


UNUSUAL: dict[str, Callable[[], Any]] = {
    "1 x 1": lambda: PILImage.new("RGB", (1, 1), (250, 3, 99)),
    "1 x 200": lambda: image("line", 1, 200),
    "CMYK": lambda: Image(encoded(image("cmyk", 50, 40).convert("CMYK"), "JPEG")),
    "palette": lambda: image("palette", 50, 40, "P"),
    "palette with alpha": lambda: Image(encoded(image("alpha", 50, 40, "RGBA").quantize(16), "PNG")),
    "one bit": lambda: image("bilevel", 50, 40, "1"),
    "grey with alpha": lambda: image("grey", 50, 40, "LA"),
    "16 bit of grey within 8": lambda: PILImage.fromarray(np.arange(200, dtype=np.uint16).reshape(10, 20)),
    "animated": lambda: Image(animated()),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_image_gives_the_vector_of_its_rgb_pixels(name: str, model: Model) -> None:
    given = UNUSUAL[name]()
    source = given.source if isinstance(given, Image) else given
    picture = PILImage.open(io.BytesIO(source)) if isinstance(source, bytes) else source
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    plain = PILImage.fromarray(np.asarray(picture.convert("RGB")).copy())
    assert np.array_equal(model.encode(given), model.encode(plain))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"truncate_dim": 33}, "truncate_dim is 33; this model was trained for 32, 64, 128, 256"),
        ({"truncate_dim": 0}, "truncate_dim is 0; this model was trained for"),
        ({"truncate_dim": 512}, "truncate_dim is 512; this model was trained for"),
        ({"truncate_dim": "64"}, "truncate_dim is '64'; this model was trained for"),
        ({"truncate_dim": 64.0}, "truncate_dim is 64.0; this model was trained for"),
        ({"truncate": "false"}, "truncate is 'false'; it takes True or False"),
        ({"normalize_embeddings": 1}, "normalize_embeddings is 1; it takes True or False"),
        ({"prompt_name": "passage"}, "prompt_name is 'passage'; it is one of query, document"),
        ({"prompt": 5}, "prompt is 5; it takes a str"),
        ({"prompt": "\ud800"}, "it takes a str without lone surrogates"),
        ({"batch_tokens": 0}, "batch_tokens is 0; it takes a whole number from 1 on"),
        ({"batch_tokens": 1.5}, "batch_tokens is 1.5; it takes a whole number from 1 on"),
        ({"precision": "int4"}, "precision is 'int4'; it is one of float32, float16, int8"),
        ({"on_error": "ignore"}, "on_error is 'ignore'; it is one of raise, return"),
        ({"cancel": True}, "cancel is of the type bool; it takes a jina_omni.CancelToken"),
        ({"fetch": "https://a"}, "fetch is of the type str; it takes a function from a URL to bytes"),
        ({"batch_size": 8}, r"has no argument 'batch_size'; .* pass batch_tokens="),
        ({"convert_to_tensor": True}, r"has no argument 'convert_to_tensor'; .* torch.from_numpy"),
        ({"normalize": True}, "has no argument 'normalize'; pass normalize_embeddings="),
        ({"colour": "red"}, "has no argument 'colour'; it takes inputs, truncate_dim, normalize_embeddings, "),
    ],
    ids=str,
)
def test_a_wrong_option_is_named_with_what_it_takes(model: Model, options: dict[str, Any], words: str) -> None:
    for call in (model.encode, model.encode_query, lambda x, **o: model.encode_iter([x], **o)):
        if call == model.encode_query and "prompt_name" in options:
            continue
        with pytest.raises((TypeError, ValueError), match=words) as caught:
            call("a", **options)
        assert not isinstance(caught.value, jina_omni.JinaOmniError)


def test_a_device_that_is_not_there_is_refused(small: Checkpoint) -> None:
    with pytest.raises(jina_omni.ModelLoadError, match="'tpu:9' is not available"):
        Model(small.text, device="tpu:9")


# ---- streams --------------------------------------------------------------------------------------------------------


def test_a_generator_and_a_view_are_as_the_list_of_their_values(model: Model) -> None:
    texts = ["a cat", "a dog", "a cat and a dog"]
    expected = model.encode(texts)
    assert np.array_equal(model.encode(text for text in texts), expected)
    assert np.array_equal(model.encode(dict(enumerate(texts)).values(), prompt_name="document"), expected)
    assert np.array_equal(np.stack(list(model.encode_iter(dict.fromkeys(texts).keys()))), expected)
    assert np.array_equal(asyncio.run(model.encode_async(text for text in texts)), expected)
    assert model.count_tokens(text for text in texts) == model.count_tokens(texts)
    assert model.encode(text for text in ()).shape == (0, model.info.dim)
    found, errors = model.encode((text for text in ["a cat", None]), on_error="return")
    assert np.array_equal(found[0], expected[0])
    assert "input 1 is None" in str(errors[1])


def test_a_stream_of_one_input_is_that_input(model: Model) -> None:
    for value in ("a cat", jina_omni.Text("a cat"), {"text": "a cat"}):
        (found,) = model.encode_iter(value)
        assert np.array_equal(found, model.encode("a cat"))


def test_a_stream_is_read_a_window_at_a_time_and_keeps_its_order(model: Model) -> None:
    texts = [f"text {i} " * (1 + i % 7) for i in range(600)]
    read: list[str] = []

    def stream() -> Iterator[str]:
        for text in texts:
            read.append(text)
            yield text

    found = model.encode_iter(stream(), truncate_dim=32)
    assert read == []
    rows = [next(found)]
    assert len(read) == 256
    rows += itertools.islice(found, 255)
    assert len(read) == 256
    rows += found
    assert read == texts
    assert cosines(np.stack(rows), model.encode(texts, truncate_dim=32)).min() > 0.99999
    assert list(model.encode_iter([])) == []


def test_an_error_in_a_stream_comes_at_its_place_and_names_it(model: Model) -> None:
    texts = ["a"] * 300 + [""] + ["b", image("after", 1, 1)]
    found = model.encode_iter(texts)
    assert len(list(itertools.islice(found, 300))) == 300
    with pytest.raises(jina_omni.InputError, match=r"^input 300 is an empty text") as raised:
        next(found)
    assert raised.value.index == 300


def test_errors_in_a_stream_may_be_yielded(short: Model) -> None:
    texts = ["a"] * 260 + ["", image("lost", 20, 20), "b"]
    found = list(short.encode_iter(texts, on_error="return"))
    assert [i for i, one in enumerate(found) if not isinstance(one, np.ndarray)] == [260, 261]
    assert found[260].index == 260
    assert "input 260 " in str(found[260])
    assert isinstance(found[261], jina_omni.ModalityNotLoadedError)
    assert "input 261 " in str(found[261])


# ---- counting, closing, cancelling ----------------------------------------------------------------------------------


def test_tokens_are_counted_without_reading_pixels(model: Model) -> None:
    png = encoded(image("counted", 640, 480), "PNG")
    assert model.count_tokens(Image(png)) == model.count_tokens(Image(png[:200])) == 302  # 20 x 15, and two delimiters
    assert model.count_tokens(["a", Image(png), ["a", Image(png)]]) == [1, 302, 303]
    assert model.count_tokens([]) == []
    assert model.count_tokens("a", prompt="Query: ") > 1
    with pytest.raises(jina_omni.InputError, match=r"^input 1 "):
        model.count_tokens(["a", ""])


def test_counts_are_those_that_decide_what_is_too_long(short: Model) -> None:
    fits = "a " * 100
    while short.count_tokens(fits) < N_CTX:
        fits += "a"
    assert short.count_tokens(fits) == N_CTX
    assert np.isfinite(short.encode(fits)).all()
    with pytest.raises(jina_omni.InputTooLongError):
        short.encode(fits + " b")


def test_a_closed_model_says_so_in_every_call(small: Checkpoint) -> None:
    model = Model(small.text, n_threads=1)
    info = model.info
    stream = model.encode_iter(["a"] * 300)
    next(stream)
    with model:
        pass
    model.close()
    model.close()
    calls = [
        lambda: model.encode("a"),
        lambda: model.encode([]),
        lambda: model.encode_query("a"),
        lambda: model.encode_document("a"),
        lambda: model.count_tokens("a"),
        lambda: next(model.encode_iter(["a"])),
        lambda: list(stream),
        lambda: model.encode("a", on_error="return"),
    ]
    for call in calls:
        with pytest.raises(jina_omni.ClosedError, match="is closed; make a new one"):
            call()
    assert model.info == info
    assert small.text.name in repr(model)


def test_the_context_manager_closes_after_an_error_too(small: Checkpoint) -> None:
    with pytest.raises(RuntimeError, match="the caller's own"), Model(small.text, n_threads=1) as model:
        raise RuntimeError("the caller's own")
    with pytest.raises(jina_omni.ClosedError):
        model.encode("a")


class Spied(os.PathLike[str]):
    """A path that tells when it is opened."""

    def __init__(self, path: Path, tell: Callable[[], None]) -> None:
        self._path, self._tell = path, tell

    def __fspath__(self) -> str:
        self._tell()
        return str(self._path)


def test_a_set_cancel_token_stops_before_anything_is_read(model: Model, tmp_path: Path) -> None:
    opened: list[str] = []
    token = jina_omni.CancelToken()
    token.cancel()
    given = ["", Image(Spied(tmp_path, lambda: opened.append("read")))]
    for on_error in ("raise", "return"):
        with pytest.raises(jina_omni.Cancelled):
            model.encode(given, cancel=token, on_error=on_error)
    with pytest.raises(jina_omni.Cancelled):
        next(model.encode_iter(given, cancel=token))
    assert opened == []


def test_cancelling_does_not_wait_for_what_is_being_read(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image("cancelled", 60, 40).save(path)
    token, go_on = jina_omni.CancelToken(), threading.Event()

    def hang() -> None:
        if threading.current_thread().name.startswith("jina_omni_media"):  # not where it is measured
            token.cancel()
            assert go_on.wait(60)

    with pytest.raises(jina_omni.Cancelled):
        model.encode(Image(Spied(path, hang)), cancel=token)
    go_on.set()
    assert np.isfinite(model.encode("a text")).all()


# ---- what is said ---------------------------------------------------------------------------------------------------


def test_a_bar_is_shown_only_when_asked_for(model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    model.encode(["a", "b"])
    list(model.encode_iter(["a", "b"]))
    model.count_tokens("a")
    assert capfd.readouterr() == ("", "")
    model.encode(["a", "b", ""], show_progress_bar=True, on_error="return")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("100%: 3 of 3 inputs, ")


def test_native_logs_reach_logging_and_stderr_stays_silent(
    small: Checkpoint, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG, "jina_omni"), Model(small.text, small.vision, n_threads=1) as model:
        model.encode(["a", image("logged", 20, 20)])
    native = [record for record in caplog.records if record.name == "jina_omni.native"]
    assert native
    assert all(record.getMessage().strip() for record in native)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert capfd.readouterr() == ("", "")
