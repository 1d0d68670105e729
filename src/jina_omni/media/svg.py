# SPDX-License-Identifier: Apache-2.0
"""SVG, drawn by resvg in a sandbox.

A few bytes of SVG can ask for any amount of memory and time: a pattern of 100,000 x 100,000 pixels, filters on filters.
The document is checked before it is drawn, since the renderer would open local files that it refers to.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import threading
import weakref
from xml.parsers import expat

from jina_omni.errors import InputError
from jina_omni.media.decoders import import_decoder
from jina_omni.media.limits import MAX_KEPT_DRAWINGS, MAX_PIXELS, MAX_SVG_ENTITY_CHARACTERS
from jina_omni.media.picture_options import Colour
from jina_omni.media.sandbox import Sandbox

__all__ = ["Drawing", "to_png"]

_WHAT = "an SVG image"
_WHITE = (255, 255, 255)

_INTERNAL = re.compile(r"data:|#[^/\\]*$|$")  # references that stay in the document
# No digit can match in two ways, so that a malformed length of a million digits cannot cause catastrophic backtracking.
_LENGTH = re.compile(r"\s*\+?((?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)(px|in|cm|mm|pt|pc|em|ex|)\s*")
# Some of Python's other codecs, such as punycode, take time that grows with the square of the text.
_ENCODINGS = re.compile(r"ascii|utf-|iso8859-|cp125\d$|koi8-|shift_jis|euc_|gb|big5")
_PIXELS = {"": 1, "px": 1, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4, "pt": 96 / 72, "pc": 16, "em": 16, "ex": 8}

# What drawings are kept as.
_KEPT: weakref.WeakKeyDictionary[Drawing, bytes] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()
if hasattr(os, "register_at_fork"):  # so that no other thread holds it in the child
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def to_png(data: bytes, background: Colour | None = None, stop: threading.Event | None = None) -> bytes:
    """Draw an SVG file at its own size: the width and height of its root at 96 pixels per inch, or its viewBox.

    Text is drawn with the fonts of the machine. Embedded images (``data:``) are drawn too.

    Parameters
    ----------
    data : bytes
        The file.
    background : tuple of 3 int, optional
        The colour of the paper; white by default, as browsers and paper have it.
    stop : threading.Event, optional
        Ends the call soon after it is set.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    UnsupportedMediaError
        resvg-py is not installed, or this process can't start another Python.
    DecodeError
        The file is damaged.
    InputError
        It refers to other files, its entities or its size are too large, or drawing it takes over 1 GiB or 20 seconds
        of a processor.
    Cancelled
        Through `stop`.
    """
    resvg = import_decoder("resvg_py", "svg", _WHAT)
    text = _decode_text(data)
    _check(text)
    with contextlib.closing(Sandbox(resvg, _WHAT, "render it to PNG", stop=stop)) as sandbox:
        red, green, blue = background or _WHITE
        return bytes(sandbox.ask(b"#%02x%02x%02x" % (red, green, blue) + text.encode(), _WHAT, stop))


class Drawing:
    """An SVG file that is drawn to be measured, and kept as it was drawn until it is decoded.

    Its size can't be found without drawing it: a file that gives none has that of what is drawn, and sizes may come
    from entities and style sheets. It is kept as a PNG file, which takes less memory than its pixels; if
    `MAX_KEPT_DRAWINGS` leaves no room for it, it is drawn again.
    """

    def measure(self, data: bytes, background: Colour | None = None, stop: threading.Event | None = None) -> bytes:
        """Draw the file, and keep the result; see `to_png`."""
        png = to_png(data, background, stop)
        with _LOCK:
            if sum(map(len, _KEPT.values())) + len(png) <= MAX_KEPT_DRAWINGS:
                _KEPT[self] = png
        return png

    def decode(self, data: bytes, background: Colour | None = None, stop: threading.Event | None = None) -> bytes:
        """Return what was kept, once, or draw the file on the same colour; see `to_png`."""
        with _LOCK:
            png = _KEPT.pop(self, None)
        return to_png(data, background, stop) if png is None else png


def _decode_text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    declared = re.match(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.-]+)", data)
    if not declared:
        return data.decode("utf-8-sig")
    encoding = codecs.lookup(declared[1].decode()).name
    if not _ENCODINGS.match(encoding):
        raise LookupError(f"its encoding {encoding} is not one of XML's")
    return data.decode(encoding)


def _check(text: str) -> None:
    """Check a document for what must not reach the renderer: other files, entity bombs, a size over the limit."""
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    n_references = text.count("&")
    n_characters = 0
    is_root = True

    def on_entity(_name: str, _is_parameter: bool, value: str | None, *_others: str | None) -> None:  # noqa: FBT001
        nonlocal n_characters
        n_characters += len(value or "")
        # Entities of entities expand exponentially; no drawing program writes them.
        if "&" in (value or "") or n_characters * n_references > MAX_SVG_ENTITY_CHARACTERS:
            raise InputError("is an SVG image whose entities expand without bound; write them out")

    def on_element(name: str, attributes: dict[str, str]) -> None:
        nonlocal is_root
        if is_root:
            is_root = False
            _check_size(attributes)
        if _local_name(name) in ("image", "feImage"):
            for key, value in attributes.items():
                if _local_name(key) == "href" and not _INTERNAL.match(value):
                    raise InputError(
                        f"is an SVG image that refers to another file, {value[:200]!r}, which is not read; "
                        "embed it as a data: URL, or render the whole to PNG"
                    )

    parser.EntityDeclHandler = on_entity
    parser.StartElementHandler = on_element
    parser.Parse(text.encode(), True)  # noqa: FBT003


def _check_size(root: dict[str, str]) -> None:
    sides = [side for side in (root.get("width"), root.get("height")) if side not in (None, "100%")]
    sides = sides or re.split(r"[\s,]+", root.get("viewBox", "").strip())[2:]
    lengths = [found for side in sides if (found := _LENGTH.fullmatch(side))]
    if len(lengths) == 2:
        width, height = (float(length[1]) * _PIXELS[length[2]] for length in lengths)
        if width * height > MAX_PIXELS:
            raise InputError(
                f"is an SVG image of {width:,.0f} x {height:,.0f} pixels, over the limit of {MAX_PIXELS:,}; "
                "give its root a smaller width and height"
            )


def _local_name(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition(" ")[2]
