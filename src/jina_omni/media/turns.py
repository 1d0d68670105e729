# SPDX-License-Identifier: Apache-2.0
"""Which way up the frames of a film are shown, by the metadata of its file."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["AS_STORED", "Turn", "find_turn", "turn_by_exif"]


class Turn(NamedTuple):
    """How a frame is turned by right angles and mirrored: first its axes, then their directions.

    Attributes
    ----------
    swaps_axes : bool
        Rows become columns.
    flips_rows, flips_columns : bool
        The last row, or column, of the result comes first.
    """

    swaps_axes: bool
    flips_rows: bool
    flips_columns: bool

    def turn_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a turned frame."""
        return (width, height) if self.swaps_axes else (height, width)

    def turn(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return a view of a frame, shape (height, width, 3), as it is shown."""
        turned = frame.swapaxes(0, 1) if self.swaps_axes else frame
        return turned[:: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]


AS_STORED = Turn(swaps_axes=False, flips_rows=False, flips_columns=False)

# EXIF 2.3, tag 0x0112.
_BY_EXIF = {
    2: Turn(swaps_axes=False, flips_rows=False, flips_columns=True),
    3: Turn(swaps_axes=False, flips_rows=True, flips_columns=True),
    4: Turn(swaps_axes=False, flips_rows=True, flips_columns=False),
    5: Turn(swaps_axes=True, flips_rows=False, flips_columns=False),
    6: Turn(swaps_axes=True, flips_rows=False, flips_columns=True),
    7: Turn(swaps_axes=True, flips_rows=True, flips_columns=True),
    8: Turn(swaps_axes=True, flips_rows=True, flips_columns=False),
}


def turn_by_exif(orientation: int) -> Turn:
    """Return how a picture with this orientation in its EXIF data is to be turned.

    Examples
    --------
    >>> turn_by_exif(6).turn_size(height=480, width=640)
    (640, 480)
    """
    return _BY_EXIF.get(orientation, AS_STORED)


def find_turn(frame: Any) -> Turn:
    """Return how a frame is to be turned by its display matrix; an angle between goes to the nearest right angle.

    Parameters
    ----------
    frame : av.VideoFrame
        The matrix of its container, or of the stream's own messages, is among its side data.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return AS_STORED
    # Nine numbers, of which the first, second, fourth and fifth are a, b, c and d: the pixel in column p and row q goes
    # to column a * p + c * q and row b * p + d * q (libavutil/display.h).
    a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(matrix, np.int32))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(swaps_axes=False, flips_rows=d < 0, flips_columns=a < 0)
    return Turn(swaps_axes=True, flips_rows=b < 0, flips_columns=c < 0)
