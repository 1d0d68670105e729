# SPDX-License-Identifier: Apache-2.0
"""Error reporting."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from jina_omni.errors import JinaOmniError, LocatedError

__all__ = ["CommandError", "describe_failure", "report"]


class CommandError(JinaOmniError):
    """A command can't do what it was asked for."""


def describe_failure(error: LocatedError, name: str) -> str:
    """Return an error's message with a name in the place of the input's index."""
    # A file's name may have bytes that are not Unicode.
    return error.message_for(name.encode("utf-8", "backslashreplace").decode())


def report(counts: Mapping[str, int], failures: Sequence[str]) -> None:
    """Print on stderr how many inputs had each outcome, and why each failing one failed."""
    outcomes = [f"{count:,} {outcome}" for outcome, count in counts.items() if count] or ["nothing to do"]
    if failures:
        outcomes.append(f"{len(failures):,} failed:")
    print("; ".join(outcomes), file=sys.stderr)
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
