# SPDX-License-Identifier: Apache-2.0
"""LlamaIndex: `JinaOmniEmbedding`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from jina_omni.inputs import Input
from jina_omni.media.image import Image
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import EncodeOptions

with needs_extra("llama-index"):
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.embeddings import MultiModalEmbedding

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniEmbedding"]

_INPUTS_PER_CALL = 256  # the model makes its own batches of them, of similar lengths


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
    _options: EncodeOptions = PrivateAttr()

    def __init__(self, model: Model, **options: Unpack[EncodeOptions]) -> None:
        super().__init__(model_name=Path(model.info.path).stem, embed_batch_size=_INPUTS_PER_CALL)
        self._model = model
        self._options = options

    @classmethod
    def class_name(cls) -> str:
        """Return the name of this class in LlamaIndex."""
        return "JinaOmniEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._model.encode_query(query, **self._options).tolist()
        return vector

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embed_documents([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embed_documents(texts)

    def _get_image_embedding(self, img_file_path: str | BytesIO) -> list[float]:
        return self._get_image_embeddings([img_file_path])[0]

    def _get_image_embeddings(self, img_file_paths: list[str | BytesIO]) -> list[list[float]]:
        return self._embed_documents([Image(x.getvalue() if isinstance(x, BytesIO) else x) for x in img_file_paths])

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)

    async def _aget_image_embedding(self, img_file_path: str | BytesIO) -> list[float]:
        return await asyncio.to_thread(self._get_image_embedding, img_file_path)

    async def _aget_image_embeddings(self, img_file_paths: list[str | BytesIO]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_image_embeddings, img_file_paths)

    def _embed_documents(self, inputs: Sequence[Input]) -> list[list[float]]:
        vectors: list[list[float]] = self._model.encode_document(list(inputs), **self._options).tolist()
        return vectors
