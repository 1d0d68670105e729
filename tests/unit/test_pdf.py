# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import contextlib
import hashlib
import io
import itertools
import os
import pickle
import random
import struct
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import psutil
import pypdfium2
import pytest
from PIL import Image as PILImage

import jina_omni
from jina_omni.errors import Cancelled, DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import image as image_module
from jina_omni.media import open_pdfs, sandbox
from jina_omni.media.image import Image
from jina_omni.media.limits import MAX_OPEN_PDFS
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.pdf import Pdf, PdfPage, check, decode, find_grid, list_pages, read_patches
from jina_omni.media.sandbox import Sandbox
from testing.pdfs import INCH, document, forms_of_forms, layers, rectangle, stream, unpacking
from tests.processes import children

GEOMETRY = VisionGeometry()
TINY = VisionGeometry(patch_size=4, merge_size=2, min_pixels=256, max_pixels=1024)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def text(words):
    return b"BT /F 9 Tf 5 40 Td (%s) Tj ET" % words


def two_pages():
    return document(
        (INCH, rectangle(RED, 0, 36, 36, 36)),  # the origin is at the lower left
        (b"/MediaBox[0 0 144 72]", rectangle(BLUE, 0, 0, 144, 36)),
    )


def two_pictures():
    top_left, lower_half = np.full((150, 150, 3), 255, np.uint8), np.full((150, 300, 3), 255, np.uint8)
    top_left[:75, :75] = RED
    lower_half[75:] = BLUE
    return [top_left, lower_half]


def written_by_pillow(n_pages):
    rng = np.random.default_rng(0)
    pages = [PILImage.fromarray(rng.integers(0, 256, (90 + i, 70, 3), dtype=np.uint8)) for i in range(n_pages)]
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=100)
    return file.getvalue()


def as_the_reference(data, number):
    """Draw a page, without the fields of its form."""
    with contextlib.closing(pypdfium2.PdfDocument(data)) as pdf:
        return pdf[number].render(scale=150 / 72).to_pil().convert("RGB")


# ---- pages ----


def test_pages_are_pixels():
    pages = list_pages(Pdf(two_pages()))
    assert [(page.number, page.width, page.height) for page in pages] == [(0, 150, 150), (1, 300, 150)]
    for page, picture in zip(pages, two_pictures(), strict=True):
        pixels = decode(page)
        assert pixels.mode == "RGB"
        assert np.array_equal(pixels, picture)


@pytest.mark.parametrize("data", [two_pages(), written_by_pillow(2)], ids=["by hand", "by Pillow"])
def test_a_page_is_the_image_that_it_shows(data):
    for number, page in enumerate(list_pages(Pdf(data))):
        picture = as_the_reference(data, number)
        patches, grid = read_patches(page, GEOMETRY)
        expected, expected_grid = image_module.read_patches(Image(picture), GEOMETRY)
        assert grid == expected_grid == find_grid(page, GEOMETRY)
        assert np.array_equal(patches, expected)


def test_text_is_drawn_as_the_reference_draws_it():
    data = document((INCH, text(b"a cute cat")))
    (page,) = list_pages(Pdf(data))
    pixels = decode(page)
    assert pixels.tobytes() == as_the_reference(data, 0).tobytes()
    assert len(set(np.asarray(pixels).ravel())) > 10  # antialiased, so something was written


@pytest.mark.parametrize(
    ("rotation", "corner"), [(0, (0, 0)), (90, (75, 0)), (180, (75, 75)), (270, (0, 75)), (-90, (0, 75))]
)
def test_a_page_is_turned_as_it_says(rotation, corner):
    entries = b"/MediaBox[0 0 72 144]/Rotate %d" % rotation
    (page,) = list_pages(Pdf(document((entries, rectangle(RED, 0, 108, 36, 36)))))
    on_its_side = rotation % 180 != 0
    assert (page.width, page.height) == ((300, 150) if on_its_side else (150, 300))
    pixels = decode(page)
    x, y = corner
    x, y = x * (3 if on_its_side and x else 1), y * (1 if on_its_side else 3 if y else 1)
    assert pixels.size == (page.width, page.height)
    assert pixels.crop((x, y, x + 75, y + 75)).getcolors() == [(75 * 75, RED)]


def test_what_lies_outside_the_crop_box_is_not_shown():
    entries = INCH + b"/CropBox[36 36 60 72]"
    (page,) = list_pages(Pdf(document((entries, rectangle(RED, 0, 0, 72, 36) + rectangle(BLUE, 36, 36, 36, 36)))))
    assert (page.width, page.height) == (50, 75)
    assert decode(page).getcolors() == [(50 * 75, BLUE)]


@pytest.mark.parametrize("dpi", [10, 72, 96, 150, 199.9, np.float32(300)])
@pytest.mark.parametrize("box", ["0 0 595.276 841.89", "0 0 612 792", "-10.5 3 100 50.2", "100 50 0 0", "0 0 .1 .1"])
@pytest.mark.parametrize("rotation", [0, 90])
def test_the_size_of_a_page_is_known_before_it_is_drawn(box, rotation, dpi):
    data = document((b"/MediaBox[%s]/Rotate %d" % (box.encode(), rotation), b""))
    (page,) = list_pages(Pdf(data, dpi=dpi))
    assert decode(page).size == (page.width, page.height)


@pytest.mark.parametrize("box", ["0 0 1e30 1e30", "0 0 0 0", "0 0 nan inf", "5 5 5 5", "1", "", "(a) (b) (c) (d)"])
def test_a_page_without_a_sensible_size_is_us_letter(box):
    (page,) = list_pages(Pdf(document((b"/MediaBox[%s]" % box.encode(), b""))))  # PDFium's rule
    assert (page.width, page.height) == (1275, 1651) == decode(page).size


def test_resolution_is_as_asked():
    (page, _) = list_pages(Pdf(two_pages(), dpi=300))
    expected = two_pictures()[0].repeat(2, 0).repeat(2, 1)
    assert np.array_equal(decode(page), expected)


# ---- which pages ----


