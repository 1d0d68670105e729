# SPDX-License-Identifier: Apache-2.0
"""A medium between its file and its tower: measured first, so that batches can be planned, and decoded later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.errors import Location
from jina_omni.media.patches import Patches, PatchGrid, VisionGeometry

__all__ = ["DecodedMedium", "Medium", "TokenLayout", "Tower", "make_still"]

Tower: TypeAlias = Literal["vision", "audio"]


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """The media tokens of a medium.

    Attributes
    ----------
    groups : tuple of int
        Numbers of consecutive media tokens: of a video one for each pair of frames, else one number.
    timestamps : tuple of float or None
        Seconds to write before each group.
    """

    groups: tuple[int, ...]
    timestamps: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return sum(self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedMedium:
    """What a tower takes of a medium.

    Attributes
    ----------
    layout : TokenLayout
        Of the decoded content, which may differ from what the header announced.
    values : array, float32
        Patches or mel frames, one in each row; see `Context.encode_patches` and `Context.encode_mel`.
    shape : tuple of int
        The grid (t, h, w) of patches, or the number of mel frames alone.
    """

    layout: TokenLayout
    values: npt.NDArray[np.float32]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Medium:
    """A medium that is measured but not decoded: an image, a page, a video's frames or a sound.

    Attributes
    ----------
    tower : {"vision", "audio"}
        The tower that embeds it.
    layout : TokenLayout
        As far as the header says.
    decode : callable
        Decodes it; may be called from any thread, and raises `InputError`. What may take long raises `Cancelled` soon
        after the event is set.
    location : tuple of (str, int or str or None)
        Of the part that it comes from, for errors of `decode`.
    file : str or None
        The path that it comes from, for errors of `decode`.
    seconds : float
        Of a sound or a video, as far as the header says; of the sound of a video 0.
    n_pages : int
        1 for the page of a document.
    """

    tower: Tower
    layout: TokenLayout
    decode: Callable[[threading.Event], DecodedMedium]
    location: Location = ()
    file: str | None = None
    seconds: float = 0.0
    n_pages: int = 0


def make_still(
    grid: PatchGrid, read: Callable[[threading.Event], tuple[Patches, PatchGrid]], geometry: VisionGeometry
) -> Medium:
    """Return the medium of an image or a page.

    Parameters
    ----------
    grid : tuple of int
        (1, h, w), in patches, as far as the header says.
    read : callable
        Returns the patches and their grid, as `Medium.decode` takes an event.
    geometry : VisionGeometry
        Of the vision file.
    """

    def measure(grid: PatchGrid) -> TokenLayout:
        return TokenLayout((geometry.count_tokens(grid),))

    def decode(stop: threading.Event) -> DecodedMedium:
        values, found = read(stop)
        return DecodedMedium(measure(found), values, found)

    return Medium("vision", measure(grid), decode)
