# SPDX-License-Identifier: Apache-2.0
"""LanceDB: the embedding function ``jina-omni`` of its registry."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from jina_omni.errors import located
from jina_omni.integrations.sources import ModelSource
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.kinds import wrap_file
from jina_omni.optional_packages import needs_extra

with needs_extra("search"):
    from lancedb.embeddings import EmbeddingFunction, register
    from pydantic import Field

__all__ = ["JinaOmniEmbeddings"]


@register("jina-omni")
class JinaOmniEmbeddings(EmbeddingFunction):
    """A model as LanceDB's embedding function.

    Of a source column, a str is text and bytes are a file: an image, a sound, a video or a PDF, by its bytes. A null
    has no vector, which LanceDB takes with ``on_bad_vectors="null"``. A query may be any input of `Model.encode`, and
    bytes. A table remembers the function: where this module is imported, LanceDB finds it by itself, and opens the
    model at its first use.

    Parameters
    ----------
    model : dict
        Arguments to make a `Model` of, such as ``{"model": "text.gguf"}``.
    options : dict
        Of `Model.encode`, such as ``{"truncate_dim": 256}``.

    Examples
    --------
    >>> function = get_registry().get("jina-omni").create(model={"model": "text.gguf"})  # doctest: +SKIP
    """

    model: dict[str, Any]
    options: dict[str, Any] = Field(default_factory=dict)

    @cached_property
    def _source(self) -> ModelSource:
        return ModelSource(self.model)

    def ndims(self) -> int:
        """Return the width of the vectors."""
        return int(self.options.get("truncate_dim") or self._source.model.info.dim)

    def compute_query_embeddings(self, query: Any, *_: Any, **__: Any) -> list[Any]:
        """Embed a query."""
        return [self._source.model.encode_query(_read_input(query, query=None), **self.options)]

    def compute_source_embeddings(self, values: Any, *_: Any, **__: Any) -> list[Any]:
        """Embed the values of a source column."""
        items = self.sanitize_input(values)
        found = [_read_input(item, row=i) for i, item in enumerate(items) if item is not None]
        vectors = iter(self._source.model.encode_document(found, **self.options))
        return [None if item is None else next(vectors) for item in items]

    def compute_query_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Embed a query, once: nothing here succeeds when it is tried again, and errors come as they are."""
        return self.compute_query_embeddings(*args, **kwargs)

    def compute_source_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Embed the values of a source column, once."""
        return self.compute_source_embeddings(*args, **kwargs)


def _read_input(value: Any, **location: int | None) -> Any:
    with located(**location):
        return wrap_file(value, detect_media_type(value)) if isinstance(value, bytes) else value
