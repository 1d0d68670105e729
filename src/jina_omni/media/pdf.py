# SPDX-License-Identifier: Apache-2.0
"""PDF: the input `Pdf`, and the way from documents to pages, drawn as the reference draws them, but with their forms.

`open_pdfs` has the processes that draw.
"""

from __future__ import annotations

import functools
import logging
import math
import operator
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL import Image as PILImage

from jina_omni.arguments import hint_at_unknown_arguments, suggest_arguments
from jina_omni.describe import describe_type, short_repr
from jina_omni.errors import DecodeError, InputError, located
from jina_omni.media.decoders import as_decode_error
from jina_omni.media.files import BYTES_LIKE, FileSource, describe_options, describe_source
from jina_omni.media.image import patch_pixels
from jina_omni.media.limits import MAX_DPI, MAX_PIXELS, MIN_DPI
from jina_omni.media.medium import Medium, make_still
from jina_omni.media.notebook import render_medium, show_picture
from jina_omni.media.open_files import read_if_open
from jina_omni.media.open_pdfs import count_pages, draw_page, measure_pages
from jina_omni.media.patches import Patches, PatchGrid, VisionGeometry
from jina_omni.media.towers import Towers

__all__ = ["Pdf", "PdfPage", "check", "decode", "find_grid", "list_pages", "measure", "read_patches"]

_log = logging.getLogger("jina_omni")

_WHAT = "a PDF"
_DEFAULT_DPI = 150
_UNITS_PER_INCH = 72  # PDF 1.7, 8.3.2.3


# Compared by identity, as all media are.
@suggest_arguments
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pdf:
    """A PDF document: all its pages, as images, fused into one vector.

    Parameters
    ----------
    source : path, bytes-like or open file
        A path (a str too, here), or the bytes of a file. An open file is read at once, from its start; a path when it
        is embedded, not before.
    pages : sequence of int, optional
        Which pages, counted from 0, in this order; all by default.
    dpi : float
        Resolution at which pages are drawn, in pixels per inch; the reference has 150.
    forms : bool
        Draw what is filled into the fields of a form, as viewers do. The reference leaves it out.
    password : str, optional
        Opens an encrypted document; that of its user or of its owner. A document whose owner only restricts its readers
        needs none.

    Examples
    --------
    >>> Pdf("paper.pdf", pages=[0, 1])
    Pdf('paper.pdf', pages=[0, 1])
    """

    source: FileSource
    pages: Sequence[int] | None = field(default=None, kw_only=True)
    dpi: float = field(default=_DEFAULT_DPI, kw_only=True)
    forms: bool = field(default=True, kw_only=True)
    password: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", read_if_open(self.source))

    def __repr__(self) -> str:
        dpi = f", dpi={self.dpi}" if self.dpi != _DEFAULT_DPI else ""
        forms = "" if self.forms else ", forms=False"
        password = "" if self.password is None else ", password=..."  # logs and messages show reprs
        return f"Pdf({describe_source(self.source)}{describe_options(self, 'pages')}{dpi}{forms}{password})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the first page, small."""
        return render_medium(self, lambda: _draw(self))

    @hint_at_unknown_arguments({})
    def split(self) -> list[Pdf]:
        """Return each page as a document of its own, for one vector per page.

        The file is read now, to count its pages, and again when they are embedded. The pages share one process that
        draws them, in one call and in calls within seconds of each other.

        Returns
        -------
        list of Pdf
            In the order of `pages`.

        Raises
        ------
        InputError
            The document can't be read, is encrypted and the password does not open it, or does not have these pages.

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
    """

    pdf: Pdf
    number: int
    width: int
    height: int


def check(pdf: Pdf) -> None:
    """Check that a document's source and its options are of types that are taken.

    Raises
    ------
    InputError
        They are not.
    """
    if not isinstance(pdf.source, (str, os.PathLike, *BYTES_LIKE)):
        raise InputError(
            f"is a Pdf whose source is {describe_type(pdf.source)}; jina_omni.Pdf takes a path, bytes or an open file"
        )
    if not isinstance(pdf.forms, bool):
        raise InputError(f"is a Pdf whose forms is {short_repr(pdf.forms)}; pass True or False")
    if pdf.password is not None and not (isinstance(pdf.password, str) and _is_unicode(pdf.password)):
        raise InputError(f"is a Pdf whose password is {describe_type(pdf.password)}; pass a str without surrogates")


def _draw(pdf: Pdf) -> str:
    check(pdf)
    pages = list_pages(pdf)
    n_more = f"<p>and {len(pages) - 1:,} more</p>" if len(pages) > 1 else ""
    return show_picture(decode(pages[0])) + n_more


def measure(
    pdf: Pdf,
    towers: Towers,
    *,
    truncate: bool,  # noqa: ARG001 - nothing to cut
    stop: threading.Event | None = None,
) -> list[Medium]:
    """Measure the pages of a document, for the vision tower.

    Parameters
    ----------
    pdf : Pdf
    towers : Towers
    truncate : bool
        As `jina_omni.media.kinds.measure` has it.
    stop : threading.Event, optional
        As in `list_pages`.

    Raises
    ------
    InputError, Cancelled
        As in `list_pages` and `find_grid`.
    ModalityNotLoadedError
        The vision tower is not loaded.
    """
    geometry = towers.require_vision("a PDF")
    media = (
        make_still(find_grid(page, geometry), functools.partial(read_patches, page, geometry), geometry)
        for page in list_pages(pdf, stop)
    )
    return [replace(medium, n_pages=1) for medium in media]


