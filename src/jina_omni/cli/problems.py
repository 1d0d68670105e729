# SPDX-License-Identifier: Apache-2.0
"""Error reporting."""

from __future__ import annotations

import sys

from jina_omni.errors import JinaOmniError, LocatedError

__all__ = ["CommandError", "describe_failure", "report"]


class CommandError(JinaOmniError):
    """A command can't do what it was asked for."""


def describe_failure(error: JinaOmniError, name: str) -> str:
    """Return an error's message with a name in the place of the input's index."""
    return error.message_for(name) if isinstance(error, LocatedError) else f"{name}: {error}"


def report(counts: dict[str, int], failures: list[str]) -> None:
    """Print on stderr the number of inputs by what happened to them, and each one that failed."""
    parts = [f"{count:,} {what}" for what, count in counts.items() if count] or ["nothing to do"]
    if failures:
        parts.append(f"{len(failures):,} failed:")
    print("; ".join(parts), file=sys.stderr)
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