@pytest.mark.parametrize(
    "pages", [[2, 0], (1,), range(3), np.array([0, 2]), [1, 1], [np.int64(2)]], ids=lambda pages: type(pages).__name__
)
def test_pages_are_chosen_in_the_order_asked_for(pages):
    data = document(*((b"/MediaBox[0 0 %d 72]" % (72 * (i + 1)), b"") for i in range(3)))
    found = list_pages(Pdf(data, pages=pages, dpi=72))
    assert [page.number for page in found] == list(pages)
    assert [page.width for page in found] == [72 * (number + 1) for number in pages]


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([3], "input 3 has no page 3; it has 3 pages, counted from 0"),
        ([0, -1], "input 3 has no page -1; it has 3 pages"),
        ([10**30], "has no page 1000000000000000000000000000000"),
        ([], "no page chosen; it has 3, which pages=None takes all"),
        (1, "pages are 1; pass a sequence of page numbers, such as [0, 1]"),
        ("01", "pages are '01'; pass a sequence"),
        ([0.0], "pages are [0.0]; pass a sequence"),
        ([None], "pages are [None]; pass a sequence"),
    ],
)
def test_pages_that_are_not_there_are_named_with_the_count(pages, words):
    data = document((INCH, b""), (INCH, b""), (INCH, b""))
    with pytest.raises(InputError) as caught, located(input=3):
        list_pages(Pdf(data, pages=pages))
    assert str(caught.value).startswith("input 3 ")
    assert words in str(caught.value)
    assert not isinstance(caught.value, DecodeError)


@pytest.mark.parametrize("dpi", [0, -150, 9.9, 1201, float("nan"), float("inf"), "high", None, []], ids=str)
def test_a_resolution_out_of_range_is_named(dpi):
    with pytest.raises(InputError, match=r"^input 3 is a Pdf whose dpi is ") as caught, located(input=3):
        list_pages(Pdf(two_pages(), dpi=dpi))
    assert "150" in str(caught.value)


def test_split_gives_one_document_for_each_page():
    pdf = Pdf(two_pages(), dpi=72)
    parts = pdf.split()
    assert [(part.source, part.pages, part.dpi) for part in parts] == [(pdf.source, [0], 72), (pdf.source, [1], 72)]
    assert [list_pages(part) for part in parts] == [
        [PdfPage(part, page.number, page.width, page.height)] for part, page in zip(parts, list_pages(pdf), strict=True)
    ]
    assert [part.pages for part in Pdf(two_pages(), pages=[1, 0, 1]).split()] == [[1], [0], [1]]


def test_split_names_the_document(tmp_path):
    with pytest.raises(InputError, match=r"^Pdf\('.*missing.pdf'\) can't be read"):
        Pdf(str(tmp_path / "missing.pdf")).split()
    with pytest.raises(InputError, match=r"^Pdf\(<[\d,]+ bytes>, pages=\[7\]\) has no page 7"):
        Pdf(two_pages(), pages=[7]).split()


# ---- sources ----


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, "path", "str"])
def test_a_document_comes_from_every_source(wrap, tmp_path):
    data = two_pages()
    path = tmp_path / "photo.jpg"  # a name says nothing
    path.write_bytes(data)
    source = {"path": path, "str": str(path)}[wrap] if isinstance(wrap, str) else wrap(data)
    for page, picture in zip(list_pages(Pdf(source)), two_pictures(), strict=True):
        assert np.array_equal(decode(page), picture)


@pytest.mark.skipif(os.name != "posix", reason="standard streams are not inherited by number here")
@pytest.mark.parametrize("closed", [[0], [0, 1], [0, 1, 2]])
def test_a_path_is_read_where_standard_streams_are_closed(closed, tmp_path):
    """The file then has the number of a stream, which in the process that draws is a pipe."""
    code = """
        import os, sys
        from jina_omni.media.pdf import Pdf, decode, list_pages
        for number in map(int, sys.argv[2:]):
            os.close(number)
        try:
            pixels = decode(list_pages(Pdf(sys.argv[1]))[0]).tobytes()
        except Exception as error:
            pixels = str(error).encode()
        with open(sys.argv[1] + ".out", "wb") as file:
            file.write(pixels)
        os._exit(0)
    """
    (tmp_path / "a.pdf").write_bytes(two_pages())
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "a.pdf", *map(str, closed)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / "a.pdf.out").read_bytes() == as_the_reference(two_pages(), 0).tobytes()


def test_bytes_before_the_header_do_no_harm():
    data = b"From: somebody\r\n\r\n" + two_pages()
    assert np.array_equal(decode(list_pages(Pdf(data))[0]), two_pictures()[0])


