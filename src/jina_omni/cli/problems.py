# SPDX-License-Identifier: Apache-2.0
"""Error reporting."""

from __future__ import annotations

import copy
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jina_omni.cli.wording import name_options
from jina_omni.errors import JinaOmniError, LocatedError

__all__ = [
    "CommandError",
    "advise_continuation",
    "advise_removal",
    "check_unicode",
    "describe_failure",
    "escape",
    "escape_line",
    "format_command",
    "report",
    "unescape",
]

_SURROGATE = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")  # as Python escapes it; stands for a byte that is not Unicode
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # control characters, and the separators of lines in Unicode


class CommandError(JinaOmniError):
    """A command can't do what it was asked for."""


def describe_failure(error: LocatedError, name: str) -> str:
    """Return an error's message with a name in the place of the input's index, and its advice for the command line."""
    named = copy.copy(error)
    named.file = None  # the name says it, and may be that of another file with the same content
    return named.message_for(escape(name)).removesuffix(error.problem) + name_options(error.problem)


def advise_continuation(place: Path) -> str:
    """Return where the finished work of a command that was stopped is, and how to go on."""
    return f"finished work is kept in {place}; run the same command to continue"


def advise_removal(folder: Path | str, db: Path) -> str:
    """Return how the files of a folder are removed from a database."""
    return f"to remove its files from the database: {format_command('db', 'remove', folder, '--db', db)}"


def format_command(*words: object) -> str:
    """Return a command of this program, as a shell takes it."""
    return shlex.join(["jina-omni", *map(str, words)])


def escape(text: str) -> str:
    """Return a text, such as a file's name, with escapes in the place of what is not Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()


def check_unicode(path: Path) -> None:
    """Check that a database can store a path.

    Raises
    ------
    CommandError
        It is not Unicode.
    """
    if (shown := escape(str(path))) != str(path):
        raise CommandError(f"{shown} has a name that is not Unicode; rename it")


def escape_line(text: str) -> str:
    r"""Return a text, such as a file's name, as it is printed: in one line, and without a terminal's control codes.

    Examples
    --------
    >>> print(escape_line("two\nlines"))
    two\nlines
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), escape(text))


def unescape(text: str) -> str:
    r"""Return the text that `escape` got, unless that had such escapes itself.

    Examples
    --------
    >>> unescape(escape("caf\udce9")) == "caf\udce9"
    True
    """
    return _SURROGATE.sub(lambda found: chr(int(found[1], 16)), text)


def report(counts: Mapping[str, int], failures: Sequence[str]) -> None:
    """Print on stderr how many inputs had each outcome, and why each failing one failed."""
    outcomes = [f"{count:,} {outcome}" for outcome, count in counts.items() if count] or ["nothing to do"]
    if failures:
        outcomes.append(f"{len(failures):,} failed:")
    print("; ".join(outcomes), file=sys.stderr)
    for failure in failures:
        print(f"  {escape_line(failure)}", file=sys.stderr)
