# SPDX-License-Identifier: Apache-2.0
"""``jina-omni duplicates``."""

from __future__ import annotations

import argparse
import json
import sys

from jina_omni.cli.collection.database import open_database
from jina_omni.cli.collection.duplicates import find_duplicates
from jina_omni.cli.collection.query import read_present
from jina_omni.cli.options import add_scope_options, parse_number
from jina_omni.cli.problems import CommandError, escape_line
from jina_omni.cli.scoping import read_scope, report_gone
from jina_omni.cli.wording import describe_count

HELP = "List the files of a database that are equal or nearly so."
EXAMPLES = """\
examples:
  jina-omni duplicates --db ~/documents.db
  jina-omni duplicates --db ~/documents.db --kind image --above 0.95
  jina-omni duplicates --db ~/documents.db --json

Each group is a file and those whose cosine with it is at least that of --above; equal files have 1. Nothing is deleted.
The embeddings are those of the database, so no model is needed.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_scope_options(parser)
    parser.add_argument(
        "--above",
        metavar="COSINE",
        type=parse_number,
        default=0.97,
        help="the lowest cosine of near-duplicates; 1 for equal embeddings (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print each group as a line of JSON")


def run(args: argparse.Namespace) -> int:
    """Print the groups."""
    if not -1 <= args.above <= 1:
        raise CommandError(f"--above is {args.above}, but a cosine is within -1 to 1")
    database = open_database(args.db)
    contents, gone = read_present(database, read_scope(args, database))
    groups = find_duplicates(contents, args.above)
    for number, group in enumerate(groups):
        if args.json:
            print(json.dumps({"files": [one._asdict() for one in group]}))
            continue
        if number:
            print()
        for one in group:
            print(f"{one.cosine:6.3f}  {escape_line(one.path)}")
    n_others = sum(map(len, groups)) - len(groups)
    numbers = f"{describe_count(len(groups), 'group')} with {describe_count(n_others, 'file')}"
    print(f"{numbers} beside the first of each", file=sys.stderr)
    report_gone(gone)
    return 0
