# SPDX-License-Identifier: Apache-2.0
"""Haystack: `JinaOmniTextEmbedder` for queries, `JinaOmniDocumentEmbedder` for documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jina_omni.arguments import check_choice
from jina_omni.describe import short_repr
from jina_omni.errors import InputError, LocatedError
from jina_omni.inputs import Value
from jina_omni.integrations.shared.failures import ON_ERROR, OnError, embed_documents, log_skipped
from jina_omni.integrations.shared.model_source import AdapterOptions, ModelLike, ModelSource, list_documents
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.kinds import wrap_file
from jina_omni.optional_packages import needs_extra

with needs_extra("haystack"):
    from haystack import Document, component, default_to_dict

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniDocumentEmbedder", "JinaOmniTextEmbedder"]


_ERROR_KEY = "embedding_error"


class _Embedder:
    """What both have: a model that `warm_up` opens, and that the file of a pipeline stores as its arguments."""

    _source: ModelSource

    def warm_up(self) -> None:
        """Open the model, unless it is open."""
        _ = self._source.model


@component
class JinaOmniTextEmbedder(_Embedder):
    """A component that embeds a query.

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
    >>> pipeline.add_component("embedder", JinaOmniTextEmbedder(model))  # doctest: +SKIP
    """

    def __init__(self, model: ModelLike, **options: Unpack[AdapterOptions]) -> None:
        self._source = ModelSource(model, options, adapter=type(self).__name__)

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """Embed the text as a query."""
        return {"embedding": self._source.embed_query(text).tolist()}

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this component again, as Haystack stores them."""
        stored: dict[str, Any] = default_to_dict(self, model=self._source.arguments, **self._source.options)
        return stored


@component
class JinaOmniDocumentEmbedder(_Embedder):
    """A component that embeds documents: their text (``content``), their file (``blob``), or both as one embedding.

    A file may be an image, a sound, a video or a PDF; its type is found from its bytes.

    Parameters
    ----------
    model : Model, str, PathLike or dict
        A model, or what `Model` takes: a file, a folder, a name, or a dict of arguments.
    on_error : {"raise", "skip", "return"}
        What happens to a document that can't be embedded: its error is raised; the document is left out, with a warning
        in the log; or it is returned without an embedding, with the reason as ``embedding_error`` in its ``meta``.
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
    >>> embedder = JinaOmniDocumentEmbedder(model)  # doctest: +SKIP
    >>> embedder.run([Document(content="a caption", blob=ByteStream.from_file_path("a.jpg"))])  # doctest: +SKIP
    """

    def __init__(self, model: ModelLike, *, on_error: OnError = "raise", **options: Unpack[AdapterOptions]) -> None:
        check_choice("on_error", on_error, ON_ERROR)
        self._source = ModelSource(model, options, adapter=type(self).__name__, others=["on_error"])
        self._on_error = on_error

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Return copies of the documents, with their embeddings.

        Raises
        ------
        TypeError
            They are not a list of documents.
        """
        documents = list_documents(documents)
        for document in documents:
            if not isinstance(document, Document):
                raise TypeError(
                    f"a document is {short_repr(document)}, not a haystack.Document; JinaOmniTextEmbedder takes texts"
                )
        names = [("document", document.id) for document in documents]
        results = embed_documents(self._source, documents, _make_input, names, on_error=self._on_error)
        made = []
        for document, result in zip(documents, results, strict=True):
            meta = {key: value for key, value in document.meta.items() if key != _ERROR_KEY}
            if not isinstance(result, LocatedError):
                made.append(replace(document, embedding=result.tolist(), meta=meta))
            elif self._on_error == "skip":
                log_skipped(result)
            else:
                made.append(replace(document, embedding=None, meta={**meta, _ERROR_KEY: str(result)}))
        return {"documents": made}

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this component again, as Haystack stores them."""
        stored: dict[str, Any] = default_to_dict(
            self, model=self._source.arguments, on_error=self._on_error, **self._source.options
        )
        return stored


def _make_input(document: Document) -> list[Value]:
    parts: list[Value] = [document.content] if document.content else []
    if document.blob is not None:
        parts.append(wrap_file(document.blob.data, detect_media_type(document.blob.data)))
    if not parts:
        raise InputError("has neither a content nor a blob, so there is nothing to embed; leave it out")
    return parts
