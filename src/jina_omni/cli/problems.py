# SPDX-License-Identifier: Apache-2.0
"""Error reporting."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jina_omni.errors import JinaOmniError, LocatedError

__all__ = ["CommandError", "advise_removal", "describe_failure", "escape", "report"]

# What errors of the library advise, and what that is in a command: nothing where there is no option for it.
_ADVICE = {"truncate=True": "--truncate", "; Audio.split() returns its parts": ""}


class CommandError(JinaOmniError):
    """A command can't do what it was asked for."""


def describe_failure(error: LocatedError, name: str) -> str:
    """Return an error's message with a name in the place of the input's index, and its advice for the command line."""
    message = error.message_for(escape(name))
    problem = error.problem
    for in_python, in_commands in _ADVICE.items():
        problem = problem.replace(in_python, in_commands)
    return message.removesuffix(error.problem) + problem


def advise_removal(folder: Path | str, db: Path) -> str:
    """Return how the files of a folder are removed from a database."""
    return f"to remove its files from the database: jina-omni db remove {folder} --db {db}"


def escape(text: str) -> str:
    """Return a text, such as a file's name, with escapes in the place of what is not Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()


def report(counts: Mapping[str, int], failures: Sequence[str]) -> None:
    """Print on stderr how many inputs had each outcome, and why each failing one failed."""
    outcomes = [f"{count:,} {outcome}" for outcome, count in counts.items() if count] or ["nothing to do"]
    if failures:
        outcomes.append(f"{len(failures):,} failed:")
    print("; ".join(outcomes), file=sys.stderr)
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
