# SPDX-License-Identifier: Apache-2.0
"""``jina-omni demo``."""

from __future__ import annotations

import argparse

from jina_omni.cli.options import parse_path
from jina_omni.cli.pages import check_page
from jina_omni.demo.comparison import print_comparison
from jina_omni.demo.page import render_page

HELP = "Find packaged images, sounds and videos by texts, with the packaged toy model."
EXAMPLES = """\
examples:
  jina-omni demo
  jina-omni demo --html demo.html

The toy model knows only its toy world: a few coloured shapes, and tones, buzzes and noises. For anything else pass the
published files to the other commands; `jina-omni models` lists them.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--html", metavar="FILE", type=parse_path, help="also write a page with players and a search box"
    )


def run(args: argparse.Namespace) -> int:
    """Print the cosines of texts and media."""
    check_page(args)
    scores = print_comparison()
    if args.html is not None:
        args.html.write_text(render_page(scores), "utf-8")
        print(f"\nwrote {args.html}")
    return 0
