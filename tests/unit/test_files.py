# SPDX-License-Identifier: Apache-2.0
"""Every listed type, written by a real encoder, is detected by its bytes."""

import doctest
import io
import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jina_omni import Audio, Image, Pdf, Video
from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import decoders as decoders_module
from jina_omni.media import file_types as file_types_module
from jina_omni.media import files as files_module
from jina_omni.media.decoders import as_decode_error
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.files import read_media_type
from jina_omni.parsing import parse_input
from testing.media_files import SVG, media_file

# Ending, its media type, and the wrapper that a path of it gets.
TYPES = {
    "jpg": ("image/jpeg", Image),
    "jpeg": ("image/jpeg", Image),
    "png": ("image/png", Image),
    "gif": ("image/gif", Image),
    "webp": ("image/webp", Image),
    "bmp": ("image/bmp", Image),
    "tif": ("image/tiff", Image),
    "tiff": ("image/tiff", Image),
    "avif": ("image/avif", Image),
    "heic": ("image/heic", Image),
    "svg": ("image/svg+xml", Image),
    "mp4": ("video/mp4", Video),
    "avi": ("video/x-msvideo", Video),
    "mov": ("video/quicktime", Video),
    "mkv": ("video/matroska", Video),
    "webm": ("video/webm", Video),
    "flv": ("video/x-flv", Video),
    "wmv": ("video/x-ms-asf", Video),
    "ogv": ("video/ogg", Video),
    "mpg": ("video/mpeg", Video),
    "ts": ("video/mp2t", Video),
    "m2v": ("video/mpv", Video),
    "wav": ("audio/wav", Audio),
    "rf64": ("audio/wav", Audio),
    "mp3": ("audio/mpeg", Audio),
    "flac": ("audio/flac", Audio),
    "ogg": ("audio/ogg", Audio),
    "opus": ("audio/ogg", Audio),
    "m4a": ("audio/mp4", Audio),
    "aac": ("audio/aac", Audio),
    "pdf": ("application/pdf", Pdf),
}


@pytest.mark.parametrize("ending", TYPES)
def test_every_listed_type_is_detected_by_its_bytes(ending):
    assert detect_media_type(media_file(ending)) == TYPES[ending][0]


@pytest.mark.parametrize("ending", TYPES)
def test_a_path_gets_the_wrapper_of_its_bytes(ending, tmp_path):
    path = tmp_path / ("photo.jpg" if ending != "jpg" else "song.mp3")  # a name says nothing
    path.write_bytes(media_file(ending))
    (item,) = parse_input(path)
    assert type(item.part) is TYPES[ending][1]
    assert item.part.source == path


@pytest.mark.parametrize("ending", TYPES)
def test_a_head_cut_or_changed_is_never_an_error(ending):
    rng = random.Random(0)
    data = media_file(ending)[:2000]
    for _ in range(40):
        content = bytearray(data[: rng.randint(1, len(data))])
        content[rng.randrange(min(len(content), 40))] = rng.randrange(256)
        assert isinstance(detect_media_type(bytes(content)), str)


def box(name, body=b""):
    return (8 + len(body)).to_bytes(4, "big") + name + body


def ogg_page(packet, *, first=True):
    """Write a page with one packet (RFC 3533, 6)."""
    return b"OggS\0" + bytes([2 * first]) + bytes(20) + bytes([1, len(packet)]) + packet


