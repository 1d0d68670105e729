# SPDX-License-Identifier: Apache-2.0
"""The kinds of media, a row for each; a new kind is a file in this folder and a row here.

The file of a kind holds its input class, how it is measured and how it is decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from jina_omni.errors import UnsupportedMediaError
from jina_omni.media import audio, image, pdf, video
from jina_omni.media.audio import Audio
from jina_omni.media.file_types import find_kind
from jina_omni.media.files import FileSource
from jina_omni.media.image import Image
from jina_omni.media.medium import Medium
from jina_omni.media.pdf import Pdf
from jina_omni.media.towers import Towers
from jina_omni.media.video import Video

__all__ = ["KINDS", "Kind", "Media", "check", "is_media", "measure", "wrap_file"]

Media: TypeAlias = Image | Audio | Video | Pdf
"""A part that is not text."""


class Kind(NamedTuple):
    """A kind of media.

    Attributes
    ----------
    wrapper : type
        The class that callers wrap a source in.
    check : callable
        Checks the type of a source; raises `InputError`.
    measure : callable
        Returns what the towers get of a part; see `measure`.
    """

    wrapper: type[Any]
    check: Callable[[Any], None]
    measure: Callable[..., list[Medium]]


KINDS: dict[str, Kind] = {
    "image": Kind(Image, image.check, image.measure),
    "audio": Kind(Audio, audio.check, audio.measure),
    "video": Kind(Video, video.check, video.measure),
    "pdf": Kind(Pdf, pdf.check, pdf.measure),
}
"""The rows by the name that file types and requests use."""

_BY_WRAPPER = {kind.wrapper: kind for kind in KINDS.values()}


def is_media(value: object) -> bool:
    """Return whether a value is a part that is not text."""
    return isinstance(value, tuple(_BY_WRAPPER))


def check(part: Media) -> None:
    """Check that the source of a part is of a type that its kind takes.

    Raises
    ------
    InputError
        It is not.
    """
    _find_row(part).check(part)


def measure(part: Media, towers: Towers, *, truncate: bool, stop: threading.Event | None = None) -> list[Medium]:
    """Measure a part, which may be several media: the pages of a document, a video and its sound.

    Parameters
    ----------
    part : Image, Audio, Video or Pdf
    towers : Towers
        The loaded ones.
    truncate : bool
        Take the first 30 seconds of a longer sound, instead of refusing it.
    stop : threading.Event, optional
        Ends the call soon after it is set, where another process draws; the header of a file is read to its end.

    Raises
    ------
    InputError
        As far as the header shows it.
    ModalityNotLoadedError
        The tower that it needs is not loaded.
    Cancelled
        Through `stop`.
    """
    return _find_row(part).measure(part, towers, truncate=truncate, stop=stop)


def wrap_file(source: FileSource, media_type: str) -> Media:
    """Return the part that a file of this media type is, as `detect_media_type` returned it.

    Raises
    ------
    UnsupportedMediaError
        It is of a type that is not embedded.
    """
    kind = KINDS.get(find_kind(media_type))
    if kind is not None:
        part: Media = kind.wrapper(source)
        return part
    what = f"a file of the type {media_type}" if media_type else "a file of an unknown type"
    advice = "; pass its contents as a str: path.read_text()" if media_type == "text/plain" else ""
    raise UnsupportedMediaError(f"is {what}, which is neither an image, a sound, a video nor a PDF{advice}")


def _find_row(part: Media) -> Kind:
    return next(kind for wrapper, kind in _BY_WRAPPER.items() if isinstance(part, wrapper))
