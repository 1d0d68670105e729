# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a command, and how it is told."""

from __future__ import annotations

import sys

from jina_omni.errors import JinaOmniError

__all__ = ["CommandError", "report"]


class CommandError(JinaOmniError):
    """A command can't do what it was asked for."""


def report(counts: dict[str, int], failures: list[str]) -> None:
    """Print on stderr what became of the inputs: what happened to how many, and each one that failed."""
    parts = [f"{count:,} {what}" for what, count in counts.items() if count] or ["nothing to do"]
    if failures:
        parts.append(f"{len(failures):,} failed:")
    print("; ".join(parts), file=sys.stderr)
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
