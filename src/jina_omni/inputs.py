# SPDX-License-Identifier: Apache-2.0
"""What a single Python value means as a part of an input.

Nothing is guessed. A str is text, always, also where it reads like a path; only a `pathlib.Path` is a file. What could
be several things, such as bytes, comes in a wrapper that says what it is.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from PIL import Image as PILImage

from jina_omni.arguments import suggest_arguments
from jina_omni.describe import describe_type
from jina_omni.errors import InputError, naming_file
from jina_omni.media import kinds
from jina_omni.media.audio import Audio
from jina_omni.media.files import BYTES_LIKE, FileSource, open_source, read_media_type
from jina_omni.media.image import Image
from jina_omni.media.kinds import Media, is_media, wrap_file
from jina_omni.media.open_files import OpenFile, is_open_file, read_open_file
from jina_omni.media.pdf import Pdf
from jina_omni.media.samples import is_sound_decoder
from jina_omni.media.video import Video
from jina_omni.media.video_streams import has_moving_pictures

__all__ = ["Fetch", "Input", "Inputs", "Part", "Text", "Value", "make_file_part", "make_part"]

_ACCEPTED = (
    "pass a str (text), a pathlib.Path (a file) or an open file, a PIL image, jina_omni.Text, Image, Audio, Video or "
    "Pdf, or a list of these (one fused input)"
)

# What is not an input by itself, but holds or gives one; the first that fits.
_LEADS: tuple[tuple[type[Any] | tuple[type[Any], ...], str], ...] = (
    (BYTES_LIKE, "which could be anything; wrap it to say what: jina_omni.Image(data), Audio, Video or Pdf"),
    (
        (int, float, np.number),
        "which is not an input; pass a str: str(value), and samples as jina_omni.Audio(samples, sampling_rate=16_000)",
    ),
    ((set, frozenset), "which has no order; pass a list: sorted(value)"),
    (AsyncIterable, "which is read asynchronously; pass it to encode_iter_async"),
    (Awaitable, "which has no result yet; pass its result: await value"),
)

_SLICE = 1 << 20  # characters that are encoded together: the whole of a long text would take long and much memory

Fetch: TypeAlias = Callable[[str], bytes]
"""From a URL to the bytes at that address."""


@suggest_arguments
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
    """

    text: str


Part: TypeAlias = Text | Media
"""One component of an input."""

Value: TypeAlias = str | Text | Image | Audio | Video | Pdf | os.PathLike[str] | OpenFile | PILImage.Image
"""What a part may come as."""

Input: TypeAlias = Value | dict[str, Any] | Sequence[Value | dict[str, Any]]
"""What `Model.encode` takes as one input: a part, a dict of another system, or a list of these (one fused input)."""


Inputs: TypeAlias = Input | Iterable[Input]
"""What `Model.encode` takes: one input; a list or a tuple of inputs, a column, a generator; or a whole request."""


def make_part(value: Any) -> Part:
    """Return the part that a value is.

    Parameters
    ----------
    value : str, path, open file, PIL image, Text, Image, Audio, Video or Pdf
        A file's type is found from its bytes.

    Raises
    ------
    UnsupportedMediaError
        A file is of a type that is not embedded.
    InputError
        The value is of a type that is not taken, a text is empty or not Unicode, a file can't be read.

    Examples
    --------
    >>> make_part("a caption"), make_part(Image("a.jpg"))
    (Text(text='a caption'), Image('a.jpg'))
    """
    if isinstance(value, str):
        return _check_text(Text(str(value)))  # a plain str, also of a numpy.str_
    if isinstance(value, Text):
        return _check_text(value)
    if isinstance(value, PILImage.Image):
        return Image(value)
    if is_media(value):
        media: Media = value
        with naming_file(media.source):
            kinds.check(media)
        return media
    if isinstance(value, os.PathLike):
        return make_file_part(value)
    if is_open_file(value):
        return make_file_part(read_open_file(value))
    if is_sound_decoder(value):
        return Audio(value)
    raise InputError(f"is {_describe_refused(value)}")


def make_file_part(source: FileSource) -> Media:
    """Return the part that a file is, a path or its bytes; its type is found from its bytes.

    Raises
    ------
    UnsupportedMediaError
        It is of a type that is not embedded.
    InputError
        It can't be read.
    """
    with naming_file(source):
        with open_source(source) as file:
            media_type = read_media_type(file)
        part = wrap_file(source, media_type)
        # The same containers hold sound alone, under names such as .m4a and .weba.
        if isinstance(part, Video) and not has_moving_pictures(source):
            return Audio(source)
        return part


def _check_text(part: Text) -> Text:
    text = part.text
    if not isinstance(text, str):
        raise InputError(f"is a Text whose text is {describe_type(text)}; jina_omni.Text takes a str")
    if not text:
        raise InputError("is an empty text, which has no embedding; leave it out")
    if not text.isascii():
        for begin in range(0, len(text), _SLICE):
            _check_unicode(text, begin)
    return part


def _check_unicode(text: str, begin: int) -> None:
    try:
        text[begin : begin + _SLICE].encode()
    except UnicodeEncodeError as error:
        position = begin + error.start
        raise InputError(
            f"has a lone surrogate, U+{ord(text[position]):04X}, at position {position} of its text, which is not "
            "Unicode; decode its source as UTF-8, or drop it: text.encode('utf-8', 'ignore').decode()"
        ) from None


def _describe_refused(value: Any) -> str:
    """Return what a value is, and what to pass instead."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OSTU":
            return f"an array of {value.dtype}; for several texts pass array.tolist()"
        return "an array, which could be anything; wrap it to say what: jina_omni.Image(array), Audio or Video"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} inside a list; a fused input is one flat list of parts"
    if isinstance(value, float) and math.isnan(value):
        return "nan, which a column has where a value is missing; leave it out"
    leads = (advice for kind, advice in _LEADS if isinstance(value, kind))
    if hasattr(type(value), "__dlpack__"):
        advice = "which could be anything; wrap its array to say what: jina_omni.Image(tensor.numpy()), Audio or Video"
    elif isinstance(value, Iterable) and not isinstance(value, type):
        advice = "which holds several values; pass them as a list: [*value]"
    else:
        advice = f"which is not an input; {_ACCEPTED}"
    return f"{describe_type(value)}, {next(leads, advice)}"