def list_pages(pdf: Pdf, stop: threading.Event | None = None) -> list[PdfPage]:
    """Return the pages of a document that are to be embedded, measured but not yet drawn.

    A page without area, which a crop box can leave, shows nothing: it is left out with a warning in the log.

    Parameters
    ----------
    pdf : Pdf
    stop : threading.Event, optional
        Ends the call soon after it is set.

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
        The file can't be read; the document is encrypted and the password does not open it; it has no pages, or none
        with an area; it does not have a page that is asked for, or none is; the resolution is out of range; a page has
        more than `MAX_PIXELS` pixels; opening it takes over 1 GiB, in which its bytes count and a file does not, or 20
        seconds of a processor.
    Cancelled
        Through `stop`.
    """
    scale = _check_scale(pdf)
    with as_decode_error(_WHAT):
        # The document is returned in between: the numbers come from the caller's own object.
        numbers = _check_numbers(pdf.pages, count_pages(pdf.source, pdf.password or "", stop))
        sides = measure_pages(pdf.source, pdf.password or "", numbers, stop)
        pages = []
        for number, width, height in zip(numbers, sides[::2], sides[1::2], strict=True):
            if math.isnan(width):
                raise DecodeError(
                    "can't be read, so it is damaged or missing; leave it out with pages=", location=(("page", number),)
                )
            if width > 0 and height > 0:
                # As in PdfPage.render of pypdfium2. PDFium has turned the page, and cut it to its crop box.
                pages.append(PdfPage(pdf, number, math.ceil(width * scale), math.ceil(height * scale)))
            else:
                _log.warning("%r: page %d has no area, as its boxes have it, and is left out", pdf, number)
        if not pages:
            raise InputError("is a PDF none of whose pages has an area, as their boxes have it; leave it out")
        for page in pages:
            if page.width * page.height > MAX_PIXELS:
                raise InputError(
                    f"has {page.width:,} x {page.height:,} pixels at {scale * _UNITS_PER_INCH:g} dpi, over the limit "
                    f"of {MAX_PIXELS:,}; pass a smaller dpi=, or leave the page out with pages=",
                    location=(("page", page.number),),
                )
    return pages


def decode(page: PdfPage, stop: threading.Event | None = None) -> PILImage.Image:
    """Return the pixels of a page as RGB, on white.

    Threads may decode at the same time; in one document they take turns.

    Parameters
    ----------
    page : PdfPage
        As `list_pages` returns it.
    stop : threading.Event, optional
        As in `list_pages`.

    Returns
    -------
    PIL.Image.Image
        Of the mode RGB.

    Raises
    ------
    DecodeError
        The page is damaged, or has another size since the file has changed.
    InputError
        As in `list_pages`; or drawing the page takes over 1 GiB or 20 seconds of a processor.
    Cancelled
        Through `stop`.
    """
    with located(page=page.number), as_decode_error(_WHAT):
        pixels = draw_page(
            page.pdf.source,
            page.pdf.password or "",
            page.number,
            _check_scale(page.pdf),
            (page.width, page.height),
            forms=page.pdf.forms,
            stop=stop,
        )
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


def read_patches(
    page: PdfPage, geometry: VisionGeometry, stop: threading.Event | None = None
) -> tuple[Patches, PatchGrid]:
    """Return a page as the patches that the vision tower takes: `decode`, then `image.patch_pixels`.

    Parameters
    ----------
    page : PdfPage
        As `list_pages` returns it.
    geometry : VisionGeometry
        Of the vision file.
    stop : threading.Event, optional
        As in `list_pages`.

    Returns
    -------
    array of float32, shape (h * w, 3 * 2 * patch_size**2)
        See `pack_patches`.
    tuple of int
        The grid (1, h, w), in patches.

    Raises
    ------
    InputError, Cancelled
        As in `decode` and `find_grid`.
    """
    pixels = decode(page, stop)
    with located(page=page.number):
        return patch_pixels(pixels, geometry)


def _is_unicode(text: str) -> bool:
    """Return whether a str can be encoded, which one with lone surrogates can't."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _check_scale(pdf: Pdf) -> float:
    """Check the resolution of a document, and return its pixels per unit."""
    try:
        dpi = float(pdf.dpi)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"is a Pdf whose dpi is {short_repr(pdf.dpi)}; pass a number, such as 150") from None
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
    except TypeError:
        raise InputError(
            f"is a Pdf whose pages are {short_repr(pages)}; pass a sequence of page numbers, such as [0, 1] or "
            "range(10)"
        ) from None
    if not numbers:
        raise InputError(f"is a Pdf with no page chosen; it has {n_pages:,}, which pages=None takes all")
    return numbers
