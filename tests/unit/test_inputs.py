# SPDX-License-Identifier: Apache-2.0
import copy
import dataclasses
import doctest
import io
import pickle
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from jina_omni import Image, Pdf, Text, Video, inputs, parsing
from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import image as image_module


def parse(value):
    return [item.part for item in parsing.parse_input(value)]


def png_bytes():
    file = io.BytesIO()
    PILImage.new("RGB", (3, 2)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def png(tmp_path):
    path = tmp_path / "picture.txt"  # a name says nothing
    path.write_bytes(png_bytes())
    return path


@pytest.mark.parametrize(
    "text",
    ["a cute cat", "/etc/passwd", "a.jpg", "https://example.org/a.jpg", "data:image/png;base64,AAAA", " ", "\0", "🐈"],
)
def test_a_str_is_always_text(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(png_bytes())
    assert parse(text) == [Text(text)]


def test_a_numpy_str_is_text_and_becomes_a_plain_str():
    (part,) = parse(np.array(["cat"])[0])
    assert part == Text("cat")
    assert type(part.text) is str


def test_a_path_is_a_file_whose_bytes_say_what_it_is(png):
    (part,) = parse(png)
    assert isinstance(part, Image)
    assert part.source == png
    assert part.orientation is None


def test_any_path_like_is_a_file(png):
    (part,) = parse(PurePath(png))
    assert isinstance(part, Image)


def test_wrappers_are_themselves():
    text, image = Text("cat"), Image(b"...", orientation="upright")
    assert parse(text)[0] is text
    assert parse(image)[0] is image


def test_a_wrapped_file_is_not_read_here():
    assert parse(Image("/no/such/file"))


def test_a_pil_image_is_an_image():
    picture = PILImage.new("RGB", (3, 2))
    (part,) = parse(picture)
    assert part.source is picture


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_is_one_fused_input_in_its_order(kind, png):
    picture = PILImage.new("L", (1, 1))
    parts = parse(kind(["a", picture, png, Text("b"), Image(b"x")]))
    assert [type(part) for part in parts] == [Text, Image, Image, Text, Image]
    assert parts[0].text == "a"
    assert [part.source for part in parts if isinstance(part, Image)] == [picture, png, b"x"]


@pytest.mark.parametrize(
    "source", ["a.jpg", Path("a.jpg"), b"x", bytearray(b"x"), memoryview(b"x"), np.zeros((2, 2), np.uint8)], ids=type
)
def test_an_image_wraps_each_kind_of_source(source):
    (part,) = parse(Image(source))
    assert part.source is source


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "input 3 is None, which is not an input; pass a str (text), a pathlib.Path (a file)"),
        (3, "of the type int, which is not an input; pass a str"),
        (2.5, "of the type float"),
        (True, "of the type bool"),
        ({"a", "b"}, "of the type set"),
        ((x for x in "ab"), "of the type generator"),
        (b"bytes", "of the type bytes, which could be anything; wrap it to say what: jina_omni.Image(data)"),
        (bytearray(b"bytes"), "jina_omni.Image(data)"),
        (memoryview(b"bytes"), "jina_omni.Image(data)"),
        (
            np.zeros((2, 2, 3), np.uint8),
            "an array, which could be anything; wrap it to say what: jina_omni.Image(",
        ),
        (np.array(["a", "b"]), "for several texts pass array.tolist()"),
        (np.array(["a", None]), "for several texts pass array.tolist()"),
        (np.float32(3), "of the type float32"),
        ([], "input 3 is an empty list"),
        ((), "input 3 is an empty tuple"),
        (["a", ["b"]], "input 3, part 1 is a list inside a list; a fused input is one flat list"),
        ([("a",)], "input 3, part 0 is a tuple inside a list"),
        (["a", None], "input 3, part 1 is None"),
        (["a", b"b"], "input 3, part 1 is of the type bytes, which could be anything"),
        ("", "input 3 is an empty text"),
        (Text(""), "input 3 is an empty text"),
        (["a", ""], "input 3, part 1 is an empty text"),
        (Text(b"cat"), "input 3 is a Text whose text is of the type bytes"),
        (Image(3), "input 3 is an Image whose source is of the type int; jina_omni.Image takes a path, bytes"),
        (Image(None), "input 3 is an Image whose source is None"),
        (Image([[1, 2]]), "jina_omni.Image takes a path"),
        (Image, "of the type type"),
    ],
)
def test_what_is_no_input_is_named_with_the_way_out(value, words):
    with pytest.raises(InputError) as caught, located(input=3):
        parse(value)
    assert words in str(caught.value)
    assert caught.value.index == 3


