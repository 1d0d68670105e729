# SPDX-License-Identifier: Apache-2.0
"""Files of strangers: opening them, and telling their kind by their bytes, never by their name."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import BinaryIO

from jina_omni.errors import DecodeError, InputError

__all__ = ["kind_of", "open_path", "sniff"]

_HEAD_BYTES = 4096  # enough for every signature below

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"FORM", "audio/aiff"),
    (b"\x1aE\xdf\xa3", "video/matroska"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"GGUF", "application/gguf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}



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
            return file.open("rb")
    except (OSError, ValueError) as error:  # a ValueError is a NUL character in the path
        is_url = isinstance(path, str) and path.lower().startswith(("http:", "https:", "data:", "file:"))
        advice = "URLs are not fetched; pass the file's bytes" if is_url else "check the path"
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{where} can't be read: {str(path)[:200]!r}: {reason}; {advice}") from error
    raise InputError(f"{where} is no regular file: {str(path)!r}; pass the path of a file")


def kind_of(file: BinaryIO, where: str = "input") -> str:
    """Return the kind of an open file, as `sniff` tells it; the file is at its start again.

    Raises
    ------
    DecodeError
        It is empty.

    .. versionadded:: 0.1.0
    """
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if not head:
        raise DecodeError(f"{where} is an empty file")
    return sniff(head)


def sniff(head: bytes) -> str:
    """Return what kind of file begins so, as a media type; an empty string where that can't be said.

    Parameters
    ----------
    head : bytes
        The file's first bytes, 4,096 or all.

    Examples
    --------
    >>> sniff(b"GIF89a")
    'image/gif'

    .. versionadded:: 0.1.0
    """
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    if kind:
        return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _sniff_iso(head)
    if head[:1] == b"\0" and head[4:8] in (b"moov", b"mdat", b"wide"):  # QuickTime, from before there were brands
        return "video/mp4"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "image/x-portable-anymap"
    if b"%PDF-" in head[:1024]:  # PDF 1.7, annex H.3.4.1: readers look for it there
        return "application/pdf"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0" and head[:2] != b"\xff\xfe":  # 11 bits of synchronisation
        return "audio/mpeg"
    return _sniff_text(head)


def _sniff_iso(head: bytes) -> str:
    """Return the kind of an ISO base media file (ISO 14496-12): its major brand, then those it is compatible with."""
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}
    if brands & {b"avif", b"avis"}:
        return "image/avif"
    if brands & _HEIF_BRANDS:
        return "image/heic"
    return "audio/mp4" if head[8:12] in (b"M4A ", b"M4B ") else "video/mp4"


def _sniff_text(head: bytes) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # which takes a character that is cut at the end
    except UnicodeDecodeError:
        return ""
    if not text or "\0" in text:
        return ""
    return "image/svg+xml" if "<svg" in text else "text/plain"
