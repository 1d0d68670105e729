# SPDX-License-Identifier: Apache-2.0
"""The program of a sandbox: a decoder, in a process that it may end.

`sandbox` runs this file by its path, in a Python that sees the standard library, the folder of the decoder's package,
and nothing of this library. A request comes on stdin: 8 bytes of its length, and its body. A reply goes to stdout: one
byte of its status, the length, the body. A first reply without a request says that the package was imported.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import math
import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any


class Refused(Exception):  # noqa: N818 - not an error of the decoder
    """A document is whole, but can't be drawn; the text is what the caller's error says of the input."""


def svg(resvg: ModuleType, requests: Iterator[bytes], _file: io.BufferedReader | None) -> Iterator[bytes]:
    """Reply to each drawing with a PNG file; before it stands the colour of its background, such as ``#ffffff``."""
    for request in requests:
        background, text = request[:7].decode(), request[7:].decode()
        # Without a language, what is for one alone would be left out.
        yield resvg.svg_to_bytes(svg_string=text, dpi=96, background=background, languages=["en"])


def pdf(pdfium: ModuleType, requests: Iterator[bytes], file: io.BufferedReader | None) -> Iterator[bytes | memoryview]:
    """Reply to a password, which may be empty, with nothing, and to the document's bytes with the number of pages.

    The bytes are empty where it is a file. Then there are requests about the pages: ``measure 0 2`` asks for the widths
    and heights of pages, NaN for those that can't be read. ``draw 2 2.5 100 200 1`` asks for the pixels, BGR, of a page
    at a scale at which it has this width and height, with the fields of its form or, with 0, without.
    """
    password = next(requests).decode()
    yield b""
    data = next(requests)
    document = _open_document(pdfium, file or data, password)
    draw_form = _Forms(pdfium, document).draw
    yield b"%d" % len(document)
    unchanged = _read_state(file)
    for request in requests:
        command, *arguments = request.split()
        if command == b"measure":
            sides = [side for number in arguments for side in _measure(pdfium, document, int(number))]
            yield " ".join(map(repr, sides)).encode()
            continue
        number, scale, width, height, has_forms = arguments
        page = document[int(number)]
        bitmap = page.render(scale=float(scale))
        if (bitmap.width, bitmap.height) != (int(width), int(height)):
            raise ValueError("its size is another than when it was measured")
        if has_forms == b"1":
            draw_form(page, bitmap)
        if _read_state(file) != unchanged:
            raise ValueError("the file changed while it was read")
        yield memoryview(bitmap.buffer).cast("B")
        bitmap.close()
        page.close()


def _open_document(pdfium: ModuleType, source: io.BufferedReader | bytes, password: str) -> Any:
    try:
        return pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium.raw.FPDF_ERR_SUCCESS:
            raise Refused("is a PDF without pages, which has no vector; leave it out") from error
        if error.err_code == pdfium.raw.FPDF_ERR_SECURITY:
            raise Refused("is a PDF whose kind of encryption is not supported; save it unencrypted first") from error
        if error.err_code != pdfium.raw.FPDF_ERR_PASSWORD:
            raise
    if not password:
        raise Refused(
            "is a PDF that is encrypted and opens with a password only; pass it as password=, or save it without one "
            "first"
        )
    try:
        return pdfium.PdfDocument(source, password=password)
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium.raw.FPDF_ERR_PASSWORD:
            raise Refused("is a PDF that its password= does not open; pass another") from error
        raise


def _measure(pdfium: ModuleType, document: Any, number: int) -> tuple[float, float]:
    try:
        width, height = document.get_page_size(number)
    except pdfium.PdfiumError:
        return math.nan, math.nan
    return width, height


class _Forms:
    """The fields of a document's form, which PDFium keeps apart from its pages.

    Its own functions are called, since the package has them for documents with a whole form only: where documents were
    merged, fields may be left without it, which viewers show too.
    """

    def __init__(self, pdfium: ModuleType, document: Any) -> None:
        self._raw = pdfium.raw
        self._config = pdfium.raw.FPDF_FORMFILLINFO(version=2)  # PDFium keeps a pointer to it
        self._environment = self._raw.FPDFDOC_InitFormFillEnvironment(document, ctypes.byref(self._config))
        if not self._environment:
            raise MemoryError

    def draw(self, page: Any, bitmap: Any) -> None:
        """Draw the fields of a page over it, as a viewer shows them, but without marking those that can be filled."""
        raw = self._raw
        raw.FORM_OnAfterLoadPage(page, self._environment)
        raw.FPDF_RemoveFormFieldHighlight(self._environment)
        raw.FPDF_FFLDraw(self._environment, bitmap, page, 0, 0, bitmap.width, bitmap.height, 0, raw.FPDF_ANNOT)
        raw.FORM_OnBeforeClosePage(page, self._environment)


def _read_state(file: io.BufferedReader | None) -> tuple[int, int] | None:
    if file is None:
        return None
    state = os.fstat(file.fileno())
    return state.st_size, state.st_mtime_ns


def _open(source: str) -> io.BufferedReader:
    """Open a file by its descriptor; on Windows, which inherits none, by its path."""
    if sys.platform != "win32":
        return open(int(source), "rb")  # noqa: PTH123
    import _winapi
    import msvcrt

    share_all = 7  # FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, so that others may delete it meanwhile
    handle = _winapi.CreateFile(
        source, _winapi.GENERIC_READ, share_all, _winapi.NULL, _winapi.OPEN_EXISTING, 0, _winapi.NULL
    )
    return open(msvcrt.open_osfhandle(handle, os.O_RDONLY), "rb")  # noqa: PTH123


_DECODERS = {"resvg_py": svg, "pypdfium2": pdf}


def main(package: str, folder: str, memory_limit: int, time_limit: int, source: str) -> None:
    """Run the decoder of a package that lies in a folder.

    Parameters
    ----------
    package, folder : str
        The name of the package, and where it lies.
    memory_limit : int
        Bytes of address space, where the system can bound it.
    time_limit : int
        Seconds for a reply. The parent process counts them too, but may have ended by then.
    source : str
        The path of a file, or the number of an open one, that the decoder is to read; may be empty.
    """
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    except (ImportError, OSError, ValueError):
        pass  # Windows has no such limits, macOS refuses this one
    alarm = getattr(signal, "alarm", lambda _seconds: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process

    def send(status: bytes, body: bytes | memoryview) -> None:
        alarm(0)
        sys.stdout.buffer.write(status + len(body).to_bytes(8, "little"))
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()

    def requests() -> Iterator[bytes]:
        while head := sys.stdin.buffer.read(8):
            body = sys.stdin.buffer.read(int.from_bytes(head, "little"))
            alarm(time_limit)
            yield body

    sys.path.insert(0, folder)
    try:
        decoder = importlib.import_module(package)
        file = _open(source) if source else None
        send(b"+", b"")
        for reply in _DECODERS[package](decoder, requests(), file):
            send(b"+", reply)
    except MemoryError:
        sys.exit("MemoryError")
    except Refused as refusal:
        send(b"!", str(refusal).encode())
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything
        send(b"-", f"{type(error).__name__}: {error}".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
