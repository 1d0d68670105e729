# SPDX-License-Identifier: Apache-2.0
import base64
import concurrent.futures
import contextlib
import gzip
import io
import os
import random
import struct
import subprocess
import sys
import textwrap
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image as PILImage

import jina_omni
from jina_omni.errors import Cancelled, DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import sandbox
from jina_omni.media import svg as svg_module
from jina_omni.media.image import Image, decode, find_grid, measure, read_patches
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.picture_options import PictureOptions, read_background
from jina_omni.media.svg import to_png
from tests.processes import children

TINY = VisionGeometry(patch_size=4, merge_size=2, min_pixels=256, max_pixels=1024)
RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 0), (255, 255, 255)
RECTANGLE = '<rect width="50%" height="100%" fill="red"/>'


def svg(attributes='width="40" height="20"', body=RECTANGLE, before=""):
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {space} {attributes}>{body}</svg>"


def drawn(text):
    with located(input=3):
        return decode(Image(text.encode()))


def half_red(width, height, background=WHITE):
    picture = PILImage.new("RGB", (width, height), background)
    picture.paste(RED, (0, 0, width // 2, height))
    return picture


def png(colour):
    file = io.BytesIO()
    PILImage.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


def data_url(data, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def picture_of(reference, attribute="href"):
    return svg('width="8" height="8"', f'<image width="8" height="8" {attribute}="{reference}"/>')


# ---- drawing ----


def test_what_is_drawn_is_seen_and_what_is_transparent_is_white():
    assert drawn(svg()).tobytes() == half_red(40, 20).tobytes()


@pytest.mark.parametrize(("languages", "is_shown"), [("en", True), ("de, en-GB", True), ("de", False)])
def test_what_is_for_a_language_is_shown_where_it_is_english(languages, is_shown):
    """As where a browser speaks English, and in a ``switch`` as its first child that may be shown."""
    alone = f'<g systemLanguage="{languages}">{RECTANGLE}</g>'
    other = '<rect width="100%" height="100%" fill="white"/>'
    for body in (alone, f"<switch>{alone}{other}</switch>"):
        expected = half_red(40, 20) if is_shown else PILImage.new("RGB", (40, 20), WHITE)
        assert drawn(svg(body=body)).tobytes() == expected.tobytes()


def test_what_is_half_transparent_is_mixed_with_white():
    body = '<rect width="40" height="20" fill="#64c832" fill-opacity="0.5"/>'
    (found,) = {tuple(pixel) for pixel in np.asarray(drawn(svg(body=body))).reshape(-1, 3)}
    assert np.abs(np.array(found) - (np.array((0x64, 0xC8, 0x32)) + 255) / 2).max() <= 1


@pytest.mark.parametrize("background", ["black", "#0040ff", (1, 2, 3)])
def test_the_background_is_chosen(background):
    colour = read_background(background)
    image = Image(svg().encode(), background=background)
    assert decode(image).tobytes() == half_red(40, 20, colour).tobytes()
    options = PictureOptions(background=colour)
    assert decode(Image(svg().encode()), options=options).tobytes() == half_red(40, 20, colour).tobytes()
    assert decode(Image(svg().encode(), background="white"), options=options).tobytes() == half_red(40, 20).tobytes()


def test_a_drawing_that_is_kept_has_its_background(starts):
    with jina_omni.demo_model(modality="vision", device="cpu", background="#0040ff") as model:
        found = model.encode([Image(svg().encode()), Image(svg().encode(), background="white")])
        assert len(starts) == 2
        expected = model.encode([half_red(40, 20, (0, 0x40, 0xFF)), half_red(40, 20)])
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="40" height="20"', (40, 20)),
        ('width="40px" height="20px" viewBox="0 0 1 1" preserveAspectRatio="none"', (40, 20)),
        ('viewBox="0 0 40 20"', (40, 20)),
        ('viewBox="10,10,40,20"', (40, 20)),
        ('width="80" viewBox="0 0 40 20"', (80, 40)),
        ('width="100%" height="100%" viewBox="0 0 40 20"', (40, 20)),
        ('width="1in" height="0.5in"', (96, 48)),
        ('width="72pt" height="3pc"', (96, 48)),
        ('width="25.4mm" height="1.27cm"', (96, 48)),
        ('width="2em" height="2ex"', (32, 16)),
        ('width="29.6" height="19.5"', (30, 20)),
        ('width="0.2" height="1"', (1, 1)),
    ],
)
def test_its_own_size_is_kept(attributes, size):
    image = Image(svg(attributes).encode())
    assert decode(image).size == size
    assert find_grid(image, TINY) == read_patches(image, TINY)[1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "windows-1252"])
