# SPDX-License-Identifier: Apache-2.0
"""``jina-omni index``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jina_omni.cli.collection.database import Database, Settings, lock_database
from jina_omni.cli.collection.update import Update
from jina_omni.cli.model_choice import Conventions, ModelChoice, describe_identity, open_model
from jina_omni.cli.options import add_encoding_options, add_model_options
from jina_omni.cli.problems import CommandError, report
from jina_omni.model import Model

HELP = "Put the files of a folder into a database, to be searched."
EXAMPLES = """\
examples:
  jina-omni index ~/documents --db ~/documents.db --model small-retrieval
  jina-omni index ~/documents --db ~/documents.db
  jina-omni index ~/papers --db ~/papers.db --model model/ --pages

The database stores the model and the options of its embeddings, so only the first run needs them; it refuses others. It
takes several folders, one after the other.

Run the command again when files have changed. It skips a file of the same size and time, reuses the embedding of a file
whose content is already in the database under any name, embeds a changed file again, and removes a file that is gone.
Sounds and videos of over 30 seconds have an embedding for each 30 seconds, and search shows the time of a match.
Hidden files are left out, and linked folders are followed. The same command continues a run that was stopped or killed.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--db", metavar="DIR", type=Path, required=True, help="folder of the database")
    parser.add_argument("--pages", action="store_true", help="an embedding for each page of a PDF, not one for all")
    add_encoding_options(parser)
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Bring the database up to date with the folder; return 1 when a file failed."""
    folder, db = args.folder.resolve(), args.db.resolve()
    if not folder.is_dir():
        raise CommandError(f"{args.folder} is not a folder")
    with lock_database(db):
        known = Database.open(db)
        with _open_model(args, known) as (model, settings):
            database = known or Database.create(db, settings, settings.dim or model.info.dim)
            _check_settings(database, settings)
            try:
                result = Update(database, model, truncate=args.truncate, batch_tokens=args.batch_tokens).run(folder)
            except KeyboardInterrupt:
                print(f"finished work is kept in {args.db}; run the same command to continue", file=sys.stderr)
                raise
    counts = {
        "embedded": result.embedded,
        "reused": result.reused,
        "unchanged": result.unchanged,
        "removed": result.removed,
    }
    report(counts, result.failures)
    return 1 if result.failures else 0


@contextmanager
def _open_model(args: argparse.Namespace, database: Database | None) -> Iterator[tuple[Model, Settings]]:
    """Open the model that the options choose; what they don't choose is taken from the database, if it exists."""
    choice, conventions = ModelChoice.from_options(args), Conventions.from_options(args)
    dim, pages = args.truncate_dim, args.pages
    if database is not None:
        known = database.settings
        choice = choice if args.model else known.choice
        dim, conventions, pages = dim or known.dim, conventions.complete(known.conventions), pages or known.pages
    with open_model(choice, args, conventions) as model:
        identity = describe_identity(model, dim, model.info.document_prompt)
        yield model, Settings(choice=choice, dim=dim, conventions=conventions, pages=pages, identity=identity)


def _check_settings(database: Database, settings: Settings) -> None:
    known = database.settings
    if (known.identity, known.pages) != (settings.identity, settings.pages):
        raise CommandError(
            f"{database.folder} has {_describe(known)}, but this run makes {_describe(settings)}, which don't belong "
            "together; make another database with --db"
        )


def _describe(settings: Settings) -> str:
    return f"embeddings of {settings.identity}{', one for each page' if settings.pages else ''}"
