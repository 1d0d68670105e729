# SPDX-License-Identifier: Apache-2.0
"""LlamaIndex: `JinaOmniEmbedding`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jina_omni.media.image import Image
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra

with needs_extra("llama-index"):
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.embeddings import MultiModalEmbedding

__all__ = ["JinaOmniEmbedding"]

_BATCH = 256  # inputs of one call; the model makes batches of like lengths of them


class JinaOmniEmbedding(MultiModalEmbedding):
    """A model as LlamaIndex's ``MultiModalEmbedding``, for texts and images.

    Parameters
    ----------
    model : Model
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> embedding = JinaOmniEmbedding(model)  # doctest: +SKIP
    >>> MultiModalVectorStoreIndex(nodes, embed_model=embedding, image_embed_model=embedding)  # doctest: +SKIP
    """

    _model: Model = PrivateAttr()
    _options: dict[str, Any] = PrivateAttr()

    def __init__(self, model: Model, **options: Any) -> None:
        super().__init__(model_name=Path(model.info.path).stem, embed_batch_size=_BATCH)
        self._model = model
        self._options = options

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex knows this class by."""
        return "JinaOmniEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._model.encode_query(query, **self._options).tolist()
        return vector

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._documents([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._documents(texts)

    def _get_image_embedding(self, img_file_path: Any) -> list[float]:
        return self._get_image_embeddings([img_file_path])[0]

    def _get_image_embeddings(self, img_file_paths: list[Any]) -> list[list[float]]:
        # LlamaIndex has paths, and files in memory (io.BytesIO)
        return self._documents([Image(x.getvalue() if hasattr(x, "getvalue") else x) for x in img_file_paths])

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)

    async def _aget_image_embedding(self, img_file_path: Any) -> list[float]:
        return await asyncio.to_thread(self._get_image_embedding, img_file_path)

    async def _aget_image_embeddings(self, img_file_paths: list[Any]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_image_embeddings, img_file_paths)

    def _documents(self, inputs: list[Any]) -> list[list[float]]:
        vectors: list[list[float]] = self._model.encode_document(list(inputs), **self._options).tolist()
        return vectors