def test_a_document_is_read_in_its_encoding(encoding):
    declared = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding in ("latin-1", "windows-1252") else ""
    text = svg(before=declared, body=f"<defs><g id='käse'>{RECTANGLE}</g></defs><use href='#käse'/>")
    assert decode(Image(text.encode(encoding))).tobytes() == half_red(40, 20).tobytes()


def test_entities_as_drawing_programs_write_them():
    before = '<!DOCTYPE svg [<!ENTITY ns_svg "http://www.w3.org/2000/svg"><!ENTITY colour "red">]>'
    text = before + f'<svg xmlns="&ns_svg;" width="40" height="20">{RECTANGLE.replace("red", "&colour;")}</svg>'
    assert drawn(text).tobytes() == half_red(40, 20).tobytes()


@pytest.mark.parametrize("attribute", ["href", "xlink:href"])
def test_an_embedded_picture_is_drawn(attribute):
    assert drawn(picture_of(data_url(png(GREEN)), attribute)).getcolors() == [(64, GREEN)]
    inner = svg('width="8" height="8"', '<rect width="8" height="8" fill="red"/>').encode()
    assert drawn(picture_of(data_url(inner, "image/svg+xml"), attribute)).getcolors() == [(64, RED)]


def test_a_path_is_read(tmp_path):
    path = tmp_path / "picture.txt"
    path.write_text(svg(), encoding="utf-8")
    assert decode(Image(path)).tobytes() == half_red(40, 20).tobytes()


def test_threads_draw_at_the_same_time():
    expected = half_red(40, 20).tobytes()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: drawn(svg()).tobytes() == expected, range(16)))


# ---- drawn once ----


class Seeing:
    """The towers of a model with a vision tower."""

    pictures = PictureOptions()

    def require_vision(self, _what):
        return TINY


def measured(data):
    """Return the medium of a drawing, as a call that plans its batches measures it."""
    (medium,) = measure(Image(data), Seeing(), truncate=False)
    return medium


NEVER = threading.Event()
DATA = svg('width="40" height="20" viewBox="0 0 400 200"', '<circle cx="200" cy="100" r="90" fill="#abc"/>').encode()


def test_a_drawing_is_drawn_once_to_be_measured_and_decoded(starts):
    medium = measured(DATA)
    assert [len(png) for png in svg_module._KEPT.values()] == [len(to_png(DATA))]
    starts.clear()
    decoded = medium.decode(NEVER)
    assert len(starts) == 0
    assert len(svg_module._KEPT) == 0
    expected, grid = read_patches(Image(DATA), TINY)
    assert np.array_equal(decoded.values, expected)
    assert decoded.shape == grid
    assert decoded.layout == medium.layout
    assert np.array_equal(medium.decode(NEVER).values, expected)  # drawn again, if anyone should ask


def test_a_model_draws_each_drawing_once(starts):
    drawings = [svg(f'width="40" height="20" id="{i}"').encode() for i in range(3)]
    with jina_omni.demo_model(modality="vision", device="cpu") as model:
        vectors = model.encode([Image(data) for data in drawings])
        assert len(starts) == 3
        assert np.array_equal(vectors, model.encode([half_red(40, 20)] * 3))


def test_drawings_are_kept_while_there_is_room(starts, monkeypatch):
    size = len(to_png(DATA))
    monkeypatch.setattr(svg_module, "MAX_KEPT_DRAWINGS", 2 * size)
    media = [measured(DATA) for _ in range(4)]
    assert [len(png) for png in svg_module._KEPT.values()] == [size] * 2
    starts.clear()
    values = [medium.decode(NEVER).values for medium in media]
    assert len(starts) == 2
    assert all(np.array_equal(one, values[0]) for one in values)
    measured(DATA)
    assert len(svg_module._KEPT) == 0  # nobody decodes it
    assert len(starts) == 3


