# SPDX-License-Identifier: Apache-2.0
"""What each Python value means as an input.

Nothing is guessed. A str is text, always, also where it reads like a path; only a `pathlib.Path` is a file. What could
be several things, such as bytes, comes in a wrapper that says what it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from jina_omni.errors import InputError, UnsupportedMediaError
from jina_omni.media.files import FileSource, kind_of, open_path
from jina_omni.media.image import ImageSource

__all__ = ["Audio", "Fetch", "Image", "Media", "Part", "Pdf", "Text", "Video", "as_parts", "media_of", "same_input"]

_ACCEPTED = (
    "pass a str (text), a pathlib.Path (a file), a PIL image, jina_omni.Text, Image, Audio, Video or Pdf, or a list of "
    "these (one fused input)"
)
_BYTES = (bytes, bytearray, memoryview)

Fetch: TypeAlias = Callable[[str], bytes]
"""From a URL to the bytes there."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text.

    Parameters
    ----------
    text : str
        Not empty.

    Examples
    --------
    >>> Text("a cute cat")
    Text(text='a cute cat')

    .. versionadded:: 0.1.0
    """

    text: str


# Compared by identity: two arrays, compared, give an array.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image:
    """An image.

    Parameters
    ----------
    source : path, bytes-like, PIL image or array
        A path (a str too, here), the bytes of a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC, SVG or PPM file, a PIL
        image, or an array of uint8 of the shape (height, width), (height, width, 1), (height, width, 3) or
        (height, width, 4). Alpha is dropped, so that what an SVG leaves transparent is black, and of an animation the
        first frame is taken, as the reference does. It is read when it is embedded, not before.
    exif_orientation : bool
        Turn the picture as its EXIF data say. The reference does not, so it is off by default. HEIC and TIFF pictures
        come upright in any case.

    Examples
    --------
    >>> Image("a.jpg", exif_orientation=True)
    Image('a.jpg', exif_orientation=True)

    .. versionadded:: 0.1.0
    """

    source: ImageSource
    exif_orientation: bool = field(default=False, kw_only=True)

    def __repr__(self) -> str:
        return f"Image({_shown(self.source)}{', exif_orientation=True' if self.exif_orientation else ''})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Audio:
    """A sound of up to 30 seconds.

    Parameters
    ----------
    source : path, bytes-like or array
        A path (a str too, here), the bytes of a WAV, MP3, FLAC, Ogg Vorbis, Opus or M4A file, or samples: floats in
        -1..1 or int16, of the shape (n,) for mono, (n, channels) or (channels, n). It is read when it is embedded, not
        before. All channels are averaged, and what is not at 16 kHz is resampled, as the reference does.
    sampling_rate : int, optional
        Samples per second; needed with an array, and only there.

    Examples
    --------
    >>> Audio(np.zeros(16_000, np.float32), sampling_rate=16_000)
    Audio(<array (16000,)>, sampling_rate=16000)

    .. versionadded:: 0.1.0
    """

    source: FileSource | npt.NDArray[Any]
    sampling_rate: int | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"Audio({_shown(self.source)}{_options(self, 'sampling_rate')})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Video:
    """A moving picture, of which a choice of frames is embedded.

    Parameters
    ----------
    source : path, bytes-like or array
        A path (a str too, here), the bytes of an MP4, MOV, MKV, WebM, AVI, FLV or WMV file, or frames: an array of
        uint8 of the shape (n, height, width, 3), all of which are taken. It is read when it is embedded, not before.
        A file's rotation metadata are not applied, as in the reference.
    fps : float, optional
        Of a file: frames to take per second of its mean rate. By default 2, and in the dialect
        ``sentence-transformers`` all frames, whatever their rate. Of an array: its frames per second, 24 by default,
        for the timestamps.
    max_frames : int, optional
        Take at most so many frames, spread evenly; by default 768 of a file, or 32 in the dialect
        ``sentence-transformers``.
    timestamps : bool or sequence of float, optional
        Whether the seconds are written before each pair of frames, or which, one for each pair; an odd last frame is a
        pair of its own. By default they are; nano's prompts never have them. They are those of the frames, but in the
        dialect ``sentence-transformers`` without ``fps`` they are as if a file's chosen frames were 24 per second.

    Examples
    --------
    >>> Video("clip.mp4", fps=1)
    Video('clip.mp4', fps=1)

    .. versionadded:: 0.1.0
    """

    source: FileSource | npt.NDArray[np.uint8]
    fps: float | None = field(default=None, kw_only=True)
    max_frames: int | None = field(default=None, kw_only=True)
    timestamps: bool | Sequence[float] | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"Video({_shown(self.source)}{_options(self, 'fps', 'max_frames', 'timestamps')})"


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

    .. versionadded:: 0.1.0
    """

    source: FileSource
    pages: Sequence[int] | None = field(default=None, kw_only=True)
    dpi: float = field(default=150, kw_only=True)

    def __repr__(self) -> str:
        return f"Pdf({_shown(self.source)}{_options(self, 'pages')}{f', dpi={self.dpi}' if self.dpi != 150 else ''})"

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

        .. versionadded:: 0.1.0
        """
        from jina_omni.media.pdf import pages_of

        return [replace(self, pages=[page.number]) for page in pages_of(self, repr(self))]


Media: TypeAlias = Image | Audio | Video | Pdf
"""A part that towers turn into rows."""

Part: TypeAlias = Text | Media
"""One piece of an input."""


def as_parts(value: Any, where: str = "input", fetch: Fetch | None = None) -> list[Part]:
    """Return the parts of one input, in order.

    Parameters
    ----------
    value : str, path, PIL image, Text, Image, Audio, Video, Pdf, dict, or list or tuple of these
        A list is one fused input. A file's kind is found from its bytes. What a dict means, `jina_omni.requests` says.
    where : str
        What messages call the input, such as "input 3". A part of a list is called "input 3, part 2"; both count from
        0.
    fetch : callable, optional
        From a URL in a dict to the bytes there; without it such a URL is an error.

    Returns
    -------
    list of Part
        At least one.

    Raises
    ------
    UnsupportedMediaError
        A file is of a kind that is not embedded.
    InputError
        A value is of a type that is not taken, a text is empty or no Unicode, a list is empty or holds a list, a file
        can't be read.

    Examples
    --------
    >>> as_parts(["a caption", Image("a.jpg")], "input 0")
    [Text(text='a caption'), Image('a.jpg')]

    .. versionadded:: 0.1.0
    """
    if not isinstance(value, (list, tuple)):
        return _parts(value, where, fetch)
    if not value:
        raise InputError(f"{where} is an empty {type(value).__name__}, so there is nothing to embed; leave it out")
    return [part for i, item in enumerate(value) for part in _parts(item, f"{where}, part {i}", fetch)]


def same_input(parts: Sequence[Part]) -> Any:
    """Return what is equal for parts that give the same vector: texts and files by value, all else by identity.

    It is meaningful while the parts live.
    """
    return tuple(part if isinstance(part, Text) else _same_medium(part) for part in parts)


def _same_medium(part: Media) -> Any:
    source = os.fspath(part.source) if isinstance(part.source, os.PathLike) else part.source
    # what is neither a text nor a number is itself alone: its repr may leave things out
    values = [source, *(getattr(part, field.name) for field in fields(part) if field.name != "source")]
    by_value = (str, bytes, bool, int, float, type(None))
    return (type(part), *((type(v), v if isinstance(v, by_value) else id(v)) for v in values))


def _parts(value: Any, where: str, fetch: Fetch | None) -> list[Part]:
    if not isinstance(value, dict):
        return [_part(value, where)]
    from jina_omni.requests import parts_of  # which makes parts, so it imports this module

    return parts_of(value, where, fetch)


def _part(value: Any, where: str) -> Part:
    if isinstance(value, str):
        return _checked_text(Text(str(value)), where)  # a plain str, also of a numpy.str_
    if isinstance(value, Text):
        return _checked_text(value, where)
    if isinstance(value, Image):
        return _checked_image(value, where)
    if isinstance(value, PILImage.Image):
        return Image(value)
    if isinstance(value, (Audio, Video, Pdf)):
        return _checked_source(value, where)
    if isinstance(value, os.PathLike):
        return _file_part(value, where)
    raise InputError(f"{where} is {_refusal(value)}")


def _file_part(path: os.PathLike[str], where: str) -> Media:
    with open_path(path, where) as file:
        kind = kind_of(file, where)
    if kind.startswith("video/"):
        from jina_omni.media.video import has_video

        # the same containers hold sound alone, under names such as .m4a and .weba
        return Video(path) if has_video(path, where) else Audio(path)
    return media_of(path, kind, where)


def media_of(source: FileSource, kind: str, where: str) -> Media:
    """Return the part that a file of this kind is, as `jina_omni.media.files.sniff` told it.

    Raises
    ------
    UnsupportedMediaError
        It is of a kind that is not embedded.

    .. versionadded:: 0.1.0
    """
    if kind.startswith("image/"):
        return Image(source)
    if kind.startswith("audio/"):
        return Audio(source)
    if kind.startswith("video/"):
        return Video(source)
    if kind == "application/pdf":
        return Pdf(source)
    what = f"a file of the kind {kind}" if kind else "a file of an unknown kind"
    advice = "; pass its contents as a str: path.read_text()" if kind == "text/plain" else ""
    raise UnsupportedMediaError(f"{where} is {what}, which is neither an image, a sound, a video nor a PDF{advice}")


def _checked_text(part: Text, where: str) -> Text:
    text = part.text
    if not isinstance(text, str):
        raise InputError(f"{where} is a Text whose text is {_type(text)}; jina_omni.Text takes a str")
    if not text:
        raise InputError(f"{where} is an empty text, which has no vector; leave it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where} has a lone surrogate, U+{ord(text[error.start]):04X}, at position {error.start} of its text, "
            "which is no Unicode; decode its source as UTF-8, or drop it: text.encode('utf-8', 'ignore').decode()"
        ) from error
    return part


def _checked_image(part: Image, where: str) -> Image:
    if not isinstance(part.source, (str, os.PathLike, *_BYTES, PILImage.Image, np.ndarray)):
        raise InputError(
            f"{where} is an Image whose source is {_type(part.source)}; jina_omni.Image takes a path, bytes, a PIL "
            "image or an array of uint8"
        )
    return part


def _checked_source(part: Audio | Video | Pdf, where: str) -> Audio | Video | Pdf:
    arrays = () if isinstance(part, Pdf) else (np.ndarray,)
    if not isinstance(part.source, (str, os.PathLike, *_BYTES, *arrays)):
        kind = type(part).__name__
        raise InputError(
            f"{where} is {'an' if kind == 'Audio' else 'a'} {kind} whose source is {_type(part.source)}; "
            f"jina_omni.{kind} takes a path, bytes{' or an array' if arrays else ''}"
        )
    return part


def _refusal(value: Any) -> str:
    """Return what a value is, and what to pass instead."""
    if isinstance(value, _BYTES):
        advice = "wrap it to say what: jina_omni.Image(data), Audio, Video or Pdf"
        return f"{_type(value)}, which could be anything; {advice}"
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "USO":
            return f"an array of {value.dtype}; for several texts pass array.tolist()"
        return "an array, which could be anything; wrap it to say what: jina_omni.Image(array), Audio or Video"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} inside a list; a fused input is one flat list of parts"
    return f"{_type(value)}, which is no input; {_ACCEPTED}"


def _type(value: Any) -> str:
    return "None" if value is None else f"of the type {type(value).__name__}"


def _shown(source: Any) -> str:
    if isinstance(source, _BYTES):
        return f"<{len(source):,} bytes>"
    if isinstance(source, np.ndarray):
        return f"<array {source.shape}>"
    return repr(source)


def _options(part: Any, *names: str) -> str:
    return "".join(f", {name}={value!r}" for name in names if (value := getattr(part, name)) is not None)
