# SPDX-License-Identifier: Apache-2.0
"""PDF: from documents to pages, drawn as the reference draws them.

PDFium runs in a sandbox, one for a document: a few kilobytes of it can ask for any memory and time (forms that draw
forms, streams that unpack to gigabytes). Starting one takes about as long as drawing two pages, so it stays while pages
of its document are drawn. Threads draw different documents at the same time.
"""

from __future__ import annotations

import contextlib
import io
import math
import operator
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image as PILImage

from jina_omni.errors import InputError
from jina_omni.media.extras import require
from jina_omni.media.files import as_decode_error, kind_of, open_source, shown, unsupported
from jina_omni.media.image import grid_of_size, patches
from jina_omni.media.patches import PIXEL_LIMIT, Grid, Patches, VisionGeometry
from jina_omni.media.sandbox import Sandbox

if TYPE_CHECKING:
    from jina_omni.inputs import Pdf

__all__ = ["PdfPage", "decode", "grid_of", "pages_of", "patches_of"]

_WHAT = "a PDF"
_MIN_DPI, _MAX_DPI = 10, 1200
_UNITS_PER_INCH = 72  # PDF 1.7, 8.3.2.3

# PDFium goes on without what it gets no memory for, such as a layer of a page. So it may reserve more than it may hold.
_ADDRESS_SPACE = 4 << 30  # bytes

# Documents that stay open from being measured to being drawn. The others are opened again, so that a caller who
# measures a thousand documents first has not a thousand processes.
_KEPT_OPEN = threading.Semaphore(4)


class _Document:
    """An open document: closed when as many pages were drawn as are asked for, or with the last of them."""

    def __init__(self, n_pages: int = 1) -> None:
        self._n_pages = n_pages
        self._n_drawn = 0
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None

    def keep_open(self, sandbox: Sandbox) -> bool:
        """Take over a sandbox that has the document open, if there are not too many."""
        if not _KEPT_OPEN.acquire(blocking=False):
            return False
        weakref.finalize(sandbox, _KEPT_OPEN.release)
        self._sandbox = sandbox
        return True

    @contextlib.contextmanager
    def to_draw(self, pdf: Pdf, where: str) -> Iterator[Sandbox]:
        """Give a sandbox that has the document open, for one page; threads take turns."""
        with self._lock:
            if self._sandbox is None or not self._sandbox.is_alive:
                self._sandbox, _ = _opened(pdf, where)
            try:
                yield self._sandbox
            finally:
                self._n_drawn += 1
                if self._n_drawn % self._n_pages == 0:
                    self._sandbox.close()
                    self._sandbox = None


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
    document : _Document
        What its pages share.

    .. versionadded:: 0.1.0
    """

    pdf: Pdf
    number: int
    width: int
    height: int
    document: _Document = field(default_factory=_Document, repr=False, compare=False)


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
        It is no PDF, pypdfium2 is not installed, or this process can't start another Python.
    DecodeError
        It is damaged or cut short.
    InputError
        The file can't be read; the document is encrypted or has no pages; it does not have a page that is asked for, or
        none is; the resolution is out of range; a page has more than `PIXEL_LIMIT` pixels; opening it takes over 1 GiB,
        in which its bytes count and a file does not, or 20 seconds of a processor.

    .. versionadded:: 0.1.0
    """
    scale = _scale(pdf, where)
    with as_decode_error(_WHAT, where), contextlib.ExitStack() as stack:
        sandbox, n_pages = _opened(pdf, where)
        stack.callback(sandbox.close)
        numbers = _numbers(pdf.pages, n_pages, where)
        reply = sandbox.ask(b"measure " + b" ".join(b"%d" % number for number in numbers), _WHAT, where)
        # As in PdfPage.render of pypdfium2. PDFium has turned the page, and cut it to its crop box.
        sides = [math.ceil(float(side) * scale) for side in reply.split()]
        document = _Document(len(numbers))
        pages = [
            PdfPage(pdf, number, width, height, document)
            for number, width, height in zip(numbers, sides[::2], sides[1::2], strict=True)
        ]
        for page in pages:
            if page.width * page.height > PIXEL_LIMIT:
                raise InputError(
                    f"{_label(page, where)} has {page.width:,} x {page.height:,} pixels at {scale * _UNITS_PER_INCH:g} "
                    f"dpi, over the limit of {PIXEL_LIMIT:,}; pass a smaller dpi=, or leave the page out with pages="
                )
        if document.keep_open(sandbox):
            stack.pop_all()
    return pages


def decode(page: PdfPage, where: str = "input") -> PILImage.Image:
    """Return the pixels of a page as RGB, on white.

    Threads may decode at the same time; in one document they take turns.

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
    DecodeError
        The page is damaged, or the file has changed.
    InputError
        As in `pages_of`; or drawing the page takes over 1 GiB or 20 seconds of a processor.

    .. versionadded:: 0.1.0
    """
    request = f"draw {page.number} {_scale(page.pdf, where)!r} {page.width} {page.height}"
    with as_decode_error(_WHAT, where), page.document.to_draw(page.pdf, where) as sandbox:
        pixels = sandbox.ask(request.encode(), "a page of a PDF", _label(page, where))
    return PILImage.frombytes("RGB", (page.width, page.height), pixels, "raw", "BGR")  # PDFium's own order


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
    return grid_of_size(page.height, page.width, geometry, _label(page, where))


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
    return patches(decode(page, where), geometry, _label(page, where))


def _label(page: PdfPage, where: str) -> str:
    return f"{where}, page {page.number}"


def _scale(pdf: Pdf, where: str) -> float:
    """Return the pixels per unit of a document, checked."""
    try:
        dpi = float(pdf.dpi)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where} is a Pdf whose dpi is {shown(pdf.dpi)}; pass a number, such as 150") from error
    if not _MIN_DPI <= dpi <= _MAX_DPI:
        raise InputError(
            f"{where} is a Pdf whose dpi is {shown(pdf.dpi)}; pages are drawn at {_MIN_DPI} to {_MAX_DPI} dpi, 150 is "
            "the reference's"
        )
    return dpi / _UNITS_PER_INCH


def _numbers(pages: Sequence[int] | None, n_pages: int, where: str) -> list[int]:
    """Return the numbers of the pages to take, checked."""
    numbers = []
    try:
        for number in map(operator.index, range(n_pages) if pages is None else pages):
            if not 0 <= number < n_pages:  # at the first, of what may be a range of billions
                raise InputError(
                    f"{where} has no page {shown(number)}; its pages number {n_pages:,}, counted from 0: pass others "
                    "as pages="
                )
            numbers.append(number)
    except TypeError as error:
        raise InputError(
            f"{where} is a Pdf whose pages are {shown(pages)}; pass a sequence of page numbers, such as [0, 1] or "
            "range(10)"
        ) from error
    if not numbers:
        raise InputError(f"{where} is a Pdf with no page chosen; it has {n_pages:,}, which pages=None takes all")
    return numbers


def _opened(pdf: Pdf, where: str) -> tuple[Sandbox, int]:
    """Open a document in a new sandbox; return that and the count of the document's pages."""
    with open_source(pdf.source, where) as file:
        kind = kind_of(file, where)
        if kind != "application/pdf":
            raise unsupported(kind, "Pdf", "PDF", where)
        pdfium = require("pypdfium2", "pdf", _WHAT, where)
        data = file.getvalue() if isinstance(file, io.BytesIO) else b""
        sandbox = Sandbox(
            pdfium, _WHAT, where, "render it to images", file=None if data else file, address_space=_ADDRESS_SPACE
        )
        return sandbox, int(sandbox.ask(data, _WHAT, where))
