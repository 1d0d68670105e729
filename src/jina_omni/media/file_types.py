# SPDX-License-Identifier: Apache-2.0
"""The types of files: what their bytes begin with, and what reads them. A file's name is never looked at.

`FILE_TYPES` has a row for each. A new type is a new row, and a decoder where no present one reads it.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal, NamedTuple

from jina_omni.errors import UnsupportedMediaError
from jina_omni.media.mpeg_frames import has_frames, parse_adts, parse_mpeg
from jina_omni.media.ogg_pages import OGG_PICTURES
from jina_omni.media.tags import FILLERS
from jina_omni.media.texts import find_encoding

__all__ = ["FILE_TYPES", "HEAD_BYTES", "FileType", "detect_media_type", "find_kind", "list_names", "unsupported_type"]

HEAD_BYTES = 16_384
"""First bytes of a file that say its type: enough for all signatures and the comments that SVG editors begin with."""

Decoder = Literal["pillow", "pillow-heif", "resvg", "libsndfile", "ffmpeg", "pdfium"]


class FileType(NamedTuple):
    """A type of file.

    Attributes
    ----------
    media_type : str
    name : str
        For people.
    kind : str
        Of medium, a row of `jina_omni.media.kinds`; empty for what is not a medium.
    signature : bytes
        A regular expression that matches the file's first bytes; empty where they need code.
    decoder : str or None
        What reads it; None for what is only recognised.
    plugin : str
        Pillow's module that decodes it, or FFmpeg's name of the format.
    """

    media_type: str
    name: str
    kind: str
    signature: bytes = b""
    decoder: Decoder | None = None
    plugin: str = ""


# The width and height, and the largest value unless that is 1, as texts may begin with the magic number. White space
# and comments come between (pbm(5) and ppm(5) of Netpbm); Pillow reads no comment directly behind the magic number.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])"
_ANYMAP = rb"P(?=.\s)(?:1(?:G+\d+){2}G+[01]|4(?:G+\d+){2}G|[2356](?:G+\d+){3}G)".replace(b"G", _GAP)

_JPEG_2000 = rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"  # ISO 15444-1, annexes I and A

# Pillow's other decoders (PSD, EPS, FITS, ...) stay unused: such files are rarely sent, and most of Pillow's security
# fixes go there. FFmpeg gets one format for each type: by its own guess a file could be a playlist, which opens other
# files and addresses. Files of libsndfile's that it can't read go to FFmpeg.
_ROWS = (
    FileType("image/jpeg", "JPEG", "image", rb"\xff\xd8\xff", "pillow", "JpegImagePlugin"),
    FileType("image/png", "PNG", "image", rb"\x89PNG\r\n\x1a\n", "pillow", "PngImagePlugin"),
    FileType("image/gif", "GIF", "image", rb"GIF8[79]a", "pillow", "GifImagePlugin"),
    FileType("image/webp", "WebP", "image", rb"RIFF.{4}WEBP", "pillow", "WebPImagePlugin"),
    # byte 14 begins the size of the second header, which is under 256
    FileType("image/bmp", "BMP", "image", rb"BM.{13}\0\0\0", "pillow", "BmpImagePlugin"),
    FileType("image/x-canon-cr2", "CR2", "image", rb"II\*\0.{4}CR"),
    FileType("image/tiff", "TIFF", "image", rb"II[*+]\0|MM\0[*+]", "pillow", "TiffImagePlugin"),
    FileType("image/avif", "AVIF", "image", b"", "pillow", "AvifImagePlugin"),
    FileType("image/heic", "HEIC", "image", b"", "pillow-heif"),
    FileType("image/svg+xml", "SVG", "image", b"", "resvg"),
    FileType("image/x-portable-anymap", "PPM", "image", _ANYMAP, "pillow", "PpmImagePlugin"),
    FileType("image/vnd.adobe.photoshop", "Photoshop", "image", rb"8BPS"),
    FileType("image/jp2", "JPEG 2000", "image", _JPEG_2000, "pillow", "Jpeg2KImagePlugin"),
    FileType("image/jxl", "JPEG XL", "image", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    FileType("image/x-canon-cr3", "CR3", "image"),
    FileType("image/x-fuji-raf", "RAF", "image", rb"FUJIFILMCCD-RAW"),
    # as TIFF with another mark, whose first directory lies at byte 8
    FileType("image/x-olympus-orf", "ORF", "image", rb"IIR[OS]\x08\0|MMOR\0\0"),
    FileType("image/x-panasonic-rw2", "RW2", "image", rb"IIU\0"),
    FileType("image/x-icon", "ICO", "image", rb"\0\0\x01\0(?!\0\0\x01)", "pillow", "IcoImagePlugin"),
    FileType("video/mp4", "MP4", "video", b"", "ffmpeg", "mov"),
    FileType("video/quicktime", "MOV", "video", b"", "ffmpeg", "mov"),
    # EBML, whose header names the document's type
    FileType("video/webm", "WebM", "video", rb"\x1aE\xdf\xa3.{0,56}webm", "ffmpeg", "matroska"),
    FileType("video/matroska", "MKV", "video", rb"\x1aE\xdf\xa3", "ffmpeg", "matroska"),
    FileType("video/x-msvideo", "AVI", "video", rb"RIFF.{4}AVI ", "ffmpeg", "avi"),
    FileType("video/x-flv", "FLV", "video", rb"FLV\x01", "ffmpeg", "flv"),
    FileType("video/x-ms-asf", "WMV", "video", rb"0&\xb2u\x8ef\xcf\x11", "ffmpeg", "asf"),
    FileType("video/mp2t", "MPEG-TS", "video", b"", "ffmpeg", "mpegts"),
    FileType("video/ogg", "Ogg (Theora)", "video", b"", "ffmpeg", "ogg"),
    # a pack header (ISO 13818-1, 2.5.3.3), and the headers that bare streams begin with: of a sequence (ISO 13818-2,
    # 6.2.2), of an MPEG-4 object (ISO 14496-2, 6.2.2), SPS or delimiter (ISO 14496-10, 7.3.1; ISO 23008-2, 7.3.1)
    FileType("video/mpeg", "MPEG", "video", rb"\0\0\x01\xba", "ffmpeg", "mpeg"),
    FileType("video/mpv", "MPEG-1 and MPEG-2", "video", rb"\0\0\x01\xb3", "ffmpeg", "mpegvideo"),
    FileType("video/mp4v-es", "MPEG-4", "video", rb"\0\0\x01(?:\xb0|[\0-\x1f]\0\0\x01)", "ffmpeg", "m4v"),
    FileType("video/h264", "H.264", "video", rb"\0?\0\0\x01(?:[\x27\x47\x67]|\x09.\0)", "ffmpeg", "h264"),
    FileType("video/h265", "HEVC", "video", rb"\0?\0\0\x01[\x40\x46]\x01", "ffmpeg", "hevc"),
    # RF64 and BW64 are WAV files of over 4 GiB
    FileType("audio/wav", "WAV", "audio", rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", "libsndfile", "wav"),
    FileType("audio/mpeg", "MP3", "audio", rb"ID3[\x02-\x04]|APETAGEX", "libsndfile", "mp3"),
    FileType("audio/flac", "FLAC", "audio", rb"fLaC", "libsndfile", "flac"),
    FileType("audio/ogg", "Ogg (Vorbis and Opus)", "audio", b"", "libsndfile", "ogg"),
    FileType("audio/aiff", "AIFF", "audio", rb"FORM.{4}AIF[FC]", "libsndfile", "aiff"),
    FileType("audio/x-w64", "W64", "audio", rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", "libsndfile", "w64"),
    FileType("audio/x-caf", "CAF", "audio", rb"caff\0\x01", "libsndfile", "caf"),
    # the samples lie within 16 MB, so that the highest byte of their place is zero, which a text does not have
    FileType("audio/basic", "AU", "audio", rb"\.snd\0|dns\..{3}\0", "libsndfile", "au"),
    FileType("audio/mp4", "M4A", "audio", b"", "ffmpeg", "mov"),
    FileType("audio/aac", "AAC", "audio", b"", "ffmpeg", "aac"),
    FileType("application/pdf", "PDF", "pdf", b"", "pdfium"),
    FileType("application/zip", "ZIP", "", rb"PK\x03\x04"),
    FileType("application/gzip", "gzip", "", rb"\x1f\x8b"),
    FileType("application/gguf", "GGUF", "", rb"GGUF"),
    FileType("text/plain", "text", ""),
)

FILE_TYPES: dict[str, FileType] = {row.media_type: row for row in _ROWS}
"""The rows by media type."""

_SIGNATURES = tuple((re.compile(row.signature, re.DOTALL), row.media_type) for row in _ROWS if row.signature)

# Five packets of 188 bytes that begin with 47 (ISO 13818-1, 2.4.3.2), the first of which may be incomplete; with a time
# before each (M2TS), or a checksum behind it, 192 or 204 bytes.
_TRANSPORT_STREAM = re.compile(rb".{0,203}?G(?:(?:.{187}G){4}|(?:.{191}G){4}|(?:.{203}G){4})", re.DOTALL)

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_QUICKTIME_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # QuickTime File Format, before it had ftyp

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


def detect_media_type(head: bytes) -> str:
    """Return the media type of a file by its first bytes; an empty string where they don't say it.

    Parameters
    ----------
    head : bytes
        The file's first bytes; those after 16,384 are not looked at.

    Examples
    --------
    >>> detect_media_type(b"GIF89a")
    'image/gif'
    """
    head = head[:HEAD_BYTES]
    for signature, media_type in _SIGNATURES:
        if signature.match(head):
            return media_type
    if head[4:8] == b"ftyp":
        return _detect_iso(head)
    if head.startswith(b"OggS\0"):
        return _detect_ogg(head)
    if b"%PDF-" in head[:1024]:  # PDF 1.7, annex H.3.4.1: readers look for it there
        return "application/pdf"
    # Last what is neither: bytes that may be a text of some encoding of 8 bits.
    return _detect_text(head) or _detect_binary(head) or ("text/plain" if find_encoding(head) else "")


def find_kind(media_type: str) -> str:
    """Return the kind of medium that a media type belongs to; an empty string where it is none.

    Examples
    --------
    >>> find_kind("image/png"), find_kind("application/zip")
    ('image', '')
    """
    return FILE_TYPES[media_type].kind if media_type in FILE_TYPES else ""


def list_names(kind: str) -> str:
    """Return the names of the types of a kind that are read, for messages and pages.

    Examples
    --------
    >>> list_names("pdf")
    'PDF'
    """
    return ", ".join(row.name for row in _ROWS if row.kind == kind and row.decoder)


def unsupported_type(media_type: str, kind: str) -> UnsupportedMediaError:
    """Return the error for a file in a wrapper of another kind.

    Parameters
    ----------
    media_type : str
        Of the file, as `detect_media_type` returns it.
    kind : str
        Of the wrapper, such as "image" of `jina_omni.Image`.

    Examples
    --------
    >>> print(unsupported_type("audio/wav", "image"))
    input is a file of the type audio/wav, which jina_omni.Image does not take; pass jina_omni.Audio
    """
    what = f"a file of the type {media_type}" if media_type else "a file of an unknown type"
    other = find_kind(media_type)
    if media_type == "text/plain":
        advice = "pass its contents as a str: path.read_text()"
    elif other and other != kind:
        advice = f"pass jina_omni.{other.capitalize()}"
    else:
        advice = f"it takes {list_names(kind)}{' and the sound of videos' if kind == 'audio' else ''}"
        if other == "image":
            advice += "; convert it first, as ImageMagick does: magick IN OUT.png"
    return UnsupportedMediaError(f"is {what}, which jina_omni.{kind.capitalize()} does not take; {advice}")


def _detect_iso(head: bytes) -> str:
    """Return the type of an ISO base media file (ISO 14496-12): its major brand, then those it is compatible with."""
    end = min(int.from_bytes(head[:4], "big"), 256)
    major = head[8:12]
    brands = {major, *(head[i : i + 4] for i in range(16, end, 4))}
    if brands & {b"avif", b"avis"}:
        return "image/avif"
    if major == b"crx ":  # its previews and the data of its sensor are tracks, as those of a video
        return "image/x-canon-cr3"
    if brands & _HEIF_BRANDS:
        return "image/heic"
    if major in (b"M4A ", b"M4B "):
        return "audio/mp4"
    return "video/quicktime" if major == b"qt  " else "video/mp4"


def _detect_ogg(head: bytes) -> str:
    """Return the type of an Ogg file: it begins with the first pages of all its streams, which say so (RFC 3533, 6)."""
    page = 0
    while head.startswith(b"OggS\0", page) and int.from_bytes(head[page + 5 : page + 6], "big") & 2:
        n_segments = int.from_bytes(head[page + 26 : page + 27], "big")
        packet = page + 27 + n_segments
        if head.startswith(OGG_PICTURES, packet):
            return "video/ogg"
        page = packet + sum(head[page + 27 : packet])
    return "audio/ogg"


def _detect_text(head: bytes) -> str:
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    ascii_head = head.decode("utf-16", "ignore").encode() if utf16 else head.removeprefix(codecs.BOM_UTF8)
    if _SVG.match(ascii_head):
        return "image/svg+xml"
    return "text/plain" if find_encoding(head) not in ("", "latin-1") else ""


def _detect_binary(head: bytes) -> str:
    """Return the types whose marks are so short that a text may have them."""
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    if _TRANSPORT_STREAM.match(head):
        return "video/mp2t"
    sync = head.lstrip(FILLERS)[:3]  # some MP3 files begin with zeros or a line break
    if len(sync) == 3 and sync[0] == 0xFF:
        if sync[1] & 0xF6 == 0xF0:  # ADTS, ISO 13818-7: 12 bits of synchronisation, layer 0
            return "audio/aac"
        # MPEG audio, ISO 11172-3: 11 bits of synchronisation, then a version, a layer, a bit rate and a sampling rate,
        # none of which is the reserved one. FF FE is left to UTF-16.
        version, layer, bit_rate, sampling_rate = sync[1] >> 3 & 3, sync[1] >> 1 & 3, sync[2] >> 4, sync[2] >> 2 & 3
        is_mpeg = sync[1] >= 0xE0 and version != 1 and layer != 0 and bit_rate != 15 and sampling_rate != 3
        if is_mpeg and sync[1] != 0xFE:
            return "audio/mpeg"
    # What was recorded from a stream may begin within a frame.
    if has_frames(head, parse_adts):
        return "audio/aac"
    return "audio/mpeg" if has_frames(head, parse_mpeg) else ""
