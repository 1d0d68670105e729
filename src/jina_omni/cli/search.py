# SPDX-License-Identifier: Apache-2.0
"""``jina-omni search``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jina_omni.cli.chunks import encode_groups
from jina_omni.cli.database import Database, Hit
from jina_omni.cli.files import read_inputs
from jina_omni.cli.options import Choice, add_model_options, identity, open_model
from jina_omni.cli.problems import CommandError, describe_failure
from jina_omni.errors import InputError, JinaOmniError

HELP = "Find files in a database by a text or by a file."
EXAMPLES = """\
examples:
  jina-omni search "a cat asleep in the sun" --db ~/documents.db
  jina-omni search --file purr.wav --db ~/documents.db -k 3 --html found.html

The score is the cosine of the vectors. The model is the one that the database was made with; --model tells where its
files are now, when they have moved.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    query = parser.add_mutually_exclusive_group(required=True)
    query.add_argument("query", metavar="QUERY", nargs="?", help="text to look for")
    query.add_argument("--file", metavar="FILE", type=Path, help="look for what is like this file")
    parser.add_argument("--db", metavar="DIR", type=Path, required=True, help="folder of the database")
    parser.add_argument("-k", metavar="N", type=int, default=10, help="how many to show (default: %(default)s)")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page that shows them, too")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is nearest."""
    if args.k < 1:
        raise CommandError(f"-k is {args.k}, expected 1 or more")
    database = Database.open(args.db.resolve()) if args.db.is_dir() else None
    if database is None:
        raise CommandError(f"{args.db} holds no database; make it: jina-omni index FOLDER --db {args.db}")
    hits = _find(database, args)
    for line in _table(hits):
        print(line)
    if args.html is not None:
        from jina_omni.cli.gallery import page_of

        args.html.write_text(page_of(args.query or str(args.file), hits), "utf-8")
    return 0


def _find(database: Database, args: argparse.Namespace) -> list[Hit]:
    known = database.settings
    with open_model(Choice.from_options(args) if args.model else known.choice, args, known.dialect) as opened:
        made_by = identity(opened, known.dim, opened.info.document_prompt)
        if made_by != known.identity:
            raise CommandError(
                f"{args.db} holds vectors of {known.identity}, but this model makes those of {made_by}, which don't "
                "compare; pass the database's model with --model"
            )
        name = "QUERY" if args.file is None else str(args.file)
        try:
            inputs = [args.query] if args.file is None else read_inputs(args.file)
        except InputError as error:
            raise CommandError(describe_failure(error, name)) from error
        (found,) = encode_groups(opened, [inputs], truncate_dim=known.dim, prompt_name="query")
    if isinstance(found, JinaOmniError):
        raise CommandError(describe_failure(found, name))
    return database.search(found[0], args.k)


def _table(hits: Sequence[Hit]) -> list[str]:
    return [
        f"{rank:>{len(str(len(hits)))}}  {hit.score:6.3f}  {hit.path}{f', page {hit.page}' if hit.page else ''}"
        for rank, hit in enumerate(hits, 1)
    ]
