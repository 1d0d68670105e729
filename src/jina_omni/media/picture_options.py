# SPDX-License-Identifier: Apache-2.0
"""How pictures are laid out: which way is up, and what lies behind what is transparent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from PIL import ImageColor

from jina_omni.describe import short_repr

__all__ = ["ORIENTATIONS", "Background", "Colour", "Orientation", "PictureOptions", "read_background"]

Orientation = Literal["as-stored", "upright"]
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

Background: TypeAlias = str | Colour
"""A colour as Pillow's ``ImageColor`` names it, such as "white" or "#ff8000", or its red, green and blue."""


def read_background(background: Any) -> Colour:
    """Return the red, green and blue of a colour.

    Parameters
    ----------
    background : str or tuple of 3 int

    Raises
    ------
    ValueError
        It is not an opaque colour.

    Examples
    --------
    >>> read_background("white"), read_background((0, 128, 255))
    ((255, 255, 255), (0, 128, 255))
    """
    try:
        values = ImageColor.getrgb(background) if isinstance(background, str) else tuple(background)
        if len(values) == 3 and all(type(value) is int and 0 <= value <= 255 for value in values):
            return cast(Colour, values)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"background is {short_repr(background)}; pass an opaque colour: its name, such as 'white', '#ff8000', or its "
        "red, green and blue from 0 to 255, such as (255, 128, 0)"
    )


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How pictures are laid out where an input does not say it itself.

    Attributes
    ----------
    orientation : {"as-stored", "upright"}
        Whether the metadata of a file turn its picture.
    background : tuple of 3 int or None
        The colour that shows where a picture is transparent; None is each type's own.
    """

    orientation: Orientation = "as-stored"
    background: Colour | None = None