@pytest.mark.parametrize(
    "head",
    [
        box(b"moov", bytes(99)),
        box(b"wide") + b"\x40\0\0\0mdat" + b"\xff\x12\x80" * 9,
        b"\x40\0\0\0mdat" + b"\xff\x12\x80" * 9,  # a gigabyte
        b"\0\0\0\1mdat" + (1 << 33).to_bytes(8, "big"),
        box(b"free", bytes(20)) + box(b"moov"),
        box(b"skip"),
        box(b"pnot", bytes(12)),
    ],
)
def test_a_quicktime_film_without_a_brand(head):
    assert detect_media_type(head) == "video/quicktime"


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xfb\x90\x00", "audio/mpeg"),  # MPEG 1 layer III
        (b"\xff\xf3\x48\xc4", "audio/mpeg"),  # MPEG 2 layer III
        (b"\xff\xe3\x18\xc4", "audio/mpeg"),  # MPEG 2.5 layer III
        (bytes(1000) + b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"ID3\x04\0\0\0", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"\xff\xf9\x50\x80", "audio/aac"),
        (b"BW64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        (b"\xff\xfb\xf0\x00", ""),  # bit rate 15 is reserved
        (b"\xff\xfb\x9c\x00", ""),  # and so is this sampling rate
        (b"\xff\xeb\x90\x00", ""),  # and this version
        (b"\xff\xfb", ""),
        (bytes(1000), ""),
        (b"RIFF\0\0\0\0ACON", ""),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"\0\0\0\x14ftypM4B \0\0\0\0isom", "audio/mp4"),
        (b"\0\0\0\x14ftypisom\0\0\0\0isom", "video/mp4"),
        (b"\n\n%PDF-1.4\n", "application/pdf"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (b"\0\0\1\xba\x44\0", "video/mpeg"),
        (b"\0\0\1\xb3\x0a\0", "video/mpv"),
        (b"\0\0\1\xb0\x01\0\0\1\xb5", "video/mp4v-es"),
        (b"\0\0\1\0\0\0\1\x20", "video/mp4v-es"),
        (b"\0\0\1\0\1\0\x10\x10", "image/x-icon"),
        (b"\0\0\0\1\x67\x64\0\x0b", "video/h264"),
        (b"\0\0\1\x09\x10\0\0\1", "video/h264"),
        (b"\0\0\0\1\x40\1\x0c", "video/h265"),
        ((b"G" + bytes(187)) * 5, "video/mp2t"),
        (bytes(77) + (b"G" + bytes(187)) * 5, "video/mp2t"),
        ((bytes(4) + b"G" + bytes(187)) * 5, "video/mp2t"),
        ((b"G" + bytes(203)) * 5, "video/mp2t"),
        ((b"G" + bytes(187)) * 4, ""),
        (ogg_page(b"\x80theora\3\2\1"), "video/ogg"),
        (ogg_page(b"fishead\0") + ogg_page(b"\x01vorbis") + ogg_page(b"\x80theora\3\2\1"), "video/ogg"),
        (ogg_page(b"\x01vorbis") + ogg_page(b"OVP80\1\1\0"), "video/ogg"),
        (ogg_page(b"\x01vorbis") + ogg_page(b"\x03vorbis", first=False) + ogg_page(b"\x80theora"), "audio/ogg"),
        (ogg_page(b"OpusHead"), "audio/ogg"),
        (b".snd\0\0\0\x18\0\0\x10\0\0\0\0\x03", "audio/basic"),
        (b"dns.\x18\0\0\0\0\x10\0\0\x03\0\0\0", "audio/basic"),
        (b"IIRO\x08\0\0\0", "image/x-olympus-orf"),
        (b"IIRS\x08\0\0\0", "image/x-olympus-orf"),
        (b"MMOR\0\0\0\x08", "image/x-olympus-orf"),
        (b"P1 2 1\n01", "image/x-portable-anymap"),
        (b"P2\n# by a program\n2 1 # columns, rows\n15\n0 15\n", "image/x-portable-anymap"),
        (b"P3 1 1 255 1 2 3", "image/x-portable-anymap"),
        (b"P4\r\n8 1\n\xff", "image/x-portable-anymap"),
        (b"P5\t2 1\r#a\r255\n\0\xff", "image/x-portable-anymap"),
        (b"P6\n640 480\n65535\n\0\xff", "image/x-portable-anymap"),
        (ogg_page(b"\x80theora")[:30], "audio/ogg"),
        (b"OggS\0", "audio/ogg"),
    ],
)
def test_signatures_of_a_type(head, media_type):
    assert detect_media_type(head) == media_type