@pytest.mark.parametrize(
    ("text", "position", "code"), [("\ud800", 0, "D800"), ("cat \udcff!", 4, "DCFF"), ("🐈🐈\udfff", 2, "DFFF")]
)
def test_a_lone_surrogate_is_named_with_its_place(text, position, code):
    words = rf"^input 3, part 1 has a lone surrogate, U\+{code}, at position {position} "
    with pytest.raises(InputError, match=words), located(input=3):
        parse(["fine", text])
    with pytest.raises(InputError, match="lone surrogate"):
        parse(Text(text))


@given(st.text(min_size=1))
def test_all_unicode_is_text(text):
    assert parse(text) == [Text(text)]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04", "a file of the type application/zip, which is neither an image, a sound, a video nor a PDF"),
        (b"GGUF\x03\0\0\0", "application/gguf"),
        ("Ein Text, schön".encode(), "pass its contents as a str: path.read_text()"),
        (b"\x01\x02\x03\x80\x00", "a file of an unknown type, which is neither"),
    ],
)
def test_a_file_of_another_kind_is_named(head, words, tmp_path):
    path = tmp_path / "photo.jpg"  # a name says nothing
    path.write_bytes(head)
    with pytest.raises(UnsupportedMediaError) as caught, located(input=3):
        parse(path)
    assert str(caught.value).startswith("input 3 is a file of ")
    assert words in str(caught.value)


def test_a_text_cut_inside_a_character_is_still_text(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("x" + "ö" * 5000, encoding="utf-8")
    with pytest.raises(UnsupportedMediaError, match="text/plain"):
        parse(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing = tmp_path / "missing.jpg"
    words = r"^input 3, part 1 can't be read: .*missing\.jpg.*; check the path$"
    with pytest.raises(InputError, match=words) as caught, located(input=3):
        parse(["a", missing])
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(InputError, match="not a regular file"):
        parse(tmp_path)
    with pytest.raises(InputError, match="can't be read"):
        parse(Path("a\0b"))
    empty = tmp_path / "empty.jpg"
    empty.touch()
    with pytest.raises(DecodeError, match="is an empty file"):
        parse(empty)


def test_wrappers_are_frozen_small_and_without_further_attributes():
    for wrapper, field in ((Text("a"), "text"), (Image(b"a"), "source")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(wrapper, field, "b")
        assert not hasattr(wrapper, "__dict__")


def test_texts_compare_by_value_and_images_by_identity():
    pixels = np.zeros((2, 2), np.uint8)
    assert Text("a") == Text("a")
    assert len({Text("a"), Text("a")}) == 1
    assert Image(pixels) != Image(pixels)
    assert len({Image(pixels), Image(pixels)}) == 2


def test_wrappers_pickle_and_copy():
    assert pickle.loads(pickle.dumps(Text("a"))) == Text("a")
    back = pickle.loads(pickle.dumps(Image(b"abc", orientation="upright", background=(1, 2, 3))))
    assert (back.source, back.orientation, back.background) == (b"abc", "upright", (1, 2, 3))
    assert copy.deepcopy(Image("a.jpg")).source == "a.jpg"


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        (Image("a.jpg"), "Image('a.jpg')"),
        (Image("a.jpg", orientation="upright"), "Image('a.jpg', orientation='upright')"),
        (Image(bytes(5000)), "Image(<5,000 bytes>)"),
        (Image(np.zeros((2, 3), np.uint8)), "Image(<array (2, 3)>)"),
    ],
)
def test_an_image_shows_itself_in_short(image, shown):
    assert repr(image) == shown


def test_orientation_is_by_name_only():
    with pytest.raises(TypeError):
        Image("a.jpg", True)  # noqa: FBT003


def test_the_examples_run():
    for module in (inputs, parsing, image_module):
        assert doctest.testmod(module).failed == 0


def test_inputs_are_the_same_where_all_that_makes_their_vector_is():
    frames = np.zeros((4000, 32, 32, 3), np.uint8)
    times = np.arange(2000.0)
    same = [
        [Text("a"), Text("a")],
        [Image("a.png"), Image(Path("a.png"))],
        [Image(b"bytes"), Image(bytes(bytearray(b"bytes")))],
        [Video(frames, timestamps=times), Video(frames, timestamps=times)],
    ]
    other = [
        [Text("a"), Text("b")],
        [Image("a.png"), Text("a.png"), Pdf("a.png")],
        [Image("a.png"), Image("a.png", orientation="upright")],
        [Video("a.mp4", fps=1), Video("a.mp4", fps=2)],
        [Video(frames), Video(frames.copy())],
        [Video(frames, timestamps=times), Video(frames, timestamps=np.where(times == 1000, 1000.5, times))],
    ]
    for parts in same:
        assert len({parsing.find_identity([part]) for part in parts}) == 1, parts
    for parts in other:
        assert len({parsing.find_identity([part]) for part in parts}) == len(parts), parts
