# SPDX-License-Identifier: Apache-2.0
"""Chroma: `JinaOmniEmbeddingFunction`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import ModelSource
from jina_omni.media.image import Image
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import EncodeOptions

with needs_extra("chroma"):
    from chromadb.api.types import Embeddable, EmbeddingFunction, Embeddings, Space
    from chromadb.utils.embedding_functions import register_embedding_function

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniEmbeddingFunction"]


class JinaOmniEmbeddingFunction(EmbeddingFunction[Embeddable]):
    """A model as Chroma's ``EmbeddingFunction``, for documents and images.

    A collection stores it by its name and arguments: once this module is imported, ``get_collection`` makes it again,
    and opens the model at its first use.

    Parameters
    ----------
    model : Model or dict
        A dict has the arguments of `Model`, such as ``{"model": "text.gguf"}``.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> client.create_collection("all", embedding_function=JinaOmniEmbeddingFunction(model))  # doctest: +SKIP
    """

    def __init__(self, model: Model | Mapping[str, Any], **options: Unpack[EncodeOptions]) -> None:
        self._source = ModelSource(model)
        self._options = options

    def __call__(self, input: Embeddable) -> Embeddings:  # noqa: A002 - Chroma's name
        """Embed documents: texts (str) or images (arrays)."""
        return list(self._source.model.encode_document(_wrap_images(input), **self._options))

    def embed_query(self, input: Embeddable) -> Embeddings:  # noqa: A002 - Chroma's name
        """Embed queries: texts (str) or images (arrays)."""
        return list(self._source.model.encode_query(_wrap_images(input), **self._options))

    @staticmethod
    def name() -> str:
        """Return the name that collections store."""
        return "jina-omni"

    def default_space(self) -> Space:
        """Return the distance that a new collection uses."""
        return "cosine"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `build_from_config` takes."""
        return {"model": self._source.arguments, "options": self._options}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> JinaOmniEmbeddingFunction:
        """Return a function with the arguments that `get_config` returned."""
        return JinaOmniEmbeddingFunction(config["model"], **config["options"])


register_embedding_function(JinaOmniEmbeddingFunction)


def _wrap_images(items: Embeddable) -> list[Input]:
    return [Image(item) if isinstance(item, np.ndarray) else item for item in items]
