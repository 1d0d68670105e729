# SPDX-License-Identifier: Apache-2.0
"""Places in files, for people and for browsers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jina_omni.cli.collection.database import Place

__all__ = ["describe_copies", "describe_place", "find_url", "list_fields"]


def describe_place(place: Place) -> str:
    """Return what is added to a file's name; nothing for the whole file.

    Examples
    --------
    >>> describe_place(Place(page=3)), describe_place(Place(start=90, end=120)), describe_place(Place())
    (', page 3', ', 1:30 to 2:00', '')
    """
    if place.page:
        return f", page {place.page}"
    return f", {_format_time(place.start)} to {_format_time(place.end)}" if place.end else ""


def describe_copies(copies: Sequence[str]) -> str:
    """Return what is added to a file's name where there are others of the same content.

    Examples
    --------
    >>> describe_copies(["a copy.jpg"]), describe_copies([])
    (' and 1 copy', '')
    """
    return f" and {len(copies):,} {'copy' if len(copies) == 1 else 'copies'}" if copies else ""


def find_url(path: Path, place: Place) -> str:
    """Return the address of a place in a file, at which a browser shows the page or plays from the time.

    A page is named as PDF viewers take it (RFC 8118, 3), a time as browsers do (Media Fragments URI 1.0, 4.2.1).

    Examples
    --------
    >>> find_url(Path.cwd() / "talk.mp4", Place(start=90, end=120)).rpartition("/")[2]
    'talk.mp4#t=90,120'
    """
    if place.page:
        return f"{path.as_uri()}#page={place.page}"
    return f"{path.as_uri()}#t={place.start:.10g},{place.end:.10g}" if place.end else path.as_uri()


def list_fields(place: Place) -> dict[str, Any]:
    """Return the fields of a place for programs, None where they don't apply: the page, and the times in seconds.

    Examples
    --------
    >>> list_fields(Place(start=90, end=120))
    {'page': None, 'start': 90, 'end': 120}
    """
    times = (place.start, place.end) if place.end else (None, None)
    return {"page": place.page or None, "start": times[0], "end": times[1]}


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