def test_threads_keep_their_drawings(starts):
    pixels = [read_patches(Image(svg(f'width="{width}" height="20"').encode()), TINY)[0] for width in range(20, 28)]
    starts.clear()

    def work(i):
        medium = measured(svg(f'width="{20 + i % 8}" height="20"').encode())
        return np.array_equal(medium.decode(NEVER).values, pixels[i % 8])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(32)))
    assert len(starts) == 32
    assert len(svg_module._KEPT) == 0


def test_a_file_that_changes_after_it_was_measured_is_seen_as_it_was(tmp_path):
    path = tmp_path / "a.svg"
    path.write_bytes(DATA)
    expected, _ = read_patches(Image(path), TINY)
    (medium,) = measure(Image(path), Seeing(), truncate=False)
    path.write_text(svg())
    assert np.array_equal(medium.decode(NEVER).values, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_a_drawing_is_kept_can_keep_its_own():
    code = """
        import os, threading, time, warnings
        from jina_omni.media import svg
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about threads and fork
        begun = threading.Event()
        def keep():
            with svg._LOCK:
                begun.set()
                time.sleep(0.3)
        threading.Thread(target=keep).start()
        begun.wait()
        if os.fork() == 0:
            os._exit(0 if svg._LOCK.acquire(timeout=10) else 1)
        print(os.wait()[1])
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (output.stdout, output.stderr) == ("0\n", "")


# ---- other files ----


@pytest.mark.parametrize("attribute", ["href", "xlink:href"])
@pytest.mark.parametrize("form", ["{path}", "file://{path}", "../{path}", "#/../{path}", "http://127.0.0.1/a", "a.png"])
def test_a_reference_to_another_file_is_refused(attribute, form, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(png(GREEN))
    with pytest.raises(InputError, match=r"^input 3 is an SVG image that refers to another file, '.*', which is not"):
        drawn(picture_of(form.format(path=path), attribute))


@pytest.mark.parametrize(
    "document",
    [
        (
            '<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns="x" width="8" height="8"><s:image width="8" height="8" '
            'href="{path}"/></s:svg>'
        ),
        (
            '<!DOCTYPE svg [<!ENTITY e "{path}">]><svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><image '
            'width="8" height="8" href="&e;"/></svg>'
        ),
        (
            "<!DOCTYPE svg [<!ENTITY e \"<image width='8' height='8' href='{path}'/>\">]><svg "
            'xmlns="http://www.w3.org/2000/svg" width="8" height="8">&e;</svg>'
        ),
        (
            '<!DOCTYPE svg [<!ATTLIST image href CDATA "{path}">]><svg xmlns="http://www.w3.org/2000/svg" width="8" '
            'height="8"><image width="8" height="8"/></svg>'
        ),
        (
            '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">'
            '<filter id="f" x="0" y="0" width="1" height="1">'
            '<feImage href="{path}"/></filter><rect width="8" height="8" filter="url(#f)"/></svg>'
        ),
    ],
    ids=["prefix", "entity in a reference", "entity of an element", "default of an attribute", "filter"],
)
def test_a_hidden_reference_is_refused(document, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(png(GREEN))
    with pytest.raises(InputError, match="refers to another file"):
        drawn(document.format(path=path))


@pytest.mark.parametrize(
    "body",
    [
        '<image width="8" height="8" style="href:{path};xlink:href:{path}"/>',
        (
            "<style>image{{href:{path}}} rect{{fill:url({path})}} @import url({path});</style>"
            '<image width="8" height="8"/><rect width="8" height="8" fill-opacity="0"/>'
        ),
        '<use href="{svg}"/><use href="{svg}#a"/><use xlink:href="{svg}#a"/>',
        '<rect width="8" height="8" fill="url({svg}#a)"/>',
        '<image width="8" height="8" href="{nested}"/>',
        '<image width="8" height="8" href="{compressed}"/>',
    ],
    ids=["style", "sheet", "use", "fill", "nested", "nested and compressed"],
)
def test_no_other_way_leads_to_another_file(body, tmp_path):
    path, other = tmp_path / "secret.png", tmp_path / "secret.svg"
    path.write_bytes(png(GREEN))
    other.write_text(svg('width="8" height="8" id="a"', '<rect id="b" width="8" height="8" fill="lime"/>'))
    nested = picture_of(path).encode()
    text = body.format(
        path=path,
        svg=other,
        nested=data_url(nested, "image/svg+xml"),
        compressed=data_url(gzip.compress(nested), "image/svg+xml"),
    )
    # Nothing is drawn, or a shape whose unknown fill is black.
    assert drawn(svg('width="8" height="8"', text)).getcolors() in ([(64, WHITE)], [(64, BLACK)])


# ---- faults ----


def entities(*declarations):
    return f"<!DOCTYPE svg [{''.join(declarations)}]>"


def powers():
    steps = [f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9)]
    return svg(before=entities('<!ENTITY e0 "ha">', *steps), body="<text>&e9;</text>")


def one_long():
    return svg(before=entities(f'<!ENTITY e "{"a" * 10_000}">'), body=f"<desc>{'&e;' * 20_000}</desc>")


@pytest.mark.parametrize("text", [powers(), one_long()], ids=["powers", "one long"])
def test_an_entity_bomb_is_refused(text):
    with pytest.raises(InputError, match=r"^input 3 is an SVG image whose entities expand without bound; write them"):
        drawn(text)


@pytest.mark.parametrize(
    "attributes",
    [
        'width="100000" height="100000"',
        'width="1e9" height="1e9"',
        'width="1e999" height="5"',
        'width="2000in" height="10in"',
        'viewBox="0 0 100000 100000"',
        'width="100%" height="100%" viewBox="0 0 100000 100000"',
    ],
)
def test_a_huge_size_is_refused_before_anything_is_drawn(attributes, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(InputError, match=r"^input 3 is an SVG image of [\d,inf]+ x [\d,]+ pixels, over the limit of"):
        drawn(svg(attributes))


def bitmap_bomb():
    """Write a PNG of 3.6 gigapixels in a few kilobytes, whose data end early."""
    side = 60_000
    data = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(9_000_000)))):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data


BOMBS = {
    "pattern": svg(
        body='<pattern id="p" patternUnits="userSpaceOnUse" width="100000" height="100000"><rect width="9" height="9"/>'
        '</pattern><rect width="40" height="20" fill="url(#p)"/>'
    ),
    "depth": svg(body="<g>" * 100_000 + "</g>" * 100_000),
    "stack": svg(body="<g>" * 1000 + RECTANGLE + "</g>" * 1000),
    "layers": svg('width="8000" height="8000"', '<g opacity="0.5"><circle r="100000"/></g>'),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
@pytest.mark.parametrize("name", BOMBS)
def test_what_would_end_the_process_is_an_error(name):
    with pytest.raises(InputError, match=r"^input 3 ") as caught:
        drawn(BOMBS[name])
    if name in ("pattern", "layers"):  # how deep a renderer goes is its own affair
        assert "takes too much memory to draw (memory allocation of" in str(caught.value)
        assert str(caught.value).endswith("; simplify it, or render it to PNG")


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
def test_an_embedded_bitmap_bomb_gives_an_image_or_an_error():
    with contextlib.suppress(InputError):
        assert drawn(picture_of(data_url(bitmap_bomb()))).size == (8, 8)


def test_references_that_multiply_are_an_error():
    groups = "".join(f'<g id="g{i + 1}">{f"""<use href="#g{i}"/>""" * 10}</g>' for i in range(9))
    with pytest.raises(DecodeError, match="nodes limit reached"):
        drawn(svg(body=f'<defs><rect id="g0" width="1" height="1"/>{groups}</defs><use href="#g9"/>'))


def test_a_drawing_that_takes_too_long_is_an_error(monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_SECONDS", 0.5)
    monkeypatch.setattr(sandbox, "SANDBOX_CLOCK_FACTOR", 1000)  # so that a busy machine changes nothing
    blurs = '<feGaussianBlur stdDeviation="300"/>' * 200
    body = f'<filter id="f">{blurs}</filter><rect width="3000" height="3000" filter="url(#f)"/>'
    with pytest.raises(InputError, match=r"^input 3 is an SVG image that takes over 0.5 seconds to draw; simplify it"):
        drawn(svg('width="3000" height="3000"', body))


@pytest.mark.parametrize("is_measured", [False, True])
def test_a_caller_who_gives_up_does_not_wait_for_the_drawing(is_measured, tmp_path):
    blurs = '<feGaussianBlur stdDeviation="300"/>' * 200
    body = f'<filter id="f">{blurs}</filter><rect width="3000" height="3000" filter="url(#f)"/>'
    path, stop, moments = tmp_path / "a.svg", threading.Event(), []
    path.write_bytes(DATA)
    (medium,) = measure(Image(path), Seeing(), truncate=False)
    svg_module._KEPT.clear()
    path.write_text(svg('width="3000" height="3000"', body))

    def measure_it(stop):
        return measure(Image(path), Seeing(), truncate=False, stop=stop)

    def give_up():
        moments.append(time.monotonic())
        stop.set()

    timer = threading.Timer(0.5, give_up)
    timer.start()
    with pytest.raises(Cancelled):
        (medium.decode if is_measured else measure_it)(stop)
    assert time.monotonic() - moments[0] < 0.5  # 0.1 of them, and some for a busy machine
    assert children() == []


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (svg().encode()[:-9], DecodeError, "can't be decoded as an image (ExpatError: "),
        (svg('width="0" height="5"').encode(), DecodeError, "SVG has an invalid size"),
        (svg('width="-5" height="5"').encode(), DecodeError, "SVG has an invalid size"),
        (svg(body="&undeclared;").encode(), DecodeError, "undefined entity"),
        (svg(before='<?xml version="1.0" encoding="klingon"?>').encode(), DecodeError, "unknown encoding: klingon"),
        (svg(body="<desc>\xff</desc>").encode("latin-1"), DecodeError, "UnicodeDecodeError"),
        (gzip.compress(svg().encode()), UnsupportedMediaError, "application/gzip, which jina_omni.Image does not take"),
    ],
)
def test_what_is_not_a_whole_drawing_is_named(data, error, words):
    for function in (decode, lambda image: find_grid(image, TINY)):
        with pytest.raises(error) as caught, located(input=3):
            function(Image(data))
        assert str(caught.value).startswith("input 3 ")
        assert words in str(caught.value)


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(
        UnsupportedMediaError, match=r"^input 3 is an SVG image, which needs resvg-py: pip install 'jina-omni\[svg\]'$"
    ):
        drawn(svg())


@pytest.mark.parametrize(("name", "value"), [("frozen", True), ("executable", None), ("executable", "")])
def test_a_program_without_a_python_to_start_is_an_error(name, value, monkeypatch):
    monkeypatch.setattr(sys, name, value, raising=False)
    with pytest.raises(UnsupportedMediaError, match="this program has no Python to start; render it to PNG"):
        drawn(svg())


def test_a_damaged_drawing_gives_pixels_or_our_error():
    rng = random.Random(0)
    text = svg(
        'width="40" height="20" viewBox="0 0 40 20"',
        '<defs><linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient><clipPath id="c">'
        '<circle cx="9" cy="9" r="9"/></clipPath></defs><path d="M1 1L9 9C1 2 3 4 5 6Z" fill="url(#g)" '
        f'clip-path="url(#c)" transform="rotate(30) scale(2)"/><text>cat</text><image href="{data_url(png(RED))}"/>',
    ).encode()
    outcomes = set()
    for _ in range(60):
        content = bytearray(text)
        for _ in range(rng.randint(1, 3)):
            # Letters and digits, so that the parser lets some through.
            content[rng.randrange(90, len(content))] = rng.choice(b"0123456789eE.-abcgxyMLZ#\"'<>/ \x00\xff")
        if rng.random() < 0.1:
            del content[rng.randrange(1, len(content)) :]
        try:
            with located(input=3):
                patches, _ = read_patches(Image(bytes(content)), TINY)
            assert np.isfinite(patches).all()
            outcomes.add("pixels")
        except InputError as error:
            assert str(error).startswith("input 3")  # noqa: PT017
            outcomes.add("error")
    assert outcomes == {"pixels", "error"}
