# SPDX-License-Identifier: Apache-2.0
"""The scope of a search: which files of a database are looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from jina_omni.cli.collection.tables import match_any, quote
from jina_omni.media.kinds import KINDS

__all__ = ["FILE_KINDS", "Scope"]

FILE_KINDS = ("text", *KINDS)
"""The kinds of files that a database has."""


class Scope(NamedTuple):
    """Which files of a database are looked at.

    Attributes
    ----------
    kinds : sequence of str
        Of `FILE_KINDS`; none for all.
    folders : sequence of str
        Absolute paths, in one of which a file lies; none for all.
    """

    kinds: Sequence[str] = ()
    folders: Sequence[str] = ()

    def list_conditions(self) -> list[str]:
        """Return the SQL conditions of a file."""
        conditions = [match_any("kind", self.kinds)] if self.kinds else []
        if self.folders:
            prefixes = (folder if folder.endswith(os.sep) else folder + os.sep for folder in self.folders)
            conditions.append("(" + " OR ".join(f"starts_with(path, {quote(prefix)})" for prefix in prefixes) + ")")
        return conditions
