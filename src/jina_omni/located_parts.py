# SPDX-License-Identifier: Apache-2.0
"""Parts together with their location in the input, so that a later error of a part says where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from jina_omni.errors import Location, located
from jina_omni.inputs import Part

__all__ = ["LocatedPart", "locate", "nest"]


@dataclass(frozen=True, slots=True)
class LocatedPart:
    """A part of an input.

    Attributes
    ----------
    part : Text, Image, Audio, Video or Pdf
    location : tuple of (str, int or str or None)
        Steps from the input to the part; none where the input is the part.
    """

    part: Part
    location: Location = ()


def locate(make: Callable[[], Part], **steps: int | str | None) -> LocatedPart:
    """Make a part at a location; errors get the location too."""
    with located(**steps):
        return LocatedPart(make(), tuple(steps.items()))


def nest(parts: Iterator[LocatedPart], **steps: int | str | None) -> Iterator[LocatedPart]:
    """Yield parts one level deeper: with these steps before their own; errors get them too."""
    with located(**steps):
        for item in parts:
            yield replace(item, location=(*steps.items(), *item.location))
