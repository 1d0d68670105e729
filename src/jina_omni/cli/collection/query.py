# SPDX-License-Identifier: Apache-2.0
"""The query of a collection: find the files that are nearest to a text or to a file."""

from __future__ import annotations

from pathlib import Path

from jina_omni.cli.chunks import encode_groups
from jina_omni.cli.collection.database import Database, Hit
from jina_omni.cli.files import FileInput, read_inputs
from jina_omni.cli.model_choice import describe_identity
from jina_omni.cli.problems import CommandError, describe_failure
from jina_omni.errors import InputError, LocatedError
from jina_omni.model import Model

__all__ = ["find_nearest"]


def find_nearest(
    database: Database, model: Model, query: str | Path, n_hits: int, *, truncate: bool = False
) -> list[Hit]:
    """Return what is nearest to a text (str) or a file (Path), the nearest first.

    With `truncate`, of a query that is too long its beginning counts.

    Raises
    ------
    CommandError
        The model's embeddings don't compare with those of the database, or the query can't be embedded.
    """
    settings = database.settings
    identity = describe_identity(model, settings.dim, model.info.document_prompt)
    if identity != settings.identity:
        raise CommandError(
            f"{database.folder} has embeddings of {settings.identity}, but this model makes those of {identity}, which "
            "don't compare; pass the database's model with --model"
        )
    name = "QUERY" if isinstance(query, str) else str(query)
    try:
        inputs: list[FileInput] = [query] if isinstance(query, str) else read_inputs(query, truncate=truncate)
    except InputError as error:
        raise CommandError(describe_failure(error, name)) from error
    (result,) = encode_groups(model, [inputs], truncate_dim=settings.dim, prompt_name="query", truncate=truncate)
    if isinstance(result, LocatedError):
        raise CommandError(describe_failure(result, name))
    return database.search(result[0], n_hits)
