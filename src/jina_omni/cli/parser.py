# SPDX-License-Identifier: Apache-2.0
"""The parser of command lines: argparse, with suggestions where a name is misspelt."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from jina_omni.describe import suggest

__all__ = ["CommandParser"]

# The messages of argparse that list what there is.
_CHOICES = re.compile(r"invalid choice: '(?P<given>[^']*)' \(choose from (?P<known>[^)]*)\)")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
_LIKENESS = 0.7  # the dashes make any two options alike
_NAME = re.compile(r"[\w.-]+")


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors say which command, option or choice was meant, where one is misspelt.

    What argparse leaves over is an error of the command, not of the whole program, so that its usage is that of the
    command.
    """

    _given: Sequence[str] = ()

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse a whole command line; the namespace has the `parser` of its command."""
        found, others = self.parse_known_args(args, namespace)
        if others:
            parser: CommandParser = getattr(found, "parser", self)
            takes_no_word = not any(parser._iterate_names_of_words())
            is_option = any(word.startswith("-") for word in others)
            advice = "" if is_option or takes_no_word else "; put quotes around what contains spaces"
            parser.error(f"unrecognized arguments: {' '.join(others)}{advice}")
        return found

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what this parser knows, and keep all of it for suggestions."""
        self._given = [] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, with suggestions, and exit with status 2."""
        choice = _CHOICES.search(message)
        if choice is not None:
            message += suggest(choice["given"], _NAME.findall(choice["known"]))
        super().error(message + "".join(self._suggest_options(message)))

    def _iterate_names_of_words(self) -> Iterator[set[str]]:
        """Yield the names of each argument that is a word of the user's, neither an option nor a command."""
        for action in self._get_positional_actions():
            if action.choices is None:
                yield {action.dest, str(action.metavar).lower()}

    def _suggest_options(self, message: str) -> Iterator[str]:
        known = set(_OPTION.findall(self.format_help()))
        for word in self._given:
            if word.startswith("-") and os.path.lexists(word):
                yield f"; to pass the file {word}, write ./{word}"
                continue
            option = word.partition("=")[0]
            name = option.lstrip("-").lower()
            if option.startswith("--") and any(name in names for names in self._iterate_names_of_words()):
                yield f"; {self.prog} takes the {name} without {option}"
            elif _OPTION.fullmatch(option) and not any(one.startswith(option) for one in known):
                unknown = "" if option in message else f"; there is no {option}"
                yield unknown + suggest(option, known, likeness=_LIKENESS)
