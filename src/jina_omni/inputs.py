# SPDX-License-Identifier: Apache-2.0
"""What each Python value means as an input.

Nothing is guessed. A str is text, always, also where it reads like a path; only a `pathlib.Path` is a file. What could
be several things, such as bytes, comes in a wrapper that says what it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from PIL import Image as PILImage

from jina_omni.errors import InputError
from jina_omni.media import image
from jina_omni.media.image import ImageSource

__all__ = ["Image", "Part", "Text", "as_parts"]

_ACCEPTED = (
    "pass a str (text), a pathlib.Path (a file), a PIL image, jina_omni.Text(...), jina_omni.Image(...), or a list of "
    "these (one fused input)"
)
_BYTES = (bytes, bytearray, memoryview)


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
        A path (a str too, here), the bytes of a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF or PPM file, a PIL image, or an
        array of uint8 of the shape (height, width), (height, width, 1), (height, width, 3) or (height, width, 4).
        Alpha is dropped, and of an animation the first frame is taken, as the reference does. It is read when it is
        embedded, not before.
    exif_orientation : bool
        Turn the picture as its EXIF data say. The reference does not, so it is off by default.

    Examples
    --------
    >>> Image("a.jpg", exif_orientation=True)
    Image('a.jpg', exif_orientation=True)

    .. versionadded:: 0.1.0
    """

    source: ImageSource
    exif_orientation: bool = field(default=False, kw_only=True)

    def __repr__(self) -> str:
        if isinstance(self.source, _BYTES):
            shown = f"<{len(self.source):,} bytes>"
        elif isinstance(self.source, np.ndarray):
            shown = f"<array {self.source.shape}>"
        else:
            shown = repr(self.source)
        return f"Image({shown}{', exif_orientation=True' if self.exif_orientation else ''})"


Part: TypeAlias = Text | Image
"""One piece of an input."""


def as_parts(value: Any, where: str = "input") -> list[Part]:
    """Return the parts of one input, in order.

    Parameters
    ----------
    value : str, path, PIL image, Text, Image, or list or tuple of these
        A list is one fused input. A file's kind is found from its bytes.
    where : str
        What messages call the input, such as "input 3". A part of a list is called "input 3, part 2"; both count from
        0.

    Returns
    -------
    list of Text or Image
        At least one.

    Raises
    ------
    UnsupportedMediaError
        A file is no image.
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
        return [_part(value, where)]
    if not value:
        raise InputError(f"{where} is an empty {type(value).__name__}, so there is nothing to embed; leave it out")
    return [_part(part, f"{where}, part {i}") for i, part in enumerate(value)]


def _part(value: Any, where: str) -> Part:
    if isinstance(value, str):
        return _checked_text(Text(str(value)), where)  # a plain str, also of a numpy.str_
    if isinstance(value, Text):
        return _checked_text(value, where)
    if isinstance(value, Image):
        return _checked_image(value, where)
    if isinstance(value, PILImage.Image):
        return Image(value)
    if isinstance(value, os.PathLike):
        image.check_file(value, where)
        return Image(value)
    raise InputError(f"{where} is {_refusal(value)}")


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


def _refusal(value: Any) -> str:
    """Return what a value is, and what to pass instead."""
    if isinstance(value, _BYTES):
        return f"{_type(value)}, which could be anything; wrap it to say what it is: jina_omni.Image(data)"
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "USO":
            return f"an array of {value.dtype}; for several texts pass array.tolist()"
        return "an array, which could be anything; wrap it to say what it is: jina_omni.Image(array)"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} inside a list; a fused input is one flat list of parts"
    return f"{_type(value)}, which is no input; {_ACCEPTED}"


def _type(value: Any) -> str:
    return "None" if value is None else f"of the type {type(value).__name__}"
