# SPDX-License-Identifier: Apache-2.0
"""What is found in a collection: the files that are nearest to a text, to a file, or to both together, or all."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.cli.chunks import encode_groups
from jina_omni.cli.collection.database import Content, Database, Hit, Place
from jina_omni.cli.collection.scan import is_gone
from jina_omni.cli.collection.scope import Scope
from jina_omni.cli.files import FileInput, read_inputs
from jina_omni.cli.model_choice import describe_identity
from jina_omni.cli.problems import CommandError, describe_failure
from jina_omni.errors import InputError, LocatedError
from jina_omni.file_names import find_file_name
from jina_omni.inputs import Text
from jina_omni.model import Model

__all__ = ["Finding", "Findings", "Query", "embed_query", "find_nearest", "find_nearest_by_kind", "read_present"]

Floats: TypeAlias = npt.NDArray[np.float32]

_ROUNDING = 1e-6  # of a cosine in float32


@dataclass(frozen=True)
class Query:
    """What is looked for: a text, a file, or both as one fused input."""

    text: str | None = None
    file: Path | None = None

    @property
    def title(self) -> str:
        """The text, or the file's name where there is none."""
        return self.text or ("" if self.file is None else self.file.name)


class Finding(NamedTuple):
    """A place in a file that a search found.

    Attributes
    ----------
    score : float
        What findings are sorted by: the cosine, or how far it is above those of its kind.
    cosine : float
        Of the embeddings of the query and of the place.
    path : str
    place : Place
    kind : str
    copies : list of str
        The other files of the same content.
    """

    score: float
    cosine: float
    path: str
    place: Place
    kind: str
    copies: list[str]


class Findings(NamedTuple):
    """What a search found, the best first, and the files that it would have found if they still existed."""

    found: list[Finding]
    gone: set[str]


def embed_query(database: Database, model: Model, query: Query, *, truncate: bool = False) -> Floats:
    """Return the embedding of a query, which compares with those of the database.

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
    name = "QUERY" if query.file is None else str(query.file) if query.text is None else f"QUERY with {query.file}"
    if query.file is None and find_file_name(query.text):
        print(f"warning: {query.text!r} is searched as a text; to search by this file, pass --file", file=sys.stderr)
    inputs: list[FileInput] = [] if query.text is None else [Text(query.text)]
    try:
        inputs += [] if query.file is None else read_inputs(query.file, truncate=truncate)
    except InputError as error:
        raise CommandError(describe_failure(error, name)) from error
    group = inputs if len(inputs) == 1 else [inputs]
    (result,) = encode_groups(model, [group], truncate_dim=settings.dim, prompt_name="query", truncate=truncate)
    if isinstance(result, LocatedError):
        raise CommandError(describe_failure(result, name))
    vector: Floats = result[0]
    return vector


def find_nearest(database: Database, vector: Floats, n_findings: int, scope: Scope) -> Findings:
    """Return what is nearest to a vector. Files of equal content are one finding, and files that are gone are none."""
    n_hits = 2 * n_findings
    while True:
        hits = database.search(vector, n_hits, scope)
        paths = database.read_paths({hit.sha256 for hit in hits}, scope)
        gone: set[str] = set()
        found: list[Finding] = []
        for hit in _fold_equal(hits):
            present, missing = _split_present(paths[hit.sha256])
            gone |= missing
            if present:
                found.append(Finding(hit.cosine, hit.cosine, present[0], hit.place, hit.kind, present[1:]))
            if len(found) == n_findings:
                break
        if len(found) == n_findings or len(hits) < n_hits:
            return Findings(found, gone)
        n_hits *= 4


def find_nearest_by_kind(database: Database, vector: Floats, n_findings: int, scope: Scope) -> Findings:
    """Return what is nearest to a vector, compared with the other files of its kind.

    The score is how many standard deviations a cosine is above the mean of its kind (the standard score), since the
    cosines of a text with texts are higher and lie further apart than those with sounds. It is 0 if they are all equal.
    """
    found: list[Finding] = []
    gone: set[str] = set()
    for kind, cosines in database.read_cosines(vector, scope).items():
        mean, deviation = float(cosines.mean()), float(cosines.std())
        nearest = find_nearest(database, vector, n_findings, scope._replace(kinds=[kind]))
        gone |= nearest.gone
        if deviation > _ROUNDING:
            found += [one._replace(score=(one.cosine - mean) / deviation) for one in nearest.found]
        else:
            found += [one._replace(score=0.0) for one in nearest.found]
    return Findings(sorted(found, key=lambda one: -one.score)[:n_findings], gone)


def read_present(database: Database, scope: Scope) -> tuple[list[Content], set[str]]:
    """Return the contents of the files that still exist, and the files that don't."""
    contents: list[Content] = []
    gone: set[str] = set()
    for content in database.read_contents(scope):
        present, missing = _split_present(content.paths)
        gone |= missing
        if present:
            contents.append(content._replace(paths=present))
    return contents, gone


def _split_present(paths: Sequence[str]) -> tuple[list[str], set[str]]:
    """Return the files that still exist, and those that don't."""
    missing = {path for path in paths if is_gone(Path(path))}
    return [path for path in paths if path not in missing], missing


def _fold_equal(hits: list[Hit]) -> Iterator[Hit]:
    """Yield the first hit of each place of each content."""
    seen = set()
    for hit in hits:
        key = hit.sha256, hit.place
        if key not in seen:
            seen.add(key)
            yield hit
