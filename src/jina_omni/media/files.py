# SPDX-License-Identifier: Apache-2.0
"""Files of strangers: opening them, and telling their kind by their bytes, never by their name."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jina_omni.errors import DecodeError, InputError, JinaOmniError, UnsupportedMediaError

__all__ = [
    "FileSource",
    "as_decode_error",
    "kind_of",
    "open_path",
    "open_source",
    "reason_of",
    "shown",
    "sniff",
    "unsupported",
]

FileSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview
"""What a file may come as: a path, or its bytes."""

_HEAD_BYTES = 16_384  # enough for every signature below, and for the comments that SVG editors begin with

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"ID3\x02", "audio/mpeg"),
    (b"ID3\x03", "audio/mpeg"),
    (b"ID3\x04", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS\0", "audio/ogg"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"GGUF", "application/gguf"),
)
# Containers of four letters, a size, and what is in them; RF64 and BW64 are WAV files of over 4 GiB.
_CHUNKED = {
    (b"RIFF", b"WEBP"): "image/webp",
    (b"RIFF", b"WAVE"): "audio/wav",
    (b"RF64", b"WAVE"): "audio/wav",
    (b"BW64", b"WAVE"): "audio/wav",
    (b"RIFF", b"AVI "): "video/x-msvideo",
    (b"FORM", b"AIFF"): "audio/aiff",
    (b"FORM", b"AIFC"): "audio/aiff",
}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_QUICKTIME_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # QuickTime File Format, before it had ftyp

_ANYMAP = re.compile(rb"P[1-6]\s(?:\s|#[^\n]*\n)*\d")
# Instructions, comments and a DOCTYPE may come before the root. Every alternative ends at its first terminator, so that
# nothing is tried twice.
_SVG = re.compile(
    rb"""\s*(?:(?:
        <\?(?:(?!\?>).)*\?>
        | <!--(?:(?!-->).)*-->
        | <!DOCTYPE[^\[>]*(?:\[(?:(?!\]\s*>).)*\]\s*)?>
    )\s*)*<(?:[\w.-]+:)?svg[\s/>]""",
    re.DOTALL | re.VERBOSE,
)

# The wrapper in `jina_omni` that takes a kind of file.
_WRAPPERS = {"image": "Image", "audio": "Audio", "video": "Video", "application/pdf": "Pdf"}


def open_path(path: str | os.PathLike[str], where: str = "input") -> BinaryIO:
    """Open a regular file for reading.

    Raises
    ------
    InputError
        It can't be read, or is a folder, a pipe or a device.

    .. versionadded:: 0.1.0
    """
    file = Path(path)
    try:
        if stat.S_ISREG(file.stat().st_mode):  # a pipe or a device could keep us waiting for ever
            opened = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - Path.open has no opener
            if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # still, if it was replaced meanwhile
                return opened
            opened.close()
    except (OSError, ValueError) as error:  # a ValueError is a NUL character in the path
        is_url = isinstance(path, str) and path.lower().startswith(("http:", "https:", "data:", "file:"))
        advice = "URLs are not fetched; pass the file's bytes" if is_url else "check the path"
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{where} can't be read: {str(path)[:200]!r}: {reason}; {advice}") from error
    raise InputError(f"{where} is no regular file: {str(path)!r}; pass the path of a file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def open_source(source: FileSource, where: str = "input") -> BinaryIO:
    """Open a file that comes as a path or as its bytes; errors are those of `open_path`.

    .. versionadded:: 0.1.0
    """
    return open_path(source, where) if isinstance(source, (str, os.PathLike)) else io.BytesIO(source)


def kind_of(file: BinaryIO, where: str = "input") -> str:
    """Return the kind of an open file, as `sniff` tells it; the file is at its start again.

    Raises
    ------
    DecodeError
        It is empty.
    InputError
        It can't be read.

    .. versionadded:: 0.1.0
    """
    try:
        head = file.read(_HEAD_BYTES)
    except OSError as error:  # of a disk, or of a file in /proc
        raise InputError(f"{where} can't be read: {error.strerror}; check the file") from error
    file.seek(0)
    if not head:
        raise DecodeError(f"{where} is an empty file")
    return sniff(head)


def sniff(head: bytes) -> str:
    """Return what kind of file begins so, as a media type; an empty string where that can't be said.

    Parameters
    ----------
    head : bytes
        The file's first bytes; those after 16,384 are not looked at.

    Examples
    --------
    >>> sniff(b"GIF89a")
    'image/gif'

    .. versionadded:: 0.1.0
    """
    head = head[:_HEAD_BYTES]
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    kind = kind or _CHUNKED.get((head[:4], head[8:12]), "")
    if kind:
        return kind
    if head[4:8] == b"ftyp":
        return _sniff_iso(head)
    if head.startswith(b"\x1aE\xdf\xa3"):  # EBML, whose header names the document's type
        return "video/webm" if b"webm" in head[:64] else "video/matroska"
    if head.startswith(b"BM") and head[15:18] == b"\0\0\0":  # the size of the second header, under 256
        return "image/bmp"
    if _ANYMAP.match(head):
        return "image/x-portable-anymap"
    if b"%PDF-" in head[:1024]:  # PDF 1.7, annex H.3.4.1: readers look for it there
        return "application/pdf"
    return _sniff_text(head) or _sniff_binary(head)


def unsupported(kind: str, wrapper: str, takes: str, where: str) -> UnsupportedMediaError:
    """Return the error for a file in a wrapper that is not for its kind.

    Parameters
    ----------
    kind : str
        Of the file, as `sniff` tells it.
    wrapper : str
        The name of the wrapper it came in.
    takes : str
        The kinds that this wrapper takes, for people.
    where : str
        What messages call the input.

    Examples
    --------
    >>> print(unsupported("audio/wav", "Image", "JPEG", "input 3"))
    input 3 is a file of the kind audio/wav, which jina_omni.Image does not take; pass jina_omni.Audio

    .. versionadded:: 0.1.0
    """
    what = f"a file of the kind {kind}" if kind else "a file of an unknown kind"
    other = _WRAPPERS.get(kind) or _WRAPPERS.get(kind.partition("/")[0])
    if kind == "text/plain":
        advice = "pass its contents as a str: path.read_text()"
    elif other and other != wrapper:
        advice = f"pass jina_omni.{other}"
    else:
        advice = f"it takes {takes}"
    return UnsupportedMediaError(f"{where} is {what}, which jina_omni.{wrapper} does not take; {advice}")


@contextlib.contextmanager
def as_decode_error(what: str, where: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a `DecodeError`; errors of this library pass as they are.

    Decoders have no class of their own for damaged files: OSError, SyntaxError, ValueError, struct.error, EOFError and
    more. A MemoryError comes from sizes in damaged headers, a Warning where the caller's filters make it an error.

    Parameters
    ----------
    what : str
        What was expected, such as "an image".
    where : str
        What messages call the input.

    .. versionadded:: 0.1.0
    """
    try:
        yield
    except JinaOmniError:
        raise
    except Exception as error:
        raise DecodeError(
            f"{where} can't be decoded as {what} ({reason_of(error)}); it is damaged or cut short"
        ) from error


