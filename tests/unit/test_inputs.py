# SPDX-License-Identifier: Apache-2.0
import array
import copy
import dataclasses
import doctest
import gzip
import io
import math
import pickle
import tempfile
import zipfile
from collections import UserDict, deque
from pathlib import Path, PurePath
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from jina_omni import Audio, Image, Pdf, Text, Video, inputs, parsing
from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import image as image_module
from jina_omni.media.audio import read_samples


def parse(value):
    return [item.part for item in parsing.parse_input(value)]


def png_bytes():
    file = io.BytesIO()
    PILImage.new("RGB", (3, 2)).save(file, "PNG")
    return file.getvalue()


class Tensor:
    """Can do what tensors of torch can."""

    def __dlpack__(self): ...

    def __iter__(self):
        return iter([self])


class Stream:
    """Can be read asynchronously."""

    async def __aiter__(self):
        yield "a"


class Pending:
    """Can be awaited."""

    def __await__(self):
        yield


class Column:
    """Can do what columns of pandas, Polars and datasets can. Those of pandas have no truth value."""

    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        return self.values[key]

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("texts need no array")

    def __bool__(self):
        raise ValueError("the truth value is ambiguous")


class ArrowColumn(Column):
    """Iterates over scalars, as columns of Arrow do."""

    def __iter__(self):
        return map(object.__init__, self.values)

    def to_pylist(self):
        return list(self.values)


class Table(Column):
    """Iterates over the names of its columns, as those of pandas do."""

    columns = property(lambda self: self.values)


class Row(UserDict):
    """A mapping that is not a dict, as lazy rows of datasets are."""


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
        (3, "of the type int, which is not an input; pass a str: str(value), and samples as jina_omni.Audio("),
        (2.5, "of the type float"),
        (True, "of the type bool"),
        ({"a", "b"}, "of the type set, which has no order; pass a list: sorted(value)"),
        ((x for x in "ab"), "of the type generator, which holds several values; pass them as a list: [*value]"),
        ({1: "a"}.values(), "of the type dict_values, which holds several values; pass them as a list"),
        (math.nan, "input 3 is nan, which a column has where a value is missing; leave it out"),
        (
            Tensor(),
            "of the type Tensor, which could be anything; wrap its array to say what: jina_omni.Image(tensor.n",
        ),
        (Stream(), "of the type Stream, which is read asynchronously; pass it to encode_iter_async"),
        (Pending(), "which has no result yet; pass its result: await value"),
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
    assert str(caught.value).startswith(f"input 3 ({str(path)[-200:]!r}) is a file of ")
    assert words in str(caught.value)


def test_a_text_cut_inside_a_character_is_still_text(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("x" + "ö" * 5000, encoding="utf-8")
    with pytest.raises(UnsupportedMediaError, match="text/plain"):
        parse(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing = tmp_path / "missing.jpg"
    words = r"^input 3, part 1 \('.*missing\.jpg'\) can't be read: No such .*; check the path$"
    with pytest.raises(InputError, match=words) as caught, located(input=3):
        parse(["a", missing])
    assert isinstance(caught.value.__context__, FileNotFoundError)
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


# ---- several inputs ----


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b"],
        ("a", "b"),
        (x for x in "ab"),
        map(str, "ab"),
        {1: "a", 2: "b"}.values(),
        {"a": 1, "b": 2}.keys(),
        deque("ab"),
        Column(["a", "b"]),
        ArrowColumn(["a", "b"]),
        np.array(["a", "b"]),
        np.array(["a", "b"], object),
    ],
    ids=lambda values: type(values).__name__,
)
def test_what_holds_inputs_is_a_list_of_them(values):
    assert parsing.split_inputs(values) == (["a", "b"], False)


def test_a_request_may_hold_a_column():
    assert parsing.split_inputs({"input": Column(["a", "b"])}) == (["a", "b"], False)


