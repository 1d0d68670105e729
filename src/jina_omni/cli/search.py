# SPDX-License-Identifier: Apache-2.0
"""``jina-omni search``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from jina_omni.cli.collection.commands import choose_model
from jina_omni.cli.collection.database import open_database
from jina_omni.cli.collection.gallery import render_gallery
from jina_omni.cli.collection.places import describe_copies, describe_place, list_fields
from jina_omni.cli.collection.query import Finding, Query, embed_query, find_nearest, find_nearest_by_kind
from jina_omni.cli.files import suggest_path
from jina_omni.cli.model_choice import open_model
from jina_omni.cli.options import (
    add_model_options,
    add_scope_options,
    add_truncate_option,
    parse_path,
    parse_whole_number,
)
from jina_omni.cli.pages import add_page_options, check_page, write_page
from jina_omni.cli.problems import CommandError, escape_line
from jina_omni.cli.scoping import read_scope, report_gone

HELP = "Find files in a database by a text, by a file, or by both."
EXAMPLES = """\
examples:
  jina-omni search "a cat asleep in the sun" --db ~/documents.db
  jina-omni search --file purr.wav --db ~/documents.db -k 3 --html found.html
  jina-omni search "the same at night" --file street.jpg --db ~/documents.db --kind image --open

The score is the cosine of the embeddings. The model is the one that made the database; if its files have moved, pass
their new place with --model.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("query", metavar="QUERY", nargs="?", help="text to look for")
    parser.add_argument(
        "--file",
        metavar="FILE",
        type=parse_path,
        help="look for files that are similar to this one; with QUERY, to both",
    )
    parser.add_argument(
        "-k", metavar="N", type=parse_whole_number, default=10, help="number of results (default: %(default)s)"
    )
    add_scope_options(parser)
    parser.add_argument(
        "--per-kind",
        action="store_true",
        help="score by how far a cosine is above those of its kind, so that texts don't crowd out sounds",
    )
    parser.add_argument("--json", action="store_true", help="print each result as a line of JSON")
    add_page_options(parser, "shows and plays the results")
    add_truncate_option(parser)
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is nearest to the query."""
    query = Query(args.query, args.file)
    if query == Query():
        raise CommandError("pass a text to look for, or a file with --file, or both")
    if args.file is not None and not os.path.lexists(args.file):
        raise CommandError(f"there is no file {str(args.file)!r}{suggest_path(args.file)}")
    if args.k < 1:
        raise CommandError(f"-k is {args.k}, expected 1 or more")
    check_page(args)
    database = open_database(args.db)
    scope = read_scope(args, database)
    with open_model(choose_model(args, database), args, database.settings.conventions) as model:
        vector = embed_query(database, model, query, truncate=args.truncate)
    find = find_nearest_by_kind if args.per_kind else find_nearest
    found, gone = find(database, vector, min(args.k, database.count_embeddings()), scope)
    for line in map(_format_json, found) if args.json else _format_table(found):
        print(line)
    if not found:
        print("the database has no such files", file=sys.stderr)
    report_gone(gone)
    write_page(args, lambda: render_gallery(query, found, database.settings.conventions.pictures))
    return 0


def _format_table(found: Sequence[Finding]) -> list[str]:
    return [
        f"{rank:>{len(str(len(found)))}}  {one.score:6.3f}  {escape_line(one.path)}{describe_place(one.place)}"
        f"{describe_copies(one.copies)}"
        for rank, one in enumerate(found, 1)
    ]


def _format_json(one: Finding) -> str:
    fields = {"path": one.path, "kind": one.kind, **list_fields(one.place), "score": one.score, "cosine": one.cosine}
    return json.dumps(fields | {"copies": one.copies})
