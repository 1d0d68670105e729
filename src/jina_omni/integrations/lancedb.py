# SPDX-License-Identifier: Apache-2.0
"""LanceDB: the embedding function ``jina-omni`` of its registry."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.errors import located
from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import ModelSource
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.kinds import wrap_file
from jina_omni.optional_packages import needs_extra

with needs_extra("search"):
    from lancedb.embeddings import EmbeddingFunction, register
    from pydantic import Field

__all__ = ["JinaOmniEmbeddings"]

Vector: TypeAlias = npt.NDArray[np.float32]


@register("jina-omni")
class JinaOmniEmbeddings(EmbeddingFunction):
    """A model as LanceDB's embedding function.

    In a source column, a str is a text, and bytes are an image, a sound, a video or a PDF, whose type is found from the
    bytes. A null has no embedding, which LanceDB accepts with ``on_bad_vectors="null"``. A query may be bytes or any
    input of `Model.encode`. A table stores the function by its name and arguments: once this module is imported,
    LanceDB makes it again, and opens the model at its first use.

    Parameters
    ----------
    model : dict
        Arguments of `Model`, such as ``{"model": "text.gguf"}``.
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
        """Return the number of dimensions of the embeddings."""
        return int(self.options.get("truncate_dim") or self._source.model.info.dim)

    def compute_query_embeddings(self, query: Input | bytes, *_: object, **__: object) -> list[Vector | None]:
        """Embed a query."""
        return [self._source.model.encode_query(_wrap_bytes(query, query=None), **self.options)]

    def compute_source_embeddings(self, values: Any, *_: object, **__: object) -> list[Vector | None]:
        """Embed the values of a source column: a list, or a column of Arrow."""
        items = self.sanitize_input(values)
        inputs = [_wrap_bytes(item, row=i) for i, item in enumerate(items) if item is not None]
        vectors = iter(self._source.model.encode_document(inputs, **self.options))
        return [None if item is None else next(vectors) for item in items]

    def compute_query_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> list[Vector | None]:
        """Embed a query without retrying, since an error here would only repeat."""
        return self.compute_query_embeddings(*args, **kwargs)

    def compute_source_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> list[Vector | None]:
        """Embed the values of a source column without retrying."""
        return self.compute_source_embeddings(*args, **kwargs)


def _wrap_bytes(value: Input | bytes, **location: int | None) -> Input:
    with located(**location):
        return wrap_file(value, detect_media_type(value)) if isinstance(value, bytes) else value
