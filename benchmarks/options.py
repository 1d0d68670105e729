"""Command lines."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection


def make_choices_parser(choices: Collection[str]) -> Callable[[str], list[str]]:
    """Return what reads an option of names with commas between them, which may be none."""

    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if unknown := [name for name in names if name not in choices]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(choices)}")
        return names

    return read
