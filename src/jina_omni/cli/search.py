# SPDX-License-Identifier: Apache-2.0
"""``jina-omni search``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jina_omni.cli.collection.database import Database, Hit
from jina_omni.cli.collection.gallery import render_gallery
from jina_omni.cli.collection.places import describe_place
from jina_omni.cli.collection.query import find_nearest
from jina_omni.cli.model_choice import ModelChoice, open_model
from jina_omni.cli.options import add_model_options, add_truncate_option
from jina_omni.cli.problems import CommandError
from jina_omni.media.picture_options import PictureOptions

HELP = "Find files in a database by a text or by a file."
EXAMPLES = """\
examples:
  jina-omni search "a cat asleep in the sun" --db ~/documents.db
  jina-omni search --file purr.wav --db ~/documents.db -k 3 --html found.html

The score is the cosine of the embeddings. The model is the one that made the database; if its files have moved, pass
their new place with --model.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    query = parser.add_mutually_exclusive_group(required=True)
    query.add_argument("query", metavar="QUERY", nargs="?", help="text to look for")
    query.add_argument("--file", metavar="FILE", type=Path, help="look for files that are similar to this one")
    parser.add_argument("--db", metavar="DIR", type=Path, required=True, help="folder of the database")
    parser.add_argument("-k", metavar="N", type=int, default=10, help="number of results (default: %(default)s)")
    parser.add_argument("--html", metavar="FILE", type=Path, help="also write a page that shows and plays the results")
    add_truncate_option(parser)
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is nearest to the query."""
    if args.k < 1:
        raise CommandError(f"-k is {args.k}, expected 1 or more")
    database = Database.open(args.db.resolve()) if args.db.is_dir() else None
    if database is None:
        raise CommandError(f"{args.db} is not a database; create it with: jina-omni index FOLDER --db {args.db}")
    choice = ModelChoice.from_options(args) if args.model else database.settings.choice
    with open_model(choice, args, database.settings.conventions) as model:
        query = args.query if args.file is None else args.file
        hits = find_nearest(database, model, query, args.k, truncate=args.truncate)
    for line in _format_table(hits):
        print(line)
    if args.html is not None:
        conventions = database.settings.conventions
        pictures = PictureOptions().override(conventions.orientation, conventions.background)
        args.html.write_text(render_gallery(args.query or str(args.file), hits, pictures), "utf-8")
    return 0


def _format_table(hits: Sequence[Hit]) -> list[str]:
    return [
        f"{rank:>{len(str(len(hits)))}}  {hit.score:6.3f}  {hit.path}{describe_place(hit.place)}"
        for rank, hit in enumerate(hits, 1)
    ]
