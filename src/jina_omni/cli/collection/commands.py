# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common that embed files for a database."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jina_omni.cli.collection.database import Database, Settings
from jina_omni.cli.collection.scan import is_gone
from jina_omni.cli.model_choice import Conventions, ModelChoice, describe_identity, open_model
from jina_omni.cli.options import add_encoding_options, add_model_options
from jina_omni.cli.problems import CommandError, advise_continuation
from jina_omni.model import Model

__all__ = ["add_update_options", "choose_model", "keeping_work", "open_database_model"]


def add_update_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the commands that embed files for a database."""
    parser.add_argument(
        "--pages",
        action=argparse.BooleanOptionalAction,
        help="an embedding for each page of a PDF, not one for all",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="also list what failed before, and files of kinds that are not read"
    )
    add_encoding_options(parser)
    add_model_options(parser)


def choose_model(args: argparse.Namespace, database: Database) -> ModelChoice:
    """Return the model that the options choose, or else that of a database.

    Raises
    ------
    CommandError
        The files of the database's model are not where they were, or options are for another one that is not chosen.
    """
    if args.model:
        return ModelChoice.from_options(args)
    if args.mmproj or args.modality:
        raise CommandError("--mmproj and --modality go with --model; without it, the model of the database is used")
    choice = database.settings.choice
    for file in filter(None, (choice.model, *choice.mmproj)):
        if Path(file).is_absolute() and is_gone(Path(file)):  # what is not absolute is a name on the Hub
            raise CommandError(
                f"{file}, with which {database.folder} was made, is not there; pass its new place with --model"
            )
    return choice


@contextmanager
def open_database_model(args: argparse.Namespace, database: Database | None) -> Iterator[tuple[Model, Settings]]:
    """Open the model that the options choose; what they don't choose is taken from the database, if it exists.

    Raises
    ------
    CommandError
        The model was not trained for the size that embeddings are to be cut to.
    """
    choice = ModelChoice.from_options(args) if database is None else choose_model(args, database)
    conventions = Conventions.from_options(args)
    dim, pages = args.truncate_dim, bool(args.pages)
    if database is not None:
        known = database.settings
        dim, conventions = dim or known.dim, conventions.complete(known.conventions)
        pages = known.pages if args.pages is None else args.pages
    with open_model(choice, args, conventions) as model:
        if dim not in (None, *model.info.dims):  # or a database of this size would be created before encode refuses it
            trained = ", ".join(map(str, model.info.dims))
            raise CommandError(f"--truncate-dim is {dim}; this model was trained for {trained}")
        identity = describe_identity(model, dim, model.info.document_prompt)
        yield model, Settings(choice=choice, dim=dim, conventions=conventions, pages=pages, identity=identity)


@contextmanager
def keeping_work(db: Path) -> Iterator[None]:
    """Say how to go on when Ctrl-C ends the block."""
    try:
        yield
    except KeyboardInterrupt:
        print(advise_continuation(db), file=sys.stderr)
        raise
