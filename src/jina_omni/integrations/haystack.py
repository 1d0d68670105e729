# SPDX-License-Identifier: Apache-2.0
"""Haystack: `JinaOmniTextEmbedder` for queries, `JinaOmniDocumentEmbedder` for documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jina_omni.errors import InputError, located
from jina_omni.inputs import Value
from jina_omni.integrations.shared.model_source import ModelSource
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.kinds import wrap_file
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import EncodeOptions

with needs_extra("haystack"):
    from haystack import Document, component, default_to_dict

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniDocumentEmbedder", "JinaOmniTextEmbedder"]


class _Embedder:
    """What both have: a model that `warm_up` opens, and that the file of a pipeline stores as its arguments."""

    def __init__(self, model: Model | Mapping[str, Any], **options: Unpack[EncodeOptions]) -> None:
        self._source = ModelSource(model)
        self._options = options

    def warm_up(self) -> None:
        """Open the model, unless it is open."""
        _ = self._source.model

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this component again, as Haystack stores them."""
        stored: dict[str, Any] = default_to_dict(self, model=self._source.arguments, **self._options)
        return stored


@component
class JinaOmniTextEmbedder(_Embedder):
    """A component that embeds a query.

    Parameters
    ----------
    model : Model or dict
        A dict has the arguments of `Model`, such as ``{"model": "text.gguf"}``.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> pipeline.add_component("embedder", JinaOmniTextEmbedder(model))  # doctest: +SKIP
    """

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """Embed the text as a query."""
        return {"embedding": self._source.model.encode_query(text, **self._options).tolist()}


@component
class JinaOmniDocumentEmbedder(_Embedder):
    """A component that embeds documents: their text (``content``), their file (``blob``), or both as one embedding.

    A file may be an image, a sound, a video or a PDF; its type is found from its bytes.

    Parameters
    ----------
    model : Model or dict
        A dict has the arguments of `Model`, such as ``{"model": "text.gguf"}``.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> embedder = JinaOmniDocumentEmbedder(model)  # doctest: +SKIP
    >>> embedder.run([Document(content="a caption", blob=ByteStream.from_file_path("a.jpg"))])  # doctest: +SKIP
    """

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Return copies of the documents, with their embeddings."""
        inputs = [_make_input(document) for document in documents]
        vectors = self._source.model.encode_document(inputs, **self._options).tolist()
        return {"documents": [replace(d, embedding=v) for d, v in zip(documents, vectors, strict=True)]}


def _make_input(document: Document) -> list[Value]:
    parts: list[Value] = [document.content] if document.content else []
    with located(document=document.id):
        if document.blob is not None:
            parts.append(wrap_file(document.blob.data, detect_media_type(document.blob.data)))
        if not parts:
            raise InputError("has neither a content nor a blob, so there is nothing to embed; leave it out")
    return parts
