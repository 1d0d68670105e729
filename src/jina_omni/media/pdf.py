# SPDX-License-Identifier: Apache-2.0
"""PDF: the input `Pdf`, and the way from documents to pages, drawn as the reference draws them.

PDFium runs in a sandbox, one for each document: a few kilobytes can ask for any amount of memory and time (forms that
draw forms, streams that unpack to gigabytes). Starting one takes about as long as drawing two pages, so it stays while
pages of its document are drawn. Threads draw different documents at the same time.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import operator
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from PIL import Image as PILImage

from jina_omni.describe import describe_type, short_repr
from jina_omni.errors import InputError, located
from jina_omni.media.decoders import as_decode_error, import_decoder
from jina_omni.media.file_types import unsupported_type
from jina_omni.media.files import (
    BYTES_LIKE,
    FileSource,
    describe_options,
    describe_source,
    open_source,
    read_media_type,
)
from jina_omni.media.image import patch_pixels
from jina_omni.media.limits import MAX_DPI, MAX_OPEN_PDFS, MAX_PIXELS, MIN_DPI, PDF_ADDRESS_SPACE
from jina_omni.media.medium import Medium, make_still
from jina_omni.media.patches import Patches, PatchGrid, VisionGeometry
from jina_omni.media.sandbox import Sandbox
from jina_omni.media.towers import Towers

__all__ = ["Pdf", "PdfPage", "check", "decode", "find_grid", "list_pages", "measure", "read_patches"]

_WHAT = "a PDF"
_DEFAULT_DPI = 150
_UNITS_PER_INCH = 72  # PDF 1.7, 8.3.2.3

# Documents that stay open from being measured to being drawn. The others are opened again, so that a caller who
# measures a thousand documents first does not start a thousand processes.
_OPEN_DOCUMENTS = threading.Semaphore(MAX_OPEN_PDFS)


# Compared by identity, as all media are.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pdf:
    """A PDF document: all its pages, as images, fused into one vector.

    Parameters
    ----------
    source : path or bytes-like
        A path (a str too, here), or the bytes of a file. It is read when it is embedded, not before.
    pages : sequence of int, optional
        Which pages, counted from 0, in this order; all by default.
    dpi : float
        Resolution at which pages are drawn, in pixels per inch; the reference has 150.

    Examples
    --------
    >>> Pdf("paper.pdf", pages=[0, 1])
    Pdf('paper.pdf', pages=[0, 1])
    """

    source: FileSource
    pages: Sequence[int] | None = field(default=None, kw_only=True)
    dpi: float = field(default=_DEFAULT_DPI, kw_only=True)

    def __repr__(self) -> str:
        dpi = f", dpi={self.dpi}" if self.dpi != _DEFAULT_DPI else ""
        return f"Pdf({describe_source(self.source)}{describe_options(self, 'pages')}{dpi})"

    def split(self) -> list[Pdf]:
        """Return each page as a document of its own, for one vector per page.

        The file is read now, to count its pages, and again when they are embedded.

        Returns
        -------
        list of Pdf
            In the order of `pages`.

        Raises
        ------
        InputError
            The document can't be read, is encrypted, or does not have these pages.

        Examples
        --------
        >>> import io
        >>> file, page = io.BytesIO(), PILImage.new("RGB", (8, 8))
        >>> page.save(file, "PDF", save_all=True, append_images=[page])
        >>> [page.pages for page in Pdf(file.getvalue()).split()]
        [[0], [1]]
        """
        with located(((repr(self), None),)):
            return [replace(self, pages=[page.number]) for page in list_pages(self)]


class _Document:
    """An open document, which closes once all the pages that were asked for are drawn."""

    def __init__(self, n_pages: int = 1) -> None:
        self._n_pages = n_pages
        self._n_drawn = 0
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None

    def keep_open(self, sandbox: Sandbox) -> bool:
        """Take over a sandbox that has the document open, unless too many are open."""
        if not _OPEN_DOCUMENTS.acquire(blocking=False):
            return False
        weakref.finalize(sandbox, _OPEN_DOCUMENTS.release)
        self._sandbox = sandbox
        return True

    @contextlib.contextmanager
    def lend_sandbox(self, pdf: Pdf) -> Iterator[Sandbox]:
        """Lend a sandbox that has the document open, to draw one page; threads take turns."""
        with self._lock:
            if self._sandbox is None or not self._sandbox.is_alive:
                self._sandbox, _ = _open_document(pdf)
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
        The open document, which its pages share.
    """

    pdf: Pdf
    number: int
    width: int
    height: int
    document: _Document = field(default_factory=_Document, repr=False, compare=False)