@pytest.mark.parametrize(
    "value",
    [
        "ab",
        Text("ab"),
        b"ab",
        bytearray(b"ab"),
        memoryview(b"ab"),
        Path("ab"),
        {"a", "b"},
        frozenset("ab"),
        PILImage.new("L", (2, 2)),
        io.BytesIO(b"a\nb"),
        io.StringIO("a\nb"),
        np.zeros((2, 2), np.uint8),
        np.array([["a", "b"]]),
        np.array("a"),
        Tensor(),
        Stream(),
        Image,
        3,
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_does_not_hold_inputs_is_one(value):
    ((item,), single) = parsing.split_inputs(value)
    assert item is value
    assert single


def test_a_mapping_is_what_a_dict_is():
    assert parse(Row(text="a")) == [Text("a")]
    assert parsing.split_inputs(Row(input=["a", "b"])) == (["a", "b"], False)
    assert parsing.split_inputs(Row(text="a")) == ([{"text": "a"}], True)


def test_a_table_is_refused_with_its_columns_as_the_way_out():
    words = r"^input is of the type Table, a table; pass one of its columns: table\['text'\], or its rows as dicts$"
    with pytest.raises(InputError, match=words):
        parsing.split_inputs(Table(["text", "label"]))


def test_what_iterating_raises_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        parsing.split_inputs(1 // x for x in (1, 0))


# ---- open files ----


class Pipe:
    """Can be read once, and not go back, as the body of an HTTP response."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def read(self):
        return self._file.read()


class Upload:
    """Is read asynchronously, as an uploaded file of FastAPI."""

    async def read(self):
        return b""


@pytest.mark.parametrize("wrapper", [Image, Audio, Video, Pdf])
def test_an_open_file_is_read_at_once_from_its_start(wrapper, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(b"content")  # its position is the end
        file.seek(3)
        parts = [wrapper(file), wrapper(spooled), wrapper(io.BytesIO(b"content")), wrapper(Pipe(b"content"))]
        parts.append(wrapper(file))
    assert [part.source for part in parts] == [b"content"] * 5


def test_an_open_file_is_what_its_bytes_say(png):
    with png.open("rb") as file:
        (part,) = parse(file)
        assert isinstance(part, Image)
        assert part.source == png_bytes()
        assert [type(part) for part in parse([file, "a", io.BytesIO(b"%PDF-1.7")])] == [Image, Text, Pdf]
    with pytest.raises(UnsupportedMediaError, match="application/zip"):
        parse(io.BytesIO(b"PK\x03\x04"))


def test_an_open_file_that_cannot_be_read_is_named_with_the_way_out(tmp_path):
    closed = io.BytesIO(b"content")
    closed.close()
    path = tmp_path / "file"
    with path.open("wb") as writing, path.open(encoding="utf-8") as text:
        refusals = [
            (closed, r"is a file that can't be read: I/O operation on closed file.*; open it again"),
            (writing, r"is a file that can't be read: .*; open it again, or pass its path"),
            (text, r"is a file that is open for text; open it in binary mode, 'rb', or pass its text: file.read\(\)"),
            (Pipe.__new__(type("Lines", (), {"read": lambda _: "text"})), "is a file that is open for text"),
            (Upload(), r"of the type Upload, which is read asynchronously; pass its bytes: await file.read\(\)"),
            (type("Odd", (), {"read": lambda _: 3})(), r"of the type Odd, whose read\(\) returns of the type int"),
        ]
        for file, words in refusals:
            with pytest.raises(InputError, match=words):
                parse(file)
            with pytest.raises(InputError, match=words):
                Image(file)


@pytest.mark.parametrize("wrapper", [Image, Audio, Video, Pdf])
def test_an_open_file_of_an_archive_that_is_damaged_is_refused(wrapper):
    """Such a file has errors of its own."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("picture.png", png_bytes())
    content = bytearray(packed.getvalue())
    content[60] ^= 1
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("picture.png") as file:
        with pytest.raises(InputError, match=r"is a file that can't be read: Bad CRC-32 .*; open it again") as raised:
            wrapper(file)
        assert isinstance(raised.value.__cause__, zipfile.BadZipFile)
    for data, words in ((gzip.compress(png_bytes())[:-9], "Compressed file ended"), (b"\x1f\x8b\x08" * 9, "")):
        with gzip.open(io.BytesIO(data)) as file, pytest.raises(InputError, match=f"that can't be read: {words}"):
            wrapper(file)
    silent = type("Silent", (), {"read": lambda _: exec("raise EOFError")})()
    with pytest.raises(InputError, match="that can't be read: EOFError; open it again"):
        wrapper(silent)


# ---- samples and frames as other libraries have them ----


@pytest.mark.parametrize("kind", [list, tuple])
def test_numbers_are_samples(kind):
    (part,) = parse(Audio(kind([0.0, 0.5, -0.5]), sampling_rate=8_000))
    np.testing.assert_array_equal(part.source, [0.0, 0.5, -0.5])
    (part,) = parse(Audio(kind([np.float32(0.5), 1]), sampling_rate=8_000))
    np.testing.assert_array_equal(part.source, [0.5, 1])
    (part,) = parse(Audio(Column([0.5, 1]), sampling_rate=8_000))
    np.testing.assert_array_equal(part.source, [0.5, 1])
    (part,) = parse(Audio(array.array("f", [0.5, 1]), sampling_rate=8_000))
    np.testing.assert_array_equal(part.source, [0.5, 1])
    (part,) = parse(Audio(kind([[0.0, 0.5], [1.0, -1.0], np.zeros(2)]), sampling_rate=8_000))
    np.testing.assert_array_equal(part.source, [[0.0, 0.5], [1.0, -1.0], [0, 0]])


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float32])
def test_a_list_of_channels_keeps_their_type(dtype):
    """Samples of 16 bits are no larger ones because they come one channel by the other."""
    channels = np.array([[1, 50, 100], [7, 8, 9]], dtype)
    for source in (Audio([*channels], sampling_rate=8_000), Audio(((*channels,), 8_000))):
        (part,) = parse(source)
        assert part.source.dtype == dtype
        np.testing.assert_array_equal(part.source, channels)
        whole = Audio(channels, sampling_rate=8_000)
        np.testing.assert_array_equal(read_samples(part), read_samples(whole))
    (part,) = parse(Audio([*channels[:, :0]], sampling_rate=8_000))
    assert part.source.shape == (2, 0)


@pytest.mark.parametrize("samples", [np.array([0.0, 0.5]), np.array([1, 2], np.int16), [0.0, 0.5]], ids=str)
@pytest.mark.parametrize("rate", [8_000, np.int64(8_000)])
def test_samples_come_with_their_rate_in_either_order(samples, rate):
    for source in ((rate, samples), (samples, rate)):
        (part,) = parse(Audio(source))
        np.testing.assert_array_equal(part.source, samples)
        assert part.sampling_rate == 8_000


@pytest.mark.parametrize(
    "source",
    [["a"], [True], [[0.5], [0.5, 0.5]], [[[0.5]]], [0.5, None], [object()], (8_000, "a"), (True, np.zeros(2)), {}],
    ids=str,
)
def test_other_lists_are_no_samples(source):
    words = r"is an Audio whose source is of the type \w+; .* or samples: Audio\(array, sampling_rate=16_000\)"
    with pytest.raises(InputError, match=words):
        parse(Audio(source))


class SoundDecoder:
    """Can do what the decoder of torchcodec can, which datasets has in its rows."""

    def get_all_samples(self):
        return SimpleNamespace(data=np.array([[0.0, 0.5]], np.float32), sample_rate=8_000)

    def __getitem__(self, key):
        return {"array": np.array([0.0, 0.5]), "sampling_rate": 8_000}[key]


def test_a_decoder_of_a_sound_is_read():
    for value in (SoundDecoder(), Audio(SoundDecoder()), {"audio": SoundDecoder()}):
        (part,) = parse(value)
        np.testing.assert_array_equal(part.source, [[0.0, 0.5]])
        assert part.sampling_rate == 8_000
    assert parsing.split_inputs(Column([SoundDecoder(), "a"]))[1] is False


def test_a_decoder_of_a_sound_that_fails_is_damage():
    class Damaged(SoundDecoder):
        def get_all_samples(self):
            raise RuntimeError("Could not push packet to decoder")

    for make in (lambda: Audio(Damaged()), lambda: parse({"audio": Damaged()})):
        with pytest.raises(DecodeError, match=r"can't be decoded as a sound \(RuntimeError: Could not push"):
            make()


def test_a_pair_and_a_rate_are_one_rate_too_many():
    for source in ((8_000, np.zeros(9)), SoundDecoder()):
        with pytest.raises(InputError, match=r"source is of the type \w+; "):
            parse(Audio(source, sampling_rate=16_000))


def test_pictures_are_the_frames_of_a_video(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
    pictures = [PILImage.fromarray(frame) for frame in pixels]
    for i, picture in enumerate(pictures):
        picture.save(tmp_path / f"{i}.png")
    paths = sorted(tmp_path.iterdir())
    for frames in (
        pictures,
        tuple(pixels),
        paths,
        [str(path) for path in paths],
        [path.read_bytes() for path in paths],
        [io.BytesIO(path.read_bytes()) for path in paths],
        [Image(path) for path in paths],
        [pictures[0], pixels[1], paths[2]],
        [pictures[0].convert("RGBA"), *pictures[1:]],
    ):
        (part,) = parse(Video(frames, fps=2))
        np.testing.assert_array_equal(part.source, pixels)
        assert part.fps == 2


def test_pictures_that_are_no_video_are_named():
    with pytest.raises(InputError, match=r"^input has frames of 6 x 4 and 4 x 6 pixels; resize them to one size$"):
        Video([PILImage.new("RGB", (6, 4)), PILImage.new("RGB", (4, 6))])
    with pytest.raises(DecodeError, match=r"^frame 1 "):
        Video([PILImage.new("RGB", (3, 2)), png_bytes()[:30]])
    for frames in ([], [1], [None], {"a.png"}):
        with pytest.raises(InputError, match=r"jina_omni\.Video takes a path"):
            parse(Video(frames))
