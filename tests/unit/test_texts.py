# SPDX-License-Identifier: Apache-2.0
"""Encodings of texts: which are read, and what is said of the others."""

import doctest

import pytest

from jina_omni.errors import DecodeError, located
from jina_omni.media import texts as texts_module
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.texts import decode_text, find_encoding

TEXTS = {
    "english": "The quick brown fox\r\n\tjumps over the lazy dog.\n",
    "french": "Un cercle rouge, déjà vu à l'été",
    "russian": "Красный круг и синий квадрат, которые уже были",
    "chinese": "红色的圆圈,蓝色的方块。\n",
}
MARKED = ("utf-8-sig", "utf-16", "utf-32")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_a_text_is_read_by_its_byte_order_mark(name, encoding):
    data = TEXTS[name].encode(encoding)
    assert find_encoding(data) == encoding
    assert decode_text(data) == TEXTS[name]
    assert detect_media_type(data) == "text/plain"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_both_orders_of_bytes_have_a_mark(encoding):
    assert decode_text(("\ufeff" + TEXTS["russian"]).encode(encoding)) == TEXTS["russian"]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_a_head_may_end_within_a_character(size, encoding):
    data = TEXTS["chinese"].encode(encoding)
    assert find_encoding(data[:-size]) == encoding
    assert TEXTS["chinese"].startswith(decode_text(data[:-size], is_whole=False))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("french", "latin-1"), ("french", "cp1252"), ("russian", "cp1251"), ("russian", "koi8-r"), ("chinese", "gbk")],
)
def test_a_text_of_another_encoding_of_8_bits_says_how_to_convert_it(name, encoding):
    data = TEXTS[name].encode(encoding)
    assert detect_media_type(data) == "text/plain"
    with (
        pytest.raises(DecodeError, match=r"^input 2 is a text that is not UTF-8 at byte \d+; .* iconv"),
        located(input=2),
    ):
        decode_text(data)


@pytest.mark.parametrize(("encoding", "name"), [("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE")])
def test_utf_16_without_a_mark_says_how_to_convert_it(encoding, name):
    data = TEXTS["french"].encode(encoding)
    assert detect_media_type(data) == "text/plain"
    with pytest.raises(DecodeError, match=rf"UTF-16 without a byte order mark; .*iconv -f {name} -t UTF-8"):
        decode_text(data)


@pytest.mark.parametrize("data", ["déjà".encode("utf-16")[:-1], "déjà".encode("utf-16") + b"\x00\xdc"])
def test_damaged_utf_16_says_where(data):
    with pytest.raises(DecodeError, match="is a text that is not UTF-16 at byte"):
        decode_text(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfb",
        b"\xff\xfe\x01\x00\x02\x00",
        b"\xff\xfeab\x00\x00",
        bytes(range(256)) * 8,
        b"\0" * 100,
        b"\x89abc\x01",
        "déjà vu".encode("latin-1") + b"\x07\x01",
        b"a\0b\0\0\0",
    ],
    ids=repr,
)
def test_what_is_not_a_text(data):
    assert find_encoding(data) == ""


def test_the_examples_run():
    assert doctest.testmod(texts_module).failed == 0