def check(pdf: Pdf) -> None:
    """Check that a document's source is of a type that is taken.

    Raises
    ------
    InputError
        It is not.
    """
    if not isinstance(pdf.source, (str, os.PathLike, *BYTES_LIKE)):
        raise InputError(f"is a Pdf whose source is {describe_type(pdf.source)}; jina_omni.Pdf takes a path or bytes")


def measure(pdf: Pdf, towers: Towers, *, truncate: bool) -> list[Medium]:  # noqa: ARG001 - nothing to cut
    """Measure the pages of a document, for the vision tower.

    Parameters
    ----------
    pdf : Pdf
    towers : Towers
    truncate : bool
        As `jina_omni.media.kinds.measure` has it.

    Raises
    ------
    InputError
        As in `list_pages` and `find_grid`.
    ModalityNotLoadedError
        The vision tower is not loaded.
    """
    geometry = towers.require_vision("a PDF")
    return [
        make_still(find_grid(page, geometry), functools.partial(read_patches, page, geometry), geometry)
        for page in list_pages(pdf)
    ]


def list_pages(pdf: Pdf) -> list[PdfPage]:
    """Return the pages of a document that are to be embedded, measured but not yet drawn.

    Parameters
    ----------
    pdf : Pdf

    Returns
    -------
    list of PdfPage
        At least one.

    Raises
    ------
    UnsupportedMediaError
        It is not a PDF, pypdfium2 is not installed, or this process can't start another Python.
    DecodeError
        It is damaged or cut short.
    InputError
        The file can't be read; the document is encrypted or has no pages; it does not have a page that is asked for, or
        none is; the resolution is out of range; a page has more than `MAX_PIXELS` pixels; opening it takes over 1 GiB,
        in which its bytes count and a file does not, or 20 seconds of a processor.
    """
    scale = _check_scale(pdf)
    with as_decode_error(_WHAT), contextlib.ExitStack() as stack:
        sandbox, n_pages = _open_document(pdf)
        stack.callback(sandbox.close)
        numbers = _check_numbers(pdf.pages, n_pages)
        reply = sandbox.ask(b"measure " + b" ".join(b"%d" % number for number in numbers), _WHAT)
        # As in PdfPage.render of pypdfium2. PDFium has turned the page, and cut it to its crop box.
        sides = [math.ceil(float(side) * scale) for side in reply.split()]
        document = _Document(len(numbers))
        pages = [
            PdfPage(pdf, number, width, height, document)
            for number, width, height in zip(numbers, sides[::2], sides[1::2], strict=True)
        ]
        for page in pages:
            if page.width * page.height > MAX_PIXELS:
                raise InputError(
                    f"has {page.width:,} x {page.height:,} pixels at {scale * _UNITS_PER_INCH:g} dpi, over the limit "
                    f"of {MAX_PIXELS:,}; pass a smaller dpi=, or leave the page out with pages=",
                    location=(("page", page.number),),
                )
        if document.keep_open(sandbox):
            stack.pop_all()
    return pages