@pytest.mark.parametrize(
    "text",
    [
        "BMW is a make of cars",
        "I'm free, said the skip",
        "The mdat atom holds the media",
        "FORM 1040",
        "ID3 tags come first",
        "P5 is a processor",
        "P2 3 things to do",
        "P6 640 480 pixels",
        "P1 10 20 tasks",
        "P4 10 20",
        "P5 " + "1" * 16_000,  # and is detected at once
        "P5 " + "# comment\n" * 2000,
        "P5 1" + " " * 16_000,
        "dns.google\n8.8.8.8\n",
        ".snd files are sounds of NeXT",
        "IIRO is an abbreviation",
        "MMORPG games are played online",
        "OggS",
        "GGGG\n" * 300,
        ("G" + "a" * 187) * 5,
        "<p>An <svg> element in prose</p>",
        "# How to write <svg/>",
        "<?xml version='1.0'?><html><svg/></html>",
        "<!-- <svg> -->",
        "<!-- <svg> --><html/>",
        "<svgfoo/>",
        "<?a?>" * 3000 + "<g/>",  # and is detected at once
        "<!---->" * 2000,
    ],
    ids=lambda text: text[:20],
)
def test_a_text_is_a_text(text):
    assert detect_media_type(text.encode()) == "text/plain"


@pytest.mark.parametrize(
    "text",
    [
        SVG,
        "\n  " + SVG,
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + SVG,
        "<!-- made by <a program>\n -->\n" + SVG,
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">' + SVG,
        '<?xml version="1.0"?><!-- a --><!DOCTYPE svg [<!ENTITY ns "http://x"><!-- ] -->]  >\n<!-- b -->' + SVG,
        "<?xml-stylesheet href='a.css'?>" + SVG,
        '<s:svg xmlns:s="http://www.w3.org/2000/svg"/>',
        "<svg\n>",
        "<!--" + "licence " * 800 + "-->" + SVG,
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_an_svg_is_detected_by_its_root(text, encoding):
    assert read_media_type(io.BytesIO(text.encode(encoding))) == "image/svg+xml"


def test_utf_16_without_an_svg_is_a_text():
    assert detect_media_type("hello".encode("utf-16")) == "text/plain"


@given(st.binary(max_size=64))
@example(b"")
@example(b"RIFF")
@example(b"\0\0\0\0ftyp")
@example(b"\xff\xff\xff\xffftyp")
@example(b"P1")
@example(b"\xff")
@example(b"\xff\xfe<")
def test_detection_takes_any_bytes(head):
    assert isinstance(detect_media_type(head), str)


def test_a_file_is_at_its_start_again():
    file = io.BytesIO(b"GIF89a and more")
    assert read_media_type(file) == "image/gif"
    assert file.tell() == 0
    with pytest.raises(DecodeError, match=r"^input 3 is an empty file$"), located(input=3):
        read_media_type(io.BytesIO())


def test_our_errors_pass_a_decoder_and_others_are_named():
    with (
        pytest.raises(UnsupportedMediaError, match=r"^input 3 ours$"),
        located(input=3),
        as_decode_error("a thing"),
    ):
        raise UnsupportedMediaError("ours")
    with (
        pytest.raises(DecodeError, match=r"^input 3 can't be decoded as a thing \(OSError: odd\); it is") as caught,
        located(input=3),
        as_decode_error("a thing"),
    ):
        raise OSError("odd")
    assert isinstance(caught.value.__context__, OSError)
    with pytest.raises(KeyboardInterrupt), located(input=3), as_decode_error("a thing"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["missing.pdf", "https://example.org/a.pdf"])
def test_a_file_that_is_not_there_is_named(name):
    with pytest.raises(InputError, match=r"^input 3 \('.*\.pdf'\) can't be read"), located(input=3):
        parse_input(Path(name))


def test_the_examples_run():
    modules = (files_module, file_types_module, decoders_module)
    assert all(doctest.testmod(module).failed == 0 for module in modules)
