# SPDX-License-Identifier: Apache-2.0
"""LangChain: `JinaOmniEmbeddings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import AdapterOptions, ModelLike, ModelSource, list_documents
from jina_omni.media.image import Image
from jina_omni.optional_packages import needs_extra

with needs_extra("langchain"):
    from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniEmbeddings"]


class JinaOmniEmbeddings(Embeddings):
    """A model as LangChain's ``Embeddings``, which any vector store takes.

    It pickles as the arguments of the model, the identities of its files and the options.

    Parameters
    ----------
    model : Model, str, PathLike or dict
        A model, or what `Model` takes: a file, a folder, a name, or a dict of arguments.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Raises
    ------
    TypeError, ValueError
        An option is unknown, of another type, or out of its range.
    ModelLoadError
        As in `Model`.

    Examples
    --------
    >>> store = InMemoryVectorStore(JinaOmniEmbeddings(model, truncate_dim=256))  # doctest: +SKIP
    """

    def __init__(self, model: ModelLike, **options: Unpack[AdapterOptions]) -> None:
        self._source = ModelSource(model, options, adapter=type(self).__name__)

    @property
    def identity(self) -> str:
        """A name for what decides a vector: the model's files and options. A cache needs it as its namespace."""
        return self._source.identity_digest

    def embed_documents(self, texts: Sequence[Input]) -> list[list[float]]:
        """Embed documents: texts, or any other inputs of `Model.encode`."""
        vectors: list[list[float]] = self._source.embed_documents(texts).tolist()
        return vectors

    def embed_query(self, text: Input) -> list[float]:
        """Embed a query: a text, or any other input of `Model.encode`."""
        vector: list[float] = self._source.embed_query(text).tolist()
        return vector

    def embed_image(self, uris: Sequence[str]) -> list[list[float]]:
        """Embed image files by their paths. Vector stores for images call it, such as that of Chroma."""
        return self.embed_documents([Image(uri) for uri in list_documents(uris)])
