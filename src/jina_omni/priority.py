# SPDX-License-Identifier: Apache-2.0
"""The priority of a call that names none."""

from __future__ import annotations

from collections.abc import Iterable

from jina_omni.errors import LocatedError
from jina_omni.native import Priority
from jina_omni.preparing import PreparedInput

__all__ = ["choose_priority"]

# About 25 queries, or an image of 512 x 512 pixels, whose 256 media tokens cost a vision tower before the text tower.
_MAX_INTERACTIVE_TOKENS = 512


def choose_priority(prepared: Iterable[PreparedInput | LocatedError]) -> Priority:
    """Return "interactive" for a call that is small in all, else "background". Media tokens count double."""
    inputs = (item for item in prepared if isinstance(item, PreparedInput))
    n_tokens = sum(len(item) + sum(len(medium.layout) for medium in item.media) for item in inputs)
    return "interactive" if n_tokens <= _MAX_INTERACTIVE_TOKENS else "background"