def decode(page: PdfPage) -> PILImage.Image:
    """Return the pixels of a page as RGB, on white.

    Threads may decode at the same time; in one document they take turns.

    Parameters
    ----------
    page : PdfPage
        As `list_pages` returns it.

    Returns
    -------
    PIL.Image.Image
        Of the mode RGB.

    Raises
    ------
    DecodeError
        The page is damaged, or the file has changed.
    InputError
        As in `list_pages`; or drawing the page takes over 1 GiB or 20 seconds of a processor.
    """
    request = f"draw {page.number} {_check_scale(page.pdf)!r} {page.width} {page.height}"
    with located(page=page.number), as_decode_error(_WHAT), page.document.lend_sandbox(page.pdf) as sandbox:
        pixels = sandbox.ask(request.encode(), "a page of a PDF")
    return PILImage.frombytes("RGB", (page.width, page.height), pixels, "raw", "BGR")  # PDFium's own order


def find_grid(page: PdfPage, geometry: VisionGeometry) -> PatchGrid:
    """Return the grid of the patches of a page, without drawing it.

    Parameters
    ----------
    page : PdfPage
        As `list_pages` returns it.
    geometry : VisionGeometry
        Of the vision file.

    Returns
    -------
    tuple of int
        (1, h, w), in patches.

    Raises
    ------
    InputError
        The page is more than 200 times as long as wide.
    """
    with located(page=page.number):
        return geometry.image_grid(page.height, page.width)


def read_patches(page: PdfPage, geometry: VisionGeometry) -> tuple[Patches, PatchGrid]:
    """Return a page as the patches that the vision tower takes: `decode`, then `image.patch_pixels`.

    Parameters
    ----------
    page : PdfPage
        As `list_pages` returns it.
    geometry : VisionGeometry
        Of the vision file.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack_patches`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError
        As in `decode` and `find_grid`.
    """
    pixels = decode(page)
    with located(page=page.number):
        return patch_pixels(pixels, geometry)


def _check_scale(pdf: Pdf) -> float:
    """Check the resolution of a document, and return its pixels per unit."""
    try:
        dpi = float(pdf.dpi)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"is a Pdf whose dpi is {short_repr(pdf.dpi)}; pass a number, such as 150") from error
    if not MIN_DPI <= dpi <= MAX_DPI:
        raise InputError(
            f"is a Pdf whose dpi is {short_repr(pdf.dpi)}; pages are drawn at {MIN_DPI} to {MAX_DPI} dpi, 150 is "
            "the reference's"
        )
    return dpi / _UNITS_PER_INCH


def _check_numbers(pages: Sequence[int] | None, n_pages: int) -> list[int]:
    """Check the numbers of the pages to take, and return them."""
    numbers = []
    try:
        for number in map(operator.index, range(n_pages) if pages is None else pages):
            if not 0 <= number < n_pages:  # refused at the first, since it may be a range of billions
                raise InputError(
                    f"has no page {short_repr(number)}; it has {n_pages:,} pages, counted from 0: pass others as pages="
                )
            numbers.append(number)
    except TypeError as error:
        raise InputError(
            f"is a Pdf whose pages are {short_repr(pages)}; pass a sequence of page numbers, such as [0, 1] or "
            "range(10)"
        ) from error
    if not numbers:
        raise InputError(f"is a Pdf with no page chosen; it has {n_pages:,}, which pages=None takes all")
    return numbers


def _open_document(pdf: Pdf) -> tuple[Sandbox, int]:
    """Open a document in a new sandbox; return the sandbox and the number of the document's pages."""
    with open_source(pdf.source) as file:
        media_type = read_media_type(file)
        if media_type != "application/pdf":
            raise unsupported_type(media_type, "pdf")
        pdfium = import_decoder("pypdfium2", "pdf", _WHAT)
        data = file.getvalue() if isinstance(file, io.BytesIO) else b""
        sandbox = Sandbox(
            pdfium, _WHAT, "render it to images", file=None if data else file, address_space=PDF_ADDRESS_SPACE
        )
        return sandbox, int(sandbox.ask(data, _WHAT))
