# SPDX-License-Identifier: Apache-2.0
"""PDF: from documents to pages, drawn as the reference draws them.

PDFium is not safe to call from two threads at once, so one lock guards all of its calls here. A document is opened
anew for each page: that takes 1 to 10 ms of the 20 to 100 ms of drawing one, and no file stays open.

The size of a page is bounded before it is drawn. What a page's program asks for is not, and PDFium ends its process
where memory runs out: documents of strangers belong into a process that may end.
"""

from __future__ import annotations

import contextlib
import io
import math
import operator
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image as PILImage

from jina_omni.errors import InputError
from jina_omni.media.extras import require
from jina_omni.media.files import as_decode_error, kind_of, open_path, unsupported
from jina_omni.media.image import grid_of_size, patches
from jina_omni.media.patches import PIXEL_LIMIT, Grid, Patches, VisionGeometry

if TYPE_CHECKING:
    from jina_omni.inputs import Pdf

__all__ = ["PdfPage", "decode", "grid_of", "pages_of", "patches_of"]

_MIN_DPI, _MAX_DPI = 10, 1200
_UNITS_PER_INCH = 72  # PDF 1.7, 8.3.2.3

_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page of a document.

    Attributes
    ----------
    pdf : Pdf
        The document.
    number : int
        Of the page, from 0.
    width, height : int
        In pixels, as `decode` draws it.

    .. versionadded:: 0.1.0
    """

    pdf: Pdf
    number: int
    width: int
    height: int


def pages_of(pdf: Pdf, where: str = "input") -> list[PdfPage]:
    """Return the pages of a document that are to be embedded, measured but not yet drawn.

    Parameters
    ----------
    pdf : Pdf
        Of its pages all, or those it names, in its order.
    where : str
        What messages call the input.

    Returns
    -------
    list of PdfPage
        At least one.

    Raises
    ------
    UnsupportedMediaError
        It is no PDF, or pypdfium2 is not installed.
    DecodeError
        It is damaged or cut short.
    InputError
        The file can't be read; the document is encrypted or has no pages; it does not have a page that is asked for, or
        none is; the resolution is out of range; a page has more than `PIXEL_LIMIT` pixels.

    .. versionadded:: 0.1.0
    """
    dpi = _dpi(pdf, where)
    with _opened(pdf, where) as document:
        pages = []
        for number in _numbers(pdf.pages, len(document), where):
            # The sizes of PdfPage.render in pypdfium2. PDFium has turned the page, and cut it to its crop box.
            width, height = (math.ceil(side * (dpi / _UNITS_PER_INCH)) for side in document.get_page_size(number))
            if width * height > PIXEL_LIMIT:
                raise InputError(
                    f"{where}, page {number} has {width:,} x {height:,} pixels at {dpi:g} dpi, over the limit of "
                    f"{PIXEL_LIMIT:,}; pass a smaller dpi=, or leave the page out with pages="
                )
            pages.append(PdfPage(pdf, number, width, height))
    return pages


def decode(page: PdfPage, where: str = "input") -> PILImage.Image:
    """Return the pixels of a page as RGB, on white.

    Threads may decode at the same time and take turns.

    Parameters
    ----------
    page : PdfPage
        As `pages_of` returns it.
    where : str
        What messages call the input.

    Returns
    -------
    PIL.Image.Image
        Of the mode RGB.

    Raises
    ------
    InputError
        As in `pages_of`.

    .. versionadded:: 0.1.0
    """
    scale = _dpi(page.pdf, where) / _UNITS_PER_INCH
    with (
        _opened(page.pdf, where) as document,
        contextlib.closing(document[page.number]) as opened,
        contextlib.closing(opened.render(scale=scale)) as bitmap,
    ):
        image: PILImage.Image = bitmap.to_pil()  # a copy, since PDFium's own order is BGR
    return image


def grid_of(page: PdfPage, geometry: VisionGeometry, where: str = "input") -> Grid:
    """Return the grid that `patches_of` would give, without drawing the page.

    Parameters
    ----------
    page : PdfPage
        As `pages_of` returns it.
    geometry : VisionGeometry
        Of the vision file.
    where : str
        What messages call the input.

    Returns
    -------
    tuple of int
        (1, height, width), in patches.

    Raises
    ------
    InputError
        The page is more than 200 times as long as wide.

    .. versionadded:: 0.1.0
    """
    return grid_of_size(page.height, page.width, geometry, _page_label(page, where))


def patches_of(page: PdfPage, geometry: VisionGeometry, where: str = "input") -> tuple[Patches, Grid]:
    """Return a page as the rows that the vision tower takes: `decode`, then `image.patches`.

    Parameters
    ----------
    page : PdfPage
        As `pages_of` returns it.
    geometry : VisionGeometry
        Of the vision file.
    where : str
        What messages call the input.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError
        As in `decode` and `grid_of`.

    .. versionadded:: 0.1.0
    """
    return patches(decode(page, where), geometry, _page_label(page, where))


def _page_label(page: PdfPage, where: str) -> str:
    return f"{where}, page {page.number}"


def _dpi(pdf: Pdf, where: str) -> float:
    """Return the resolution, checked."""
    try:
        dpi = float(pdf.dpi)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} is a Pdf whose dpi is {pdf.dpi!r}; pass a number, such as 150") from error
    if not _MIN_DPI <= dpi <= _MAX_DPI:
        raise InputError(
            f"{where} is a Pdf whose dpi is {pdf.dpi!r}; pages are drawn at {_MIN_DPI} to {_MAX_DPI} dpi, 150 is the "
            "reference's"
        )
    return dpi


def _numbers(pages: Sequence[int] | None, n_pages: int, where: str) -> list[int]:
    """Return the numbers of the pages to take, checked."""
    try:
        numbers = [operator.index(number) for number in (range(n_pages) if pages is None else pages)]
    except TypeError as error:
        raise InputError(
            f"{where} is a Pdf whose pages are {pages!r}; pass a sequence of page numbers, such as [0, 1] or range(10)"
        ) from error
    if not numbers:
        raise InputError(f"{where} is a Pdf with no page chosen; it has {n_pages:,}, which pages=None takes all")
    for number in numbers:
        if not 0 <= number < n_pages:
            raise InputError(
                f"{where} has no page {number}; its pages number {n_pages:,}, counted from 0: pass others as pages="
            )
    return numbers


@contextlib.contextmanager
def _opened(pdf: Pdf, where: str) -> Iterator[Any]:
    """Open a document for the thread that holds PDFium; what fails in the body fails as an `InputError`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_decode_error("a PDF", where))
        file = stack.enter_context(
            open_path(pdf.source, where) if isinstance(pdf.source, (str, os.PathLike)) else io.BytesIO(pdf.source)
        )
        kind = kind_of(file, where)
        if kind != "application/pdf":
            raise unsupported(kind, "Pdf", "PDF", where)
        stack.enter_context(_LOCK)
        pdfium = require("pypdfium2", "pdf", "a PDF", where)
        # PDFium refuses a document without pages, but leaves the last error standing. So that is made one which can't
        # come from an open file.
        pdfium.raw.FPDF_LoadDocument(b"", None)
        try:
            document = pdfium.PdfDocument(file)
        except pdfium.PdfiumError as error:
            if error.err_code == pdfium.raw.FPDF_ERR_FILE:
                raise InputError(f"{where} is a PDF without pages, which has no vector; leave it out") from error
            if error.err_code in (pdfium.raw.FPDF_ERR_PASSWORD, pdfium.raw.FPDF_ERR_SECURITY):
                raise InputError(
                    f"{where} is a PDF that is encrypted and opens with a password only; save it without one first"
                ) from error
            raise
        yield stack.enter_context(contextlib.closing(document))
