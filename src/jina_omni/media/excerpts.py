# SPDX-License-Identifier: Apache-2.0
"""Excerpts: the parts of a sound or a video between two times, in seconds from its beginning."""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from jina_omni.describe import short_repr
from jina_omni.errors import InputError
from jina_omni.media.limits import MAX_EXCERPTS

__all__ = ["WHOLE", "Excerpt", "list_excerpts", "make_excerpt"]


class Excerpt(NamedTuple):
    """A part of a medium.

    Attributes
    ----------
    start, end : float
        In seconds from the beginning of the medium; `end` is infinite where the medium is taken to its end.
    """

    start: float = 0.0
    end: float = math.inf

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole medium."""
        return self == WHOLE

    def __str__(self) -> str:
        return f"{self.start:g} seconds on" if math.isinf(self.end) else f"{self.start:g} to {self.end:g} seconds"


WHOLE = Excerpt()
"""From the beginning of a medium to its end."""


def make_excerpt(start: float | None, end: float | None) -> Excerpt:
    """Return the excerpt that a caller asks for; None stands for the beginning or the end of the medium.

    Raises
    ------
    InputError
        They are not seconds, of which the first is smaller.
    """
    excerpt = Excerpt(WHOLE.start if start is None else start, WHOLE.end if end is None else end)
    if not (all(map(_is_real, excerpt)) and 0 <= excerpt.start < excerpt.end and math.isfinite(excerpt.start)):
        raise InputError(
            f"has start={short_repr(start)} and end={short_repr(end)}; pass seconds from its beginning: "
            "start=30, end=60"
        )
    return Excerpt(float(excerpt.start), float(excerpt.end))


def list_excerpts(excerpt: Excerpt, length: float, seconds: float, overlap: float, least: float = 0) -> list[Excerpt]:
    """Return consecutive excerpts that cover a part of a medium, or the whole.

    Parameters
    ----------
    excerpt : Excerpt
        The part that is to be covered.
    length : float
        Of the whole medium, in seconds.
    seconds : float
        Length of each excerpt but the last, which may be shorter.
    overlap : float
        Seconds that an excerpt has in common with the next.
    least : float
        Seconds that the last excerpt must have more than the one before it, or it is left out.

    Returns
    -------
    list of Excerpt
        At least one.

    Raises
    ------
    InputError
        `seconds` is not a number over 0, `overlap` is not one from 0 to under `seconds`, the medium ends before the
        part begins, or there would be too many.

    Examples
    --------
    >>> [tuple(excerpt) for excerpt in list_excerpts(Excerpt(), 70, 30, 5)]
    [(0.0, 30.0), (25.0, 55.0), (50.0, 70.0)]
    """
    if not (_is_real(seconds) and 0 < seconds < math.inf):
        raise InputError(f"can't be split into excerpts of seconds={short_repr(seconds)}; pass a number over 0")
    if not (_is_real(overlap) and 0 <= overlap < seconds):
        raise InputError(
            f"can't be split with overlap={short_repr(overlap)}; pass seconds, from 0 to under the {seconds:g} of an "
            "excerpt"
        )
    if excerpt.start >= length:
        raise InputError(f"is {length:g} seconds long and has nothing from {excerpt}")
    end = min(excerpt.end, length)
    # An excerpt that only rounding makes longer than nothing is none.
    n = max(math.ceil((end - excerpt.start - overlap - least) / (seconds - overlap) - 1e-9), 1)
    if n > MAX_EXCERPTS:
        raise InputError(
            f"has {n:,} excerpts of {seconds:g} seconds, over the limit of {MAX_EXCERPTS:,}; pass more seconds="
        )
    # Rounded to microseconds, so that one ends exactly where the next begins.
    starts = [excerpt.start + i * (seconds - overlap) for i in range(n)]
    parts = [Excerpt(round(float(start), 6), float(min(round(start + seconds, 6), end))) for start in starts]
    # The last one may be less than a microsecond longer than the one before it.
    return parts if n == 1 or parts[-1].start < parts[-1].end else parts[:-1]


def _is_real(value: Any) -> bool:
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return is_number and (value == math.inf or abs(value) <= sys.float_info.max)