def reason_of(error: Exception) -> str:
    """Return what a decoder's error says, for people.

    Those of FFmpeg and libsndfile print the name of a file that they never saw, but keep the text apart.

    .. versionadded:: 0.1.0
    """
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
    return f"{type(error).__name__}: {text}"


def shown(value: object) -> str:
    """Return a value for a message, in short.

    .. versionadded:: 0.1.0
    """
    try:
        return f"{value!r:.80}"
    except ValueError:  # Python does not print ints of over 4,300 digits
        return f"an {type(value).__name__} of thousands of digits"


def _sniff_iso(head: bytes) -> str:
    """Return the kind of an ISO base media file (ISO 14496-12): its major brand, then those it is compatible with."""
    end = min(int.from_bytes(head[:4], "big"), 256)
    major = head[8:12]
    brands = {major, *(head[i : i + 4] for i in range(16, end, 4))}
    if brands & {b"avif", b"avis"}:
        return "image/avif"
    if brands & _HEIF_BRANDS:
        return "image/heic"
    if major in (b"M4A ", b"M4B "):
        return "audio/mp4"
    return "video/quicktime" if major == b"qt  " else "video/mp4"


def _sniff_text(head: bytes) -> str:
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    ascii_head = head.decode("utf-16", "ignore").encode() if utf16 else head.removeprefix(codecs.BOM_UTF8)
    if _SVG.match(ascii_head):
        return "image/svg+xml"
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # which takes a character that is cut at the end
    except UnicodeDecodeError:
        return ""
    return "text/plain" if text and "\0" not in text else ""


def _sniff_binary(head: bytes) -> str:
    """Return the kinds whose marks are so short that a text may have them."""
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    sync = head.lstrip(b"\0")[:3]  # some MP3 files begin with zeros
    if len(sync) < 3 or sync[0] != 0xFF:
        return ""
    if sync[1] & 0xF6 == 0xF0:  # ADTS, ISO 13818-7: 12 bits of synchronisation, layer 0
        return "audio/aac"
    # MPEG audio, ISO 11172-3: 11 bits of synchronisation, then a version, a layer, a bit rate and a sampling rate, none
    # of which is the reserved one. FF FE is left to UTF-16.
    version, layer, bit_rate, sampling_rate = sync[1] >> 3 & 3, sync[1] >> 1 & 3, sync[2] >> 4, sync[2] >> 2 & 3
    is_mpeg = sync[1] >= 0xE0 and version != 1 and layer != 0 and bit_rate != 15 and sampling_rate != 3
    return "audio/mpeg" if is_mpeg and sync[1] != 0xFE else ""
