# SPDX-License-Identifier: Apache-2.0
"""The PDFs that are open, each in a sandbox, which all that read the same source share.

PDFium runs in a sandbox: a few kilobytes can ask for any amount of memory and time (forms that draw forms, streams that
unpack to gigabytes). Starting one and opening a document in it takes as long as drawing several pages. So a document
stays open for the pages that are asked for next, by whichever `Pdf` and in whichever call, until none was asked for a
while, or until others need its place. Threads draw different documents at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import time
import weakref
from collections.abc import Hashable, Iterator, Sequence
from typing import BinaryIO

from jina_omni.errors import Cancelled, InputError
from jina_omni.media.decoders import import_decoder
from jina_omni.media.file_types import unsupported_type
from jina_omni.media.files import FileSource, open_source, read_media_type
from jina_omni.media.limits import MAX_OPEN_PDFS, MAX_PDF_GROWTH, PDF_ADDRESS_SPACE, PDF_IDLE_SECONDS
from jina_omni.media.sandbox import NO_TIME, Sandbox, Seconds

__all__ = ["count_pages", "draw_page", "measure_pages"]

_WHAT = "a PDF"
_POLL = 0.05  # seconds between two looks at the caller's event, while another thread has the document
_HASHED = 1 << 22  # bytes that are hashed between two of them: some milliseconds


def count_pages(source: FileSource, password: str, stop: threading.Event | None = None) -> int:
    """Return the number of pages of a document.

    Parameters
    ----------
    source : path or bytes-like
    password : str
        Empty where it needs none.
    stop : threading.Event, optional
        Ends the call soon after it is set.

    Raises
    ------
    UnsupportedMediaError
        It is not a PDF, pypdfium2 is not installed, or this process can't start another Python.
    DecodeError
        It is damaged or cut short.
    InputError
        The file can't be read; the document is encrypted and the password does not open it; it has no pages; or
        opening it takes more memory or time than it may.
    Cancelled
        Through `stop`.
    """
    with _lend(source, password, stop) as document:
        return document.n_pages


def measure_pages(
    source: FileSource, password: str, numbers: Sequence[int], stop: threading.Event | None = None
) -> list[float]:
    """Return the width and height of pages, one after the other, in units of 1/72 inch.

    Those of a page that can't be read are NaN.

    Parameters
    ----------
    source, password
        As in `count_pages`.
    numbers : sequence of int
        Of the pages, from 0.
    stop : threading.Event, optional
        As in `count_pages`.

    Raises
    ------
    InputError, Cancelled
        As in `count_pages`.
    """
    with _lend(source, password, stop) as document:
        reply = document.ask(b"measure " + b" ".join(b"%d" % number for number in numbers), _WHAT, stop)
    return [float(side) for side in reply.split()]


def draw_page(
    source: FileSource,
    password: str,
    number: int,
    scale: float,
    size: tuple[int, int],
    *,
    forms: bool,
    stop: threading.Event | None = None,
) -> bytes | bytearray:
    """Return the pixels of a page, BGR.

    What becomes of a page does not depend on the pages before it: one that fails in a process that has drawn others,
    which may hold some of the memory, is drawn again in a new process, in the time that is left to it.

    Parameters
    ----------
    source, password
        As in `count_pages`.
    number : int
        Of the page, from 0.
    scale : float
        Pixels per unit.
    size : tuple of int
        Width and height in pixels, as the page was measured.
    forms : bool
        Draw the fields of its form too.
    stop : threading.Event, optional
        As in `count_pages`.

    Raises
    ------
    DecodeError
        The page is damaged, or has another size by now.
    InputError
        As in `count_pages`; or drawing the page takes more memory or time than it may.
    Cancelled
        Through `stop`.
    """
    width, height = size
    request, what = f"draw {number} {scale!r} {width} {height} {forms:d}".encode(), "a page of a PDF"
    with _lend(source, password, stop) as document:
        may_try_again = document.has_drawn
        document.has_drawn = True
        try:
            return document.ask(request, what, stop)
        except InputError:
            if not may_try_again or document.is_out_of_time:
                raise
            taken = document.taken
    with _lend(source, password, stop, new=True) as document:
        document.has_drawn = True
        return document.ask(request, what, stop, taken)


class _Document:
    """A document, opened in a new sandbox; one thread at a time may ask it.

    Attributes
    ----------
    source : bytes or None
        Those that it was opened from, by which they are recognised without hashing them again.
    password : str
    n_pages : int
    has_drawn : bool
        Whether a page was asked for.
    """

    def __init__(self, source: FileSource, password: str, file: BinaryIO, stop: threading.Event | None) -> None:
        media_type = read_media_type(file)
        if media_type != "application/pdf":
            raise unsupported_type(media_type, "pdf")
        pdfium = import_decoder("pypdfium2", "pdf", _WHAT)
        data = file.getvalue() if isinstance(file, io.BytesIO) else b""
        self._sandbox = Sandbox(
            pdfium,
            _WHAT,
            "render it to images",
            file=None if data else file,
            address_space=PDF_ADDRESS_SPACE,
            stop=stop,
        )
        try:
            self.ask(password.encode(), _WHAT, stop)
            self.n_pages = int(self.ask(data, _WHAT, stop))
        except BaseException:
            self.close()
            raise
        self.source = source if isinstance(source, bytes) else None
        self.password = password
        self.has_drawn = False
        self._memory = self._sandbox.memory

    @property
    def is_alive(self) -> bool:
        return self._sandbox.is_alive

    @property
    def is_out_of_time(self) -> bool:
        """Whether the process was ended because a reply took too long."""
        return self._sandbox.is_out_of_time

    @property
    def taken(self) -> Seconds:
        """What the last reply took; see `Sandbox`."""
        return self._sandbox.taken

    @property
    def has_grown(self) -> bool:
        """Whether the process holds much more than when it had opened the document, such as all pages so far."""
        return self._sandbox.memory > self._memory + MAX_PDF_GROWTH

    def ask(
        self, request: bytes, what: str, stop: threading.Event | None, taken: Seconds = NO_TIME
    ) -> bytes | bytearray:
        return self._sandbox.ask(request, what, stop, taken)

    def close(self) -> None:
        self._sandbox.close()


class _Place:
    """A place for an open document, which one thread at a time may use.

    Attributes
    ----------
    key : hashable
        What the document is known by; see `_OpenDocuments`.
    document : _Document or None
        None until it is open.
    loan : weakref to _Loan, or None
        Of the last thread that used it. One that Ctrl-C interrupts may not return it, but loses it with its frames.
    last_use : float
        When it was returned, by `time.monotonic`.
    """

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.document: _Document | None = None
        self.loan: weakref.ref[_Loan] | None = None
        self.last_use = time.monotonic()

    @property
    def is_lent(self) -> bool:
        return self.loan is not None and self.loan() is not None

    def close(self) -> None:
        if self.document is not None:
            self.document.close()


class _Loan:
    """The right of a thread to use the document of a place, until it is returned or this object is gone."""

    document: _Document

    def __init__(self, place: _Place) -> None:
        self.place = place
        place.loan = weakref.ref(self)


class _OpenDocuments:
    """The open documents, at most `MAX_OPEN_PDFS`.

    They are known by what they were opened from: a file by its device, number, size and times, so that one that has
    changed is another document; bytes by their digest. The password that opened them counts too.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without any, as a fork does: the processes are those of its parent."""
        self._changed = threading.Condition()
        self._places: dict[Hashable, _Place] = {}  # the least recently used first
        self._has_closer = False

    def borrow(self, source: FileSource, password: str, stop: threading.Event | None, *, new: bool) -> _Loan:
        """Lend a document, opened if it is not yet; wait while other threads use it, or all that are open.

        Parameters
        ----------
        source, password, stop
            As in `count_pages`.
        new : bool
            Open it in a new process if the present one has drawn pages.
        """
        with open_source(source) as file:
            key = self._find_key(source, password, file, stop)
            with self._changed:
                while True:
                    _check(stop)
                    place = self._find_free(key)
                    if place is not None:
                        break
                    self._changed.wait(_POLL)
                loan = _Loan(place)
            try:
                document = place.document
                if document is None or not document.is_alive or (new and document.has_drawn):
                    place.close()
                    document = place.document = _Document(source, password, file, stop)
            except BaseException:
                self.give_back(loan)
                raise
        loan.document = document
        return loan

    def give_back(self, loan: _Loan) -> None:
        """Let other threads use a document, unless its process has ended or holds too much."""
        place, document = loan.place, loan.place.document
        if document is not None and document.has_grown:
            document.close()
        with self._changed:
            place.loan = None
            place.last_use = time.monotonic()
            self._places.pop(place.key, None)
            if document is not None and document.is_alive:
                self._places[place.key] = place
                if not self._has_closer:
                    threading.Thread(target=self._close_idle, name="jina_omni_pdf", daemon=True).start()
                    self._has_closer = True
            self._changed.notify_all()

    def close(self, idle_for: float = 0) -> None:
        """Close the documents that no thread has used for so many seconds."""
        with self._changed:
            for place in self._unused():
                if time.monotonic() - place.last_use >= idle_for:
                    place.close()
                    del self._places[place.key]

    def _find_key(self, source: FileSource, password: str, file: BinaryIO, stop: threading.Event | None) -> Hashable:
        if not isinstance(file, io.BytesIO):
            state = os.fstat(file.fileno())
            return password, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
        with self._changed:
            for place in self._places.values():
                document = place.document
                if document is not None and document.source is source and document.password == password:
                    return place.key
        digest = hashlib.sha256()
        while part := file.read(_HASHED):
            _check(stop)
            digest.update(part)
        file.seek(0)
        return password, digest.digest()

    def _find_free(self, key: Hashable) -> _Place | None:
        """Return the place of the document with this key; None while another thread uses it, or all places."""
        place = self._places.get(key)
        if place is None:
            if len(self._places) == MAX_OPEN_PDFS:
                unused = self._unused()
                if not unused:
                    return None
                unused[0].close()
                del self._places[unused[0].key]
            place = self._places[key] = _Place(key)
        return None if place.is_lent else place

    def _unused(self) -> list[_Place]:
        return [place for place in self._places.values() if not place.is_lent]

    def _close_idle(self) -> None:
        """Close each document when nobody has used it for `PDF_IDLE_SECONDS`, until none is open."""
        while True:
            self.close(idle_for=PDF_IDLE_SECONDS)
            with self._changed:
                if not self._places:
                    self._has_closer = False
                    return
                last_use = min((place.last_use for place in self._unused()), default=time.monotonic())
            time.sleep(max(0, last_use + PDF_IDLE_SECONDS - time.monotonic()))


_OPEN = _OpenDocuments()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_OPEN.forget)


@contextlib.contextmanager
def _lend(source: FileSource, password: str, stop: threading.Event | None, *, new: bool = False) -> Iterator[_Document]:
    """Lend a document to this thread; see `_OpenDocuments.borrow`."""
    loan = _OPEN.borrow(source, password, stop, new=new)
    try:
        yield loan.document
    finally:
        _OPEN.give_back(loan)


def _check(stop: threading.Event | None) -> None:
    """Raise `Cancelled` once the caller gives up."""
    if stop is not None and stop.is_set():
        raise Cancelled
