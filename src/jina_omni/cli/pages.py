# SPDX-License-Identifier: Apache-2.0
"""The pages that commands write for a browser."""

from __future__ import annotations

import argparse
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path

from jina_omni.cli.options import parse_path
from jina_omni.cli.outputs import check_folder
from jina_omni.cli.problems import CommandError

__all__ = ["add_page_options", "check_page", "write_page"]


def add_page_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options that write a page and open it."""
    parser.add_argument("--html", metavar="FILE", type=parse_path, help=f"also write a page that {what}")
    parser.add_argument(
        "--open", action="store_true", help="open the page in the browser; without --html it is a temporary file"
    )


def check_page(args: argparse.Namespace) -> None:
    """Check that there is the folder of the page, before the work that it shows is done."""
    if args.html is not None:
        check_folder(args.html)
        if args.html.is_dir():
            raise CommandError(f"{args.html} is a folder; pass the name of a file with --html")


def write_page(args: argparse.Namespace, render: Callable[[], str]) -> None:
    """Write and open a page as the options say.

    Raises
    ------
    CommandError
        No browser opens it.
    """
    if args.html is None and not args.open:
        return
    text = render()
    path = args.html
    if path is None:
        # Only this user may read it, and it stays, as the browser reads it later.
        with tempfile.NamedTemporaryFile(prefix="jina-omni-", suffix=".html", delete=False) as file:
            path = Path(file.name)
    path.write_text(text, "utf-8")
    if args.open and not webbrowser.open(path.resolve().as_uri()):
        raise CommandError(f"no browser could be opened; the page is {path}")
