# SPDX-License-Identifier: Apache-2.0
"""Short descriptions of values, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["describe_type", "short_repr", "suggest"]


def short_repr(value: object) -> str:
    """Return the repr of a value, cut to 80 characters.

    Examples
    --------
    >>> short_repr([1, 2])
    '[1, 2]'
    """
    try:
        return f"{value!r:.80}"
    except ValueError:  # Python does not print ints of over 4,300 digits
        return f"an {type(value).__name__} of thousands of digits"


def describe_type(value: object) -> str:
    """Return the type of a value, for a sentence such as "input 3 is ...".

    Examples
    --------
    >>> describe_type(None), describe_type(3)
    ('None', 'of the type int')
    """
    return "None" if value is None else f"of the type {type(value).__name__}"


def suggest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the end of a message about an unknown name: the known one that it is a misspelling of, or nothing.

    Names are alike by difflib's ratio; 0.6 is its default for a close match.

    Examples
    --------
    >>> suggest("trunkate", ["truncate", "truncate_dim"]), suggest("colour", ["truncate"])
    ("; did you mean 'truncate'?", '')
    """
    by_lower_case = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=likeness)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""
