# SPDX-License-Identifier: Apache-2.0
"""LangChain: `JinaOmniEmbeddings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jina_omni.inputs import Input
from jina_omni.media.image import Image
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import EncodeOptions

with needs_extra("langchain"):
    from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniEmbeddings"]


class JinaOmniEmbeddings(Embeddings):
    """A model as LangChain's ``Embeddings``, which any vector store takes.

    Parameters
    ----------
    model : Model
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> store = InMemoryVectorStore(JinaOmniEmbeddings(model, truncate_dim=256))  # doctest: +SKIP
    """

    def __init__(self, model: Model, **options: Unpack[EncodeOptions]) -> None:
        self._model = model
        self._options = options

    def embed_documents(self, texts: Sequence[Input]) -> list[list[float]]:
        """Embed documents: texts, or any other inputs of `Model.encode`."""
        vectors: list[list[float]] = self._model.encode_document(list(texts), **self._options).tolist()
        return vectors

    def embed_query(self, text: Input) -> list[float]:
        """Embed a query: a text, or any other input of `Model.encode`."""
        vector: list[float] = self._model.encode_query(text, **self._options).tolist()
        return vector

    def embed_image(self, uris: Sequence[str]) -> list[list[float]]:
        """Embed image files by their paths. Vector stores for images call it, such as that of Chroma."""
        return self.embed_documents([Image(uri) for uri in uris])
