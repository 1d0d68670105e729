# SPDX-License-Identifier: Apache-2.0
"""The outcome of an update of a collection, and how it is reported."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from jina_omni.cli.collection.database import Failure
from jina_omni.cli.problems import escape_line, report

__all__ = ["Outcome", "count_types", "print_outcome"]


@dataclass
class Outcome:
    """How many files had each outcome, and those that failed.

    Attributes
    ----------
    embedded, reused, unchanged, removed : int
    new_failures : list of Failure
        Of files and folders that did not fail before, or have changed since.
    known_failures : list of Failure
        Of those that failed before.
    unread : list of Failure
        Of files of kinds that are not read.
    """

    embedded: int = 0
    reused: int = 0
    unchanged: int = 0
    removed: int = 0
    new_failures: list[Failure] = field(default_factory=list)
    known_failures: list[Failure] = field(default_factory=list)
    unread: list[Failure] = field(default_factory=list)

    def add_failure(self, failure: Failure, *, is_known: bool) -> None:
        """Add a file or a folder that failed."""
        failures = self.known_failures if is_known else self.new_failures
        (self.unread if failure.is_of_unread_kind else failures).append(failure)

    def has_changes(self) -> bool:
        """Return whether the database is another one than before, except for what failed."""
        return bool(self.embedded or self.reused or self.removed)


def print_outcome(outcome: Outcome, *, verbose: bool) -> None:
    """Print on stderr how many files had each outcome, and what failed for the first time or, with `verbose`, all."""
    counts = {name: getattr(outcome, name) for name in ("embedded", "reused", "unchanged", "removed")}
    counts[f"not read ({', '.join(count_types(outcome.unread))})"] = len(outcome.unread)
    counts["failed as before"] = len(outcome.known_failures)
    report(counts, [failure.message for failure in outcome.new_failures])
    for title, failures in ("failed as before", outcome.known_failures), ("not read", outcome.unread):
        if verbose and failures:
            print(f"{title}:", *(escape_line(failure.message) for failure in failures), sep="\n  ", file=sys.stderr)


def count_types(failures: Iterable[Failure]) -> list[str]:
    """Return how many files there are of each media type, the most frequent first."""
    types = Counter(failure.media_type or "of unknown type" for failure in failures)
    return [f"{count:,} {media_type}" for media_type, count in types.most_common()]
