# SPDX-License-Identifier: Apache-2.0
"""How pictures are laid out: which way is up, and what lies behind what is transparent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from PIL import ImageColor

from jina_omni.describe import short_repr
from jina_omni.errors import InputError

__all__ = [
    "DEFAULT_OPTIONS",
    "ORIENTATIONS",
    "Background",
    "Colour",
    "Orientation",
    "PictureOptions",
    "check_options",
    "read_background",
]

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


def check_options(wrapper: str, orientation: Any, background: Any) -> None:
    """Check the options of an input.

    Parameters
    ----------
    wrapper : str
        Its class, such as "Image".
    orientation, background
        None where the input leaves it to the model.

    Raises
    ------
    InputError
        They are not those that it takes.
    """
    if orientation is not None and orientation not in ORIENTATIONS:
        choices = " or ".join(map(repr, ORIENTATIONS))
        raise InputError(f"has the {wrapper} option orientation={short_repr(orientation)}; pass {choices}")
    if background is not None:
        try:
            read_background(background)
        except ValueError as error:
            raise InputError(f"has the {wrapper} option background, which can't be taken: {error}") from None


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How pictures are laid out.

    Attributes
    ----------
    orientation : {"as-stored", "upright"}
        Whether the metadata of a file turn its picture.
    background : tuple of 3 int or None
        The colour that shows where a picture is transparent; None is each type's own.
    """

    orientation: Orientation = "as-stored"
    background: Colour | None = None

    def override(self, orientation: Orientation | None, background: Background | None) -> PictureOptions:
        """Return these options with those of an input, which are None where it leaves them to the model."""
        return PictureOptions(
            orientation or self.orientation,
            self.background if background is None else read_background(background),
        )


DEFAULT_OPTIONS = PictureOptions()
"""Those of the reference."""
