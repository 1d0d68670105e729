# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import contextlib
import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import threading

import numpy as np
import psutil
import pypdfium2
import pytest
from PIL import Image as PILImage

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import image as image_module
from jina_omni.media import sandbox
from jina_omni.media.image import Image
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.pdf import Pdf, PdfPage, decode, find_grid, list_pages, read_patches
from testing.pdfs import INCH, document, forms_of_forms, layers, rectangle, unpacking
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
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


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


def test_an_encrypted_document_is_named_with_the_way_out():
    message = r"^input 3 is a PDF that is encrypted and opens with a password only; save it without one"
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
        (document((INCH, b""), n_pages=1_000_000), DecodeError, "can't be decoded as a PDF"),
        (two_pages()[:300], DecodeError, "it is damaged or cut short"),
    ],
)
def test_what_is_not_a_whole_document_is_named(data, error, words):
    with pytest.raises(error) as caught, located(input=3):
        list_pages(Pdf(data))
    assert str(caught.value).startswith("input 3 ")
    assert words in str(caught.value)


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
    assert isinstance(caught.value.__cause__, ImportError)


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


@pytest.fixture
def starts(monkeypatch):
    """Return the processes that were started."""
    started, popen = [], subprocess.Popen

    def counted(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", counted)
    return started


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
                peaks.extend(process.memory_info().rss for process in children())

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
        with pytest.raises(InputError, match=r"takes over 0\.2 seconds"):
            decode(bad)
    assert decode(last).tobytes() == expected
    assert children() == []


@pytest.mark.parametrize("is_file", [True, False])
def test_thirty_pages_take_one_process(is_file, starts, tmp_path):
    path, data = tmp_path / "a.pdf", many_pages(30)
    path.write_bytes(data)
    for number, page in enumerate(list_pages(Pdf(path if is_file else data))):
        assert decode(page).tobytes() == as_the_reference(data, number).tobytes()
    assert len(starts) == 1
    assert children() == []


def test_documents_that_wait_to_be_drawn_do_not_keep_a_process_each(starts):
    documents = [list_pages(Pdf(many_pages(2))) for _ in range(10)]
    assert len(children()) < 5
    for pages in documents:
        for page in pages:
            assert decode(page).tobytes() == as_the_reference(many_pages(2), page.number).tobytes()
    assert len(starts) <= 20
    assert children() == []


def test_pages_are_drawn_again_in_any_order(starts):
    data = many_pages(3)
    pages = list_pages(Pdf(data))
    for i in (2, 0, 0, 1, 2, 2, 1, 0, 1):
        assert decode(pages[i]).tobytes() == as_the_reference(data, i).tobytes()
    assert len(starts) == 3
    assert children() == []


def test_a_copy_of_a_page_is_drawn():
    page = list_pages(Pdf(two_pages()))[1]
    assert np.array_equal(decode(PdfPage(page.pdf, page.number, page.width, page.height)), two_pictures()[1])


@pytest.mark.parametrize(
    "broken",
    [
        Pdf(two_pages()[:300]),
        Pdf(encrypted(b"secret")),
        Pdf(two_pages(), pages=[9]),
        Pdf(document((b"/MediaBox[0 0 14400 14400]", b""))),
    ],
    ids=["cut", "encrypted", "pages", "huge"],
)
def test_no_process_stays_after_an_error(broken, starts):
    with pytest.raises(InputError) as caught:
        list_pages(broken)
    assert len(starts) == 1
    assert children() == []
    del caught


def test_no_process_stays_with_a_caller_who_gives_up():
    def drawn():
        for page in list_pages(Pdf(two_pages())):
            yield decode(page)

    def raising():
        for _ in drawn():
            raise KeyError

    pixels = drawn()
    next(pixels)
    assert len(children()) == 1
    pixels.close()
    assert children() == []
    with contextlib.suppress(KeyError):
        raising()
    assert children() == []
    list_pages(Pdf(two_pages()))
    assert children() == []


def test_a_process_that_was_ended_while_it_waited_is_started_again():
    pages = list_pages(Pdf(two_pages()))
    decode(pages[0])
    (process,) = children()
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert np.array_equal(decode(pages[1]), two_pictures()[1])
    assert children() == []


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
    assert children() == []
