# SPDX-License-Identifier: Apache-2.0
"""Chroma: `JinaOmniEmbeddingFunction`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jina_omni.integrations.sources import ModelSource
from jina_omni.media.image import Image
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra

with needs_extra("chroma"):
    from chromadb.api.types import Embeddable, EmbeddingFunction, Space
    from chromadb.utils.embedding_functions import register_embedding_function

__all__ = ["JinaOmniEmbeddingFunction"]


class JinaOmniEmbeddingFunction(EmbeddingFunction[Embeddable]):
    """A model as Chroma's ``EmbeddingFunction``, for documents and images.

    A collection remembers it: where this module is imported, ``get_collection`` finds it by itself, and opens the
    model at its first use.

    Parameters
    ----------
    model : Model or dict
        Or the arguments to make one of, such as ``{"model": "text.gguf"}``.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> client.create_collection("all", embedding_function=JinaOmniEmbeddingFunction(model))  # doctest: +SKIP
    """

    def __init__(self, model: Model | Mapping[str, Any], **options: Any) -> None:
        self._source = ModelSource(model)
        self._options = options

    def __call__(self, input: Any) -> Any:  # noqa: A002 - Chroma's name
        """Embed documents (str) or images (arrays)."""
        return list(self._source.model.encode_document(_inputs(input), **self._options))

    def embed_query(self, input: Any) -> Any:  # noqa: A002 - Chroma's name
        """Embed queries: texts, or images."""
        return list(self._source.model.encode_query(_inputs(input), **self._options))

    @staticmethod
    def name() -> str:
        """Return the name that collections remember it by."""
        return "jina-omni"

    def default_space(self) -> Space:
        """Return the distance of a new collection."""
        return "cosine"

    def get_config(self) -> dict[str, Any]:
        """Return what makes this function again."""
        return {"model": self._source.arguments, "options": self._options}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> JinaOmniEmbeddingFunction:
        """Make a function of what `get_config` returned."""
        return JinaOmniEmbeddingFunction(config["model"], **config["options"])


register_embedding_function(JinaOmniEmbeddingFunction)


def _inputs(items: Any) -> list[Any]:
    return [Image(item) if isinstance(item, np.ndarray) else item for item in items]