def test_a_document_whose_table_of_objects_is_wrong_is_repaired():
    data = two_pages()
    start = data.rindex(b"startxref\n") + len(b"startxref\n")
    damaged = data[:start] + b"7\n%%EOF\n"
    assert np.array_equal(decode(list_pages(Pdf(damaged))[1]), two_pictures()[1])


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
def test_no_file_stays_open(tmp_path):
    whole, cut = tmp_path / "whole.pdf", tmp_path / "cut.pdf"
    whole.write_bytes(two_pages())
    cut.write_bytes(two_pages()[:300])
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for page in list_pages(Pdf(whole)):
        decode(page)
    for broken in (Pdf(cut), Pdf(whole, pages=[9])):
        with pytest.raises(InputError):
            list_pages(broken)
    assert not [file for file in open_files() if file.endswith(".pdf")]
    close_all()
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def open_files():
    return [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208


# ---- faults ----


def rc4(key, data):
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def encrypted(user_password):
    """Write a red page under the standard security handler of 40 bits (PDF 1.7, 7.6.3)."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner, permissions, identifier = bytes(range(32)), -4, b"0123456789abcdef"
    padded = (user_password + padding)[:32]
    key = hashlib.md5(padded + owner + struct.pack("<i", permissions) + identifier).digest()[:5]
    user = rc4(key, padding)
    content_number = 5
    content_key = hashlib.md5(key + struct.pack("<IH", content_number, 0)[:3] + b"\0\0").digest()[:10]
    trailer = b"/Encrypt<</Filter/Standard/V 1/R 2/P %d/O<%s>/U<%s>>>/ID[<%s><%s>]" % (
        permissions,
        owner.hex().encode(),
        user.hex().encode(),
        identifier.hex().encode(),
        identifier.hex().encode(),
    )
    return document((INCH, rc4(content_key, rectangle(RED, 0, 0, 72, 72))), trailer=trailer)


def test_a_password_opens_a_document():
    (page,) = list_pages(Pdf(encrypted(b"secret"), password="secret"))
    assert decode(page).getcolors() == [(150 * 150, RED)]
    assert [
        decode(part) for split in Pdf(encrypted(b"secret"), password="secret").split() for part in list_pages(split)
    ]
    close_all()


def test_a_password_that_is_not_needed_does_no_harm():
    for data in (encrypted(b""), two_pages()):
        assert decode(list_pages(Pdf(data, password="secret"))[0]).size == (150, 150)


def test_a_wrong_password_is_named():
    message = r"^input 3 is a PDF that its password= does not open; pass another"
    with pytest.raises(InputError, match=message) as caught, located(input=3):
        list_pages(Pdf(encrypted(b"secret"), password="another"))
    assert not isinstance(caught.value, DecodeError)


@pytest.mark.parametrize("is_file", [True, False])
def test_a_document_that_a_password_opened_stays_closed_without_it(is_file, tmp_path):
    data = encrypted(b"secret")
    (tmp_path / "a.pdf").write_bytes(data)
    source = tmp_path / "a.pdf" if is_file else data
    decode(list_pages(Pdf(source, password="secret"))[0])
    for password in (None, "another"):
        with pytest.raises(InputError, match="password"):
            list_pages(Pdf(source, password=password))
    close_all()


@pytest.mark.parametrize("password", [b"secret", 1, "\ud800"])
def test_what_is_not_a_password_is_refused(password):
    with pytest.raises(InputError, match=r"is a Pdf whose password is .*; pass a str"):
        check(Pdf(b"", password=password))


def test_a_password_is_not_shown():
    assert repr(Pdf("a.pdf", password="secret")) == "Pdf('a.pdf', password=...)"
    assert repr(Pdf("a.pdf", forms=False)) == "Pdf('a.pdf', forms=False)"


def test_a_way_of_encryption_that_is_not_supported_is_named():
    data = encrypted(b"").replace(b"/Filter/Standard", b"/Filter/Ceasar99")
    with pytest.raises(InputError, match="is not supported; save it unencrypted") as caught:
        list_pages(Pdf(data))
    assert not isinstance(caught.value, DecodeError)


def test_an_encrypted_document_is_named_with_the_way_out():
    message = r"^input 3 is a PDF that is encrypted and opens with a password only; pass it as password=, or save it "
    with pytest.raises(InputError, match=message) as caught, located(input=3):
        list_pages(Pdf(encrypted(b"secret")))
    assert not isinstance(caught.value, DecodeError)


def test_a_document_that_only_restricts_its_readers_opens():
    (page,) = list_pages(Pdf(encrypted(b"")))
    assert decode(page).getcolors() == [(150 * 150, RED)]


def test_a_document_without_pages_is_named():
    with pytest.raises(InputError, match="encrypted"):
        list_pages(Pdf(encrypted(b"secret")))  # an error that PDFium remembers
    file = io.BytesIO()
    with contextlib.closing(pypdfium2.PdfDocument.new()) as empty:
        empty.save(file)
    with pytest.raises(InputError, match=r"^input 3 is a PDF without pages, which has no vector"), located(input=3):
        list_pages(Pdf(file.getvalue()))


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", DecodeError, "is an empty file"),
        (b"hello", UnsupportedMediaError, "text/plain, which jina_omni.Pdf does not take; pass its contents as a str"),
        (b"GIF89a", UnsupportedMediaError, "image/gif, which jina_omni.Pdf does not take; pass jina_omni.Image"),
        (b"fLaC\0\0\0\x22", UnsupportedMediaError, "pass jina_omni.Audio"),
        (b"\x1aE\xdf\xa3", UnsupportedMediaError, "pass jina_omni.Video"),
        (b"PK\x03\x04", UnsupportedMediaError, "application/zip, which jina_omni.Pdf does not take; it takes PDF"),
        (b"\x01\x80", UnsupportedMediaError, "a file of an unknown type"),
        (b"%PDF-1.7\n", DecodeError, "can't be decoded as a PDF (PdfiumError: "),
        (document((INCH, b""), n_pages=1_000_000), DecodeError, "page 1 can't be read"),
        (two_pages()[:300], DecodeError, "it is damaged or cut short"),
    ],
)
def test_what_is_not_a_whole_document_is_named(data, error, words):
    with pytest.raises(error) as caught, located(input=3):
        list_pages(Pdf(data))
    assert str(caught.value).startswith(("input 3 ", "input 3, "))
    assert words in str(caught.value)


NO_AREA = b"/MediaBox[0 0 72 72]/CropBox[400 400 500 500]"


def test_a_page_without_area_costs_that_page_alone(caplog):
    red = (INCH, rectangle(RED, 0, 0, 72, 72))
    data = document((INCH, b""), (NO_AREA, b""), red, (b"/MediaBox[0 0 72 72]/CropBox[72 0 100 72]", b""))
    assert [page.number for page in list_pages(Pdf(data))] == [0, 2]
    assert [record.getMessage() for record in caplog.records] == [
        f"Pdf(<{len(data):,} bytes>): page {number} has no area, as its boxes have it, and is left out"
        for number in (1, 3)
    ]
    assert [page.number for page in list_pages(Pdf(data, pages=[3, 2, 1]))] == [2]
    assert [part.pages for part in Pdf(data).split()] == [[0], [2]]


@pytest.mark.parametrize("pages", [None, [1], [1, 1]])
def test_a_document_whose_pages_have_no_area_is_an_error(pages):
    with pytest.raises(InputError, match="none of whose pages has an area") as caught:
        list_pages(Pdf(document((NO_AREA, b""), (NO_AREA, b"")), pages=pages))
    assert not isinstance(caught.value, DecodeError)


def test_a_page_that_is_missing_is_an_error_of_that_page():
    data = document((INCH, b""), (INCH, rectangle(RED, 0, 0, 72, 72)))
    damaged = data.replace(b"/Kids[4 0 R 6 0 R]", b"/Kids[4 0 R 9 0 R]")
    message = r"^input 3, page 1 can't be read, .*; leave it out with pages="
    with pytest.raises(DecodeError, match=message), located(input=3):
        list_pages(Pdf(damaged))
    assert decode(list_pages(Pdf(damaged, pages=[0]))[0]).size == (150, 150)


# ---- forms and annotations ----


FIELD = b"/Type/Annot/Subtype/Widget/Rect[9 9 63 63]"


def form(field, *, whole=True, appearance=b"0 0 1 rg 0 0 54 54 re f"):
    """Write a page of a square inch with an annotation: a field of a form, whose catalogue may be lost."""
    catalogue = b"/AcroForm<</Fields[4 0 R]/DR<</Font<</F 6 0 R>>>>/DA(/F 20 Tf 0 g)>>" if whole else b""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R%s>>" % catalogue,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Annots[4 0 R]/Resources<<>>>>",
        b"<<%s>>" % field,
        stream(b"/Type/XObject/Subtype/Form/BBox[0 0 54 54]", appearance),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"xref\n0 7\n0000000000 65535 f \n%strailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(data),
    )


def count_ink(pdf):
    """Return how much of its first page is not white."""
    return float((np.asarray(decode(list_pages(pdf)[0])) != 255).any(-1).mean())


FIELDS = {
    "text": FIELD + b"/FT/Tx/T(a)/V(words)/DA(/F 20 Tf 0 g)",
    "text that has a look": FIELD + b"/FT/Tx/T(a)/V(words)/AP<</N 5 0 R>>",
    "text of several lines": FIELD + b"/FT/Tx/Ff 4096/T(a)/V(words and more)/DA(/F 12 Tf 0 g)",
    "check box": FIELD + b"/FT/Btn/T(a)/V/Yes/AS/Yes/AP<</N<</Yes 5 0 R>>>>",
    "radio button": FIELD + b"/FT/Btn/Ff 32768/T(a)/V/Yes/AS/Yes/AP<</N<</Yes 5 0 R>>>>",
    "choice": FIELD + b"/FT/Ch/Ff 131072/T(a)/Opt[(a)(words)]/V(words)/DA(/F 20 Tf 0 g)",
    "list": FIELD + b"/FT/Ch/T(a)/Opt[(a)(words)]/V(words)/DA(/F 20 Tf 0 g)",
    "signature": FIELD + b"/FT/Sig/T(a)/AP<</N 5 0 R>>",
}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_a_form_is_drawn_unless_it_is_to_be_left_out(name, whole):
    data = form(FIELDS[name], whole=whole)
    assert count_ink(Pdf(data)) > 0.005
    without = Pdf(data, forms=False)
    assert count_ink(without) == 0
    assert decode(list_pages(without)[0]).tobytes() == as_the_reference(data, 0).tobytes()


def test_a_field_is_drawn_as_pdfium_draws_it():
    data = form(FIELDS["text"])
    with contextlib.closing(pypdfium2.PdfDocument(data)) as pdf:
        pdf.init_forms()
        expected = pdf[0].render(scale=150 / 72).to_pil().convert("RGB")
    assert decode(list_pages(Pdf(data))[0]).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "field",
    [
        FIELD + b"/FT/Tx/T(a)/V()/DA(/F 20 Tf 0 g)",
        FIELD + b"/FT/Tx/T(a)/F 2/V(hidden)/AP<</N 5 0 R>>",
        FIELD + b"/FT/Tx/T(a)/F 32/V(for paper only)/AP<</N 5 0 R>>",
    ],
    ids=["empty", "hidden", "not for screens"],
)
def test_a_field_that_shows_nothing_is_not_marked(field):
    assert count_ink(Pdf(form(field))) == 0


@pytest.mark.parametrize(
    ("annotation", "is_shown"),
    [
        (b"/Subtype/Stamp/F 4/AP<</N 5 0 R>>", True),
        (b"/Subtype/Stamp/F 2/AP<</N 5 0 R>>", False),
        (b"/Subtype/Stamp/F 36/AP<</N 5 0 R>>", False),
        (b"/Subtype/FreeText/F 4/DA(/F 12 Tf 0 g)/Contents(words)", True),
        (b"/Subtype/Highlight/F 4/C[1 1 0]/QuadPoints[9 63 63 63 9 9 63 9]", True),
        (b"/Subtype/Ink/F 4/C[1 0 0]/InkList[[9 9 63 63]]", True),
    ],
)
@pytest.mark.parametrize("forms", [True, False])
def test_an_annotation_is_shown_as_in_a_viewer(annotation, is_shown, forms):
    data = form(b"/Type/Annot/Rect[9 9 63 63]" + annotation)
    assert (count_ink(Pdf(data, forms=forms)) > 0) == is_shown


def test_a_document_draws_its_pages_with_and_without_forms_in_one_process(starts):
    data = form(FIELDS["check box"])
    drawn = [draw_all([Pdf(data, forms=forms)]) for forms in (True, False, True, False)]
    assert drawn[0] == drawn[2] != drawn[1] == drawn[3]
    assert len(starts) == 1
    close_all()


def test_what_forms_takes_is_checked():
    with pytest.raises(InputError, match="is a Pdf whose forms is 'no'; pass True or False"):
        check(Pdf(b"", forms="no"))


def test_a_huge_page_is_named_and_a_smaller_resolution_helps():
    data = document((INCH, b""), (b"/MediaBox[0 0 14400 14400]", b""))
    message = r"^input 3, page 1 has 30,001 x 30,001 pixels at 150 dpi, .*smaller dpi=.*leave the page out"
    with pytest.raises(InputError, match=message), located(input=3):
        list_pages(Pdf(data))
    assert list_pages(Pdf(data, dpi=36))[1].width == 7200
    assert len(list_pages(Pdf(data, pages=[0]))) == 1


def test_a_page_that_is_too_long_for_the_model_is_named():
    (page,) = list_pages(Pdf(document((b"/MediaBox[0 0 10 5000]", b""))))
    message = r"^input 3, page 0 is an image of 21 x 10,417 pixels, more than 200"
    for function in (find_grid, read_patches):
        with pytest.raises(InputError, match=message), located(input=3):
            function(page, GEOMETRY)


def test_a_document_that_changed_meanwhile_is_an_error(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(two_pages())
    pages = list_pages(Pdf(path))
    path.write_bytes(document((INCH, b"")))
    with pytest.raises(DecodeError):
        decode(pages[1])


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    message = r"^input 3 is a PDF, which needs pypdfium2: pip install 'jina-omni\[pdf\]'$"
    with pytest.raises(UnsupportedMediaError, match=message) as caught, located(input=3):
        list_pages(Pdf(two_pages()))
    assert isinstance(caught.value.__context__, ImportError)


@pytest.mark.parametrize("data", [two_pages(), written_by_pillow(2), encrypted(b"")], ids=["hand", "Pillow", "RC4"])
def test_a_damaged_document_gives_pixels_or_our_error(data):
    rng = random.Random(0)
    outcomes = set()
    for _ in range(80):
        content = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            del content[rng.randrange(1, len(content)) :]
        try:
            with located(input=3):
                for page in list_pages(Pdf(bytes(content), dpi=30)):
                    patches, grid = read_patches(page, TINY)
                    assert grid == find_grid(page, TINY)
                    assert np.isfinite(patches).all()
            outcomes.add("pixels")
        except InputError as error:
            assert str(error).startswith("input 3")  # noqa: PT017
            outcomes.add("error")
    assert outcomes == {"pixels", "error"}


# ---- processes ----


def close_all():
    """Close all documents that no thread uses; no process may be left."""
    open_pdfs._OPEN.close()
    assert children() == []


@pytest.fixture
def short_idle(monkeypatch):
    """Let documents stay open for a part of a second."""
    monkeypatch.setattr(open_pdfs, "PDF_IDLE_SECONDS", 0.3)


def wait_for_the_end():
    psutil.wait_procs(children(), timeout=30)
    assert children() == []


def many_pages(n_pages):
    return document(*((INCH, text(b"page %d" % i) + rectangle(RED, i, 0, 9, 9)) for i in range(n_pages)))


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (forms_of_forms(), 1 << 28),
        (unpacking(1 << 30, times=1), 1 << 28),
        (unpacking(1 << 30, times=2), 1 << 30),
    ],
    ids=["forms of forms", "unpacks", "unpacks twice"],
)
def test_a_page_that_wants_all_memory_is_an_error(data, limit, monkeypatch):
    assert len(data) < 3_000_000
    if limit != sandbox.SANDBOX_MEMORY:  # where less shows the same in less time
        monkeypatch.setattr(sandbox, "SANDBOX_MEMORY", limit)
    peaks, done = [0], threading.Event()

    def watch():
        while not done.wait(0.002):
            with contextlib.suppress(psutil.Error):
                # a child that has not begun its program yet has the memory of this process
                drawing = [process for process in children() if any("sandboxed" in part for part in process.cmdline())]
                peaks.extend(process.memory_info().rss for process in drawing)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        (page,) = list_pages(Pdf(data))
        message = r"^input 3, page 0 is a page of a PDF that takes over [\d.]+ GiB of memory to draw; simplify it, or "
        with pytest.raises(InputError, match=message) as caught, located(input=3):
            decode(page)
    finally:
        done.set()
        watcher.join()
    assert not isinstance(caught.value, DecodeError)
    assert limit // 2 < max(peaks) <= limit
    assert children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
def test_a_page_is_not_drawn_without_what_there_is_no_memory_for():
    # PDFium leaves a layer out where it can't allocate it. Each of these has 350 MB.
    (page,) = list_pages(Pdf(layers(depth=2, side=2400), dpi=280))
    with pytest.raises(InputError, match="page 0 is a page of a PDF that takes over 1 GiB of memory to draw"):
        decode(page)


def test_a_page_that_takes_too_long_is_an_error(monkeypatch):
    (page,) = list_pages(Pdf(forms_of_forms()))
    monkeypatch.setattr(sandbox, "SANDBOX_SECONDS", 0.2)
    monkeypatch.setattr(sandbox, "SANDBOX_CLOCK_FACTOR", 1000)  # so that a busy machine changes nothing
    message = r"^input 3, page 0 is a page of a PDF that takes over 0.2 seconds to draw; simplify it, or"
    with pytest.raises(InputError, match=message), located(input=3):
        decode(page)
    assert children() == []


def test_a_bad_page_does_not_spoil_the_others(monkeypatch):
    data = forms_of_forms(n_blank=2)
    first, bad, last = list_pages(Pdf(data, pages=[1, 0, 2]))
    expected = as_the_reference(data, 1).tobytes()
    assert decode(first).tobytes() == expected
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "SANDBOX_SECONDS", 0.2)
        patch.setattr(sandbox, "SANDBOX_CLOCK_FACTOR", 1000)  # so that a busy machine changes nothing
        with pytest.raises(InputError, match=r"takes over 0\.2 seconds"):
            decode(bad)
    assert decode(last).tobytes() == expected
    close_all()


@pytest.mark.parametrize("is_file", [True, False])
def test_thirty_pages_take_one_process(is_file, starts, tmp_path):
    path, data = tmp_path / "a.pdf", many_pages(30)
    path.write_bytes(data)
    for number, page in enumerate(list_pages(Pdf(path if is_file else data))):
        assert decode(page).tobytes() == as_the_reference(data, number).tobytes()
    assert len(starts) == 1
    close_all()


def test_documents_that_wait_to_be_drawn_do_not_keep_a_process_each(starts):
    documents = [list_pages(Pdf(many_pages(2))) for _ in range(10)]
    assert len(children()) < 5
    for pages in documents:
        for page in pages:
            assert decode(page).tobytes() == as_the_reference(many_pages(2), page.number).tobytes()
    assert len(starts) <= 20
    close_all()


def test_pages_are_drawn_again_in_any_order(starts):
    data = many_pages(3)
    pages = list_pages(Pdf(data))
    for i in (2, 0, 0, 1, 2, 2, 1, 0, 1):
        assert decode(pages[i]).tobytes() == as_the_reference(data, i).tobytes()
    assert len(starts) == 1
    close_all()


def test_a_copy_of_a_page_is_drawn():
    page = list_pages(Pdf(two_pages()))[1]
    assert np.array_equal(decode(PdfPage(page.pdf, page.number, page.width, page.height)), two_pictures()[1])


@pytest.mark.parametrize(
    ("broken", "can_be_opened"),
    [
        (Pdf(two_pages()[:300]), False),
        (Pdf(encrypted(b"secret")), False),
        (Pdf(two_pages(), pages=[9]), True),
        (Pdf(document((b"/MediaBox[0 0 14400 14400]", b""))), True),
    ],
    ids=["cut", "encrypted", "pages", "huge"],
)
@pytest.mark.usefixtures("short_idle")
def test_no_process_stays_after_an_error(broken, can_be_opened, starts):
    with pytest.raises(InputError) as caught:
        list_pages(broken)
    assert len(starts) == 1
    if can_be_opened:
        wait_for_the_end()
    assert children() == []
    del caught


@pytest.mark.usefixtures("short_idle")
def test_no_process_stays_with_a_caller_who_gives_up():
    def drawn():
        for page in list_pages(Pdf(two_pages())):
            yield decode(page)

    def raising():
        for _ in drawn():
            raise KeyError

    pixels = drawn()
    next(pixels)
    assert len(children()) <= 1
    pixels.close()
    wait_for_the_end()
    with contextlib.suppress(KeyError):
        raising()
    wait_for_the_end()
    pages = list_pages(Pdf(two_pages()))
    wait_for_the_end()
    assert np.array_equal(decode(pages[0]), two_pictures()[0])


def test_a_process_that_was_ended_while_it_waited_is_started_again():
    pages = list_pages(Pdf(two_pages()))
    decode(pages[0])
    (process,) = children()
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert np.array_equal(decode(pages[1]), two_pictures()[1])
    close_all()


def test_a_process_that_is_ended_while_it_draws_is_an_error():
    (page,) = list_pages(Pdf(forms_of_forms()))
    (process,) = children()
    killer = threading.Timer(0.2, process.kill)
    killer.start()
    message = r"^input 3, page 0 is a page of a PDF that takes too much memory to draw \("
    with pytest.raises(InputError, match=message), located(input=3):
        decode(page)
    killer.join()
    assert children() == []


def test_a_file_that_was_replaced_is_drawn_as_it_was_measured_or_is_an_error(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(many_pages(2))
    pages = list_pages(Pdf(path))
    (tmp_path / "b.pdf").write_bytes(two_pages())
    (tmp_path / "b.pdf").replace(path)
    for page in pages * 2:
        with contextlib.suppress(DecodeError):
            pixels = decode(page)
            assert pixels.size == (page.width, page.height)


# ---- one process for a document ----


def draw_all(pdfs):
    return [decode(page).tobytes() for pdf in pdfs for page in list_pages(pdf)]


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, "path"])
def test_the_pages_of_split_are_drawn_by_one_process(wrap, starts, tmp_path):
    data = many_pages(30)
    (tmp_path / "a.pdf").write_bytes(data)
    parts = Pdf(tmp_path / "a.pdf" if wrap == "path" else wrap(data)).split()
    measured = [page for part in parts for page in list_pages(part)]
    expected = [as_the_reference(data, number).tobytes() for number in range(30)]
    assert [decode(page).tobytes() for page in measured] == expected
    assert draw_all(reversed(parts)) == expected[::-1]  # as in a second call
    assert len(starts) == 1
    close_all()


def test_a_model_embeds_the_pages_of_split_by_one_process(starts):
    data = many_pages(5)
    with jina_omni.demo_model(modality="vision", device="cpu") as model:
        expected = model.encode([as_the_reference(data, number) for number in range(5)])
        for _ in range(2):
            assert np.array_equal(model.encode(Pdf(data).split()), expected)
    assert len(starts) == 1


def test_a_file_is_the_same_by_every_name_and_with_every_option(starts, tmp_path, monkeypatch):
    path = tmp_path / "a.pdf"
    path.write_bytes(two_pages())
    monkeypatch.chdir(tmp_path)
    names = [path, str(path), "a.pdf"]
    if os.name == "posix":
        os.link(path, tmp_path / "b.pdf")
        names.append("./b.pdf")
        assert draw_all([Pdf(path)])  # a link changes the time of the file's state
        starts.clear()
    for name in names:
        assert np.array_equal(decode(list_pages(Pdf(name, pages=[1, 0]))[0]), two_pictures()[1])
        assert decode(list_pages(Pdf(name, dpi=72))[0]).size == (72, 72)
    assert len(starts) <= 1


def test_equal_bytes_are_the_same_and_are_hashed_once(starts, monkeypatch):
    hashed = []
    sha256 = hashlib.sha256

    def counted():
        hashed.append(sha256())
        return hashed[-1]

    monkeypatch.setattr(hashlib, "sha256", counted)
    data = many_pages(6)
    assert len(draw_all(Pdf(data).split())) == 6
    assert [digest.digest() for digest in hashed] == [sha256(data).digest()]
    copied = bytes(bytearray(data))
    assert copied is not data
    assert draw_all([Pdf(copied, pages=[0])]) == draw_all([Pdf(data, pages=[0])])
    changed = data.replace(b"(page 0)", b"(page 8)")
    assert draw_all([Pdf(changed, pages=[0])]) != draw_all([Pdf(data, pages=[0])])
    assert len(starts) == 2


def test_bytes_are_not_kept_after_the_document_is_closed():
    data = bytes(bytearray(two_pages()))
    before = sys.getrefcount(data)
    list_pages(Pdf(data))
    close_all()
    assert sys.getrefcount(data) == before


def test_bytes_that_change_are_another_document():
    data = bytearray(many_pages(1))
    (first,) = draw_all([Pdf(data)])
    data[:] = data.replace(b"(page 0)", b"(page 8)")
    (second,) = draw_all([Pdf(data)])
    assert first == as_the_reference(many_pages(1), 0).tobytes() != second == as_the_reference(bytes(data), 0).tobytes()


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_file_that_changed_is_opened_again(is_replaced, starts, tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(many_pages(2))
    pages = list_pages(Pdf(path))
    changed = many_pages(2).replace(b"(page", b"(qage")  # of the same size
    time.sleep(0.05)  # of the file system's clock
    if is_replaced:
        (tmp_path / "b.pdf").write_bytes(changed)
        (tmp_path / "b.pdf").replace(path)
    else:
        path.write_bytes(changed)
    assert [decode(page).tobytes() for page in pages] == [as_the_reference(changed, i).tobytes() for i in range(2)]
    assert len(starts) == 2


def test_a_file_that_was_removed_is_an_error(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(two_pages())
    (page, _) = list_pages(Pdf(path))
    path.unlink()
    with pytest.raises(InputError, match=r"^input 3, page 0 \('.*a\.pdf'\) can't be read"), located(input=3):
        decode(page)


def count_living(processes):
    return sum(process.poll() is None for process in processes)


def test_there_are_never_more_processes_than_documents_may_be_open(starts, monkeypatch):
    most = []
    popen = subprocess.Popen

    def counted(*arguments, **options):
        most.append(count_living(starts) + 1)
        return popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", counted)
    documents = [many_pages(n) for n in range(1, 8)]
    expected = [[as_the_reference(data, i).tobytes() for i in range(n)] for n, data in enumerate(documents, 1)]

    def work(i):
        which = random.Random(i).randrange(7)
        number = i % (which + 1)
        return draw_all([Pdf(documents[which], pages=[number])]) == [expected[which][number]]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert all(pool.map(work, range(100)))
    assert max(most) <= MAX_OPEN_PDFS
    assert len(children()) <= MAX_OPEN_PDFS
    close_all()


def test_the_document_that_was_used_least_recently_makes_room(starts):
    documents = [Pdf(many_pages(n)) for n in range(1, MAX_OPEN_PDFS + 2)]
    first, second, *others, last = documents
    for pdf in (first, second, *others, first, last, first, *others):
        draw_all([pdf])
    assert len(starts) == MAX_OPEN_PDFS + 1
    draw_all([second])
    assert len(starts) == MAX_OPEN_PDFS + 2


@pytest.mark.usefixtures("short_idle")
def test_a_document_closes_when_nobody_has_used_it_for_a_while(starts):
    before = set(threading.enumerate())
    for _ in range(2):
        draw_all([Pdf(two_pages())])
        end = time.monotonic() + 60
        while starts[-1].returncode is None and time.monotonic() < end:
            time.sleep(0.05)
        assert starts[-1].returncode is not None  # collected, so it is no zombie
        assert children() == []
    assert len(starts) == 2
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_a_document_stays_open_while_it_is_used(starts, monkeypatch):
    monkeypatch.setattr(open_pdfs, "PDF_IDLE_SECONDS", 1.5)
    end = time.monotonic() + 3.5
    while time.monotonic() < end:
        draw_all([Pdf(two_pages())])
        time.sleep(0.1)
    assert len(starts) == 1


def test_an_open_document_takes_no_processor_time():
    draw_all([Pdf(two_pages())])
    (process,) = children()
    before, ours = process.cpu_times(), time.process_time()
    time.sleep(1)
    assert process.cpu_times() == before
    assert time.process_time() - ours < 0.05


def test_a_document_can_be_pickled_while_it_is_open(starts):
    pdf = Pdf(two_pages())
    pages = list_pages(pdf)
    decode(pages[0])
    copied = pickle.loads(pickle.dumps(pdf))
    assert (copied.source, copied.pages, copied.dpi) == (pdf.source, pdf.pages, pdf.dpi)
    assert np.array_equal(decode(pickle.loads(pickle.dumps(pages[1]))), two_pictures()[1])
    assert np.array_equal(decode(list_pages(copied)[0]), two_pictures()[0])
    assert len(starts) == 1


def test_a_thread_that_was_interrupted_has_not_kept_the_document(starts):
    data = two_pages()
    loan = open_pdfs._OPEN.borrow(data, "", None, new=False)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(draw_all, [Pdf(data)])
        with pytest.raises(concurrent.futures.TimeoutError):
            drawn.result(timeout=0.3)
        del loan  # with the frames that held it; nobody has returned it
        assert len(drawn.result(timeout=30)) == 2
    assert len(starts) == 1
    close_all()


# ---- limits of a page, whose process has drawn others ----


def ending_before(n_draws, monkeypatch):
    """End the process of the draws of these numbers, as one that can't get more memory ends."""
    ask, numbers = Sandbox.ask, itertools.count(1)

    def ended(self, request, what, stop=None, taken=sandbox.NO_TIME):
        if request.startswith(b"draw") and next(numbers) in n_draws:
            self._process.kill()
            self._process.wait()
        return ask(self, request, what, stop, taken)

    monkeypatch.setattr(Sandbox, "ask", ended)


def test_a_page_that_fails_in_a_used_process_is_drawn_in_a_new_one(starts, monkeypatch):
    ending_before({2, 5}, monkeypatch)
    pages = list_pages(Pdf(many_pages(4)))
    assert [decode(page).tobytes() for page in pages] == [
        as_the_reference(many_pages(4), i).tobytes() for i in range(4)
    ]
    assert len(starts) == 3
    close_all()


def test_a_page_that_fails_in_a_new_process_is_an_error_of_that_page(starts, monkeypatch):
    ending_before({2, 3}, monkeypatch)
    pages = list_pages(Pdf(many_pages(3)))
    expected = [as_the_reference(many_pages(3), i).tobytes() for i in range(3)]
    assert decode(pages[0]).tobytes() == expected[0]
    with pytest.raises(InputError, match=r"page 1 is a page of a PDF that takes too much memory to draw"):
        decode(pages[1])
    assert children() == []
    assert decode(pages[2]).tobytes() == expected[2]
    assert len(starts) == 3
    close_all()


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
def test_a_page_that_wants_all_memory_costs_that_page_alone(starts, monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_MEMORY", 1 << 28)
    data = forms_of_forms(n_blank=2)
    expected = as_the_reference(data, 1).tobytes()
    first, bad, last = (list_pages(part)[0] for part in Pdf(data, pages=[1, 0, 2]).split())
    assert decode(first).tobytes() == expected
    with pytest.raises(InputError, match=r"page 0 is a page of a PDF that takes over 0\.25 GiB"):
        decode(bad)
    assert decode(last).tobytes() == expected
    assert len(starts) == 3
    close_all()


def test_a_page_that_takes_too_long_is_drawn_once(starts, monkeypatch):
    first, bad = list_pages(Pdf(forms_of_forms(n_blank=1), pages=[1, 0]))
    decode(first)
    monkeypatch.setattr(sandbox, "SANDBOX_SECONDS", 0.2)
    monkeypatch.setattr(sandbox, "SANDBOX_CLOCK_FACTOR", 1000)  # so that a busy machine changes nothing
    with pytest.raises(InputError, match=r"takes over 0\.2 seconds"):
        decode(bad)
    assert len(starts) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
def test_a_page_that_is_drawn_again_has_the_time_that_is_left(monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_MEMORY", 1 << 28)
    first, bad = list_pages(Pdf(forms_of_forms(n_blank=1), pages=[1, 0]))
    decode(first)
    drawn, ask = [], Sandbox.ask

    def recorded(self, request, what, stop=None, taken=sandbox.NO_TIME):
        if request.startswith(b"draw"):
            drawn.append((self, taken))
        return ask(self, request, what, stop, taken)

    monkeypatch.setattr(Sandbox, "ask", recorded)
    with pytest.raises(InputError, match=r"takes over 0\.25 GiB"):
        decode(bad)
    (used, nothing), (new, before) = drawn
    assert nothing == sandbox.NO_TIME
    assert before == used.taken
    assert before.processor > 0
    assert before.clock > 0
    assert all(now >= then for now, then in zip(new.taken, before, strict=True))


def test_a_page_that_is_drawn_again_when_its_time_is_over_is_an_error():
    (page,) = list_pages(Pdf(forms_of_forms()))
    used = pytest.raises(InputError, match="takes over 20 seconds")
    with open_pdfs._lend(page.pdf.source, "", None) as document, used:
        document.ask(b"draw 0 1.0 72 72 0", "a page", None, sandbox.Seconds(processor=sandbox.SANDBOX_SECONDS + 1))
    assert children() == []


def test_a_page_that_hangs_leaves_its_neighbours_their_embeddings(starts, monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_SECONDS", 1)
    monkeypatch.setattr(sandbox, "SANDBOX_CLOCK_FACTOR", 1000)  # so that a busy machine changes nothing
    data = forms_of_forms(n_blank=4)
    parts = Pdf(data, pages=[1, 2, 0, 3, 4]).split()
    with jina_omni.demo_model(modality="vision", device="cpu") as model:
        vectors, errors = model.encode(parts, on_error="return")
        expected = model.encode(as_the_reference(data, 1))
        assert list(errors) == [2]
        assert str(errors[2]).startswith("input 2, page 0 is a page of a PDF that takes over 1 seconds to draw")
        assert np.array_equal(np.delete(vectors, 2, 0), [expected] * 4)
        assert len(starts) <= 3  # of one that draws the pages before, and one for those behind it
        starts.clear()
        assert np.array_equal(model.encode(parts[0]), expected)  # as the next call
    assert len(starts) <= 1
    close_all()


def test_threads_embed_the_pages_of_one_document_by_one_process(starts):
    data = many_pages(8)
    parts = Pdf(data).split()
    with jina_omni.demo_model(modality="vision", device="cpu") as model:
        expected = model.encode([as_the_reference(data, number) for number in range(8)])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            vectors = list(pool.map(model.encode, parts * 2))
    assert np.array_equal(vectors, np.concatenate([expected] * 2))
    assert len(starts) == 1
    close_all()


def pages_of_noise(n_pages):
    rng = np.random.default_rng(0)
    pages = [PILImage.fromarray(rng.integers(0, 256, (600, 800, 3), dtype=np.uint8)) for _ in range(n_pages)]
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=300)
    return file.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="memory can't be bounded here")
def test_a_process_does_not_accumulate_memory_over_pages(starts, monkeypatch, tmp_path):
    data, growth = pages_of_noise(60), 4 << 20
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    monkeypatch.setattr(open_pdfs, "MAX_PDF_GROWTH", growth)
    parts = Pdf(path).split()
    (process,) = children()
    opened = process.memory_info().rss
    assert len(data) > 4 * growth  # PDFium keeps what it has read of a document
    for number, part in enumerate(parts):
        assert draw_all([part]) == [as_the_reference(data, number).tobytes()]
        for process in children():
            assert process.memory_info().rss < opened + growth + (4 << 20)
    assert 2 <= len(starts) <= len(parts) // 2 + 1  # the first, and one for two pages or more
    close_all()


# ---- callers who give up ----


def test_a_caller_who_gives_up_before_has_no_process(starts):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        list_pages(Pdf(two_pages()), stop)
    assert len(starts) == 0
    (page, _) = list_pages(Pdf(two_pages()))
    with pytest.raises(Cancelled):
        decode(page, stop)
    assert np.array_equal(decode(page), two_pictures()[0])
    assert len(starts) == 1


def seconds_to_cancel(work, stop):
    """Do work that a thread stops by a function after a while; return the seconds from there until it has stopped."""
    moments = []

    def set_stop():
        moments.append(time.monotonic())
        stop()

    timer = threading.Timer(0.5, set_stop)
    timer.start()
    with pytest.raises(Cancelled):
        work()
    return time.monotonic() - moments[0]


SOON = 0.5  # seconds: 0.1 of them, and some for a busy machine


def test_a_page_that_is_drawn_is_stopped():
    (page,) = list_pages(Pdf(forms_of_forms()))
    stop = threading.Event()
    assert seconds_to_cancel(lambda: decode(page, stop), stop.set) < SOON
    assert children() == []


def test_a_call_of_a_model_is_stopped_while_a_page_is_drawn(starts):
    parts, token = Pdf(forms_of_forms(n_blank=1), pages=[0, 1]).split(), jina_omni.CancelToken()
    moments = []

    def cancel():
        moments.append(time.monotonic())
        token.cancel()

    with jina_omni.demo_model(modality="vision", device="cpu") as model:
        timer = threading.Timer(0.5, cancel)
        timer.start()
        with pytest.raises(Cancelled):
            model.encode(parts, cancel=token)
        assert time.monotonic() - moments[0] < SOON
        wait_for_the_end()
        assert len(model.encode(parts[1])) == len(model.encode("text"))
    assert len(starts) <= 2
    close_all()


def test_bytes_that_are_hashed_are_stopped(monkeypatch):
    stop, updates = threading.Event(), []

    class Digest:
        def update(self, part):
            updates.append(bytes(part))
            stop.set()

    monkeypatch.setattr(hashlib, "sha256", Digest)
    monkeypatch.setattr(open_pdfs, "_HASHED", 8)
    with pytest.raises(Cancelled):
        list_pages(Pdf(two_pages()), stop)
    assert updates == [b"%PDF-1.4"]


def test_a_document_that_is_opened_is_stopped(monkeypatch, tmp_path):
    program = tmp_path / "sleeping.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sandbox, "_PROGRAM", program)
    stop = threading.Event()
    assert seconds_to_cancel(lambda: list_pages(Pdf(two_pages()), stop), stop.set) < SOON
    assert children() == []
    token = jina_omni.CancelToken()
    with jina_omni.demo_model(modality="vision", device="cpu") as model:
        assert seconds_to_cancel(lambda: model.encode(["cat", Pdf(two_pages())], cancel=token), token.cancel) < SOON
        wait_for_the_end()
    assert children() == []


def test_a_caller_who_gives_up_waiting_leaves_the_others_their_process(starts):
    data = forms_of_forms(n_blank=1)
    bad, blank = list_pages(Pdf(data))
    others = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(decode, bad, others)
        time.sleep(0.1)
        stop = threading.Event()
        assert seconds_to_cancel(lambda: decode(blank, stop), stop.set) < SOON
        assert not drawn.done()
        assert len(children()) == 1
        others.set()
        with pytest.raises(Cancelled):
            drawn.result(timeout=30)
    assert len(starts) == 1
    assert decode(blank).tobytes() == as_the_reference(data, 1).tobytes()
    assert len(starts) == 2
    close_all()


def test_a_caller_who_gives_up_waiting_for_a_place_is_stopped(monkeypatch):
    monkeypatch.setattr(open_pdfs, "MAX_OPEN_PDFS", 1)
    (bad,) = list_pages(Pdf(forms_of_forms()))
    others = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(decode, bad, others)
        time.sleep(0.1)
        stop = threading.Event()
        assert seconds_to_cancel(lambda: list_pages(Pdf(two_pages()), stop), stop.set) < SOON
        others.set()
        with pytest.raises(Cancelled):
            drawn.result(timeout=30)
    assert len(list_pages(Pdf(two_pages()))) == 2


# ---- no process ----


@pytest.mark.parametrize(("name", "value"), [("frozen", True), ("executable", ""), ("executable", "/nowhere/python")])
def test_a_program_without_a_python_to_start_is_an_error(name, value, monkeypatch):
    monkeypatch.setattr(sys, name, value, raising=False)
    message = r"^input 3 is a PDF, which is drawn by another Python process, and this program .*; render it to images$"
    with pytest.raises(UnsupportedMediaError, match=message), located(input=3):
        list_pages(Pdf(two_pages()))


# ---- threads ----


def test_threads_draw_two_documents_at_once():
    documents = [
        document(*((INCH, text(b"%d of %s" % (i, name)) + rectangle(RED, i, 0, 9, 9)) for i in range(6)))
        for name in (b"first", b"second")
    ]
    expected = [[as_the_reference(data, number).tobytes() for number in range(6)] for data in documents]

    def work(i):
        which, number = i % 2, i // 2 % 6
        (page,) = list_pages(Pdf(documents[which], pages=[number]))
        return decode(page).tobytes() == expected[which][number]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(96)))


def test_threads_draw_the_pages_of_one_document(starts):
    data = many_pages(24)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(decode, list_pages(Pdf(data))))
    assert [pixels.tobytes() for pixels in drawn] == [as_the_reference(data, i).tobytes() for i in range(24)]
    assert len(starts) == 1
    close_all()
