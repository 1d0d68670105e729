# SPDX-License-Identifier: Apache-2.0
"""LlamaIndex: `JinaOmniEmbedding`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from jina_omni.arguments import check_choice
from jina_omni.errors import LocatedError
from jina_omni.inputs import Input
from jina_omni.integrations.shared.failures import ON_ERROR, OnError, embed_documents, log_skipped
from jina_omni.integrations.shared.model_source import AdapterOptions, ModelLike, ModelSource, list_documents
from jina_omni.media.image import Image
from jina_omni.native import Priority
from jina_omni.optional_packages import needs_extra

with needs_extra("llama-index"):
    from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.embeddings import MultiModalEmbedding
    from llama_index.core.schema import BaseNode, MetadataMode

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["JinaOmniEmbedding"]

_INPUTS_PER_CALL = 256  # the model makes its own batches of them, of similar lengths

_ERROR_KEY = "embedding_error"

T = TypeVar("T")


# Where the values of a list that LlamaIndex cuts into batches are in it, by their `id`.
_places: ContextVar[Mapping[int, int]] = ContextVar("_places", default=MappingProxyType({}))


class _BaseOptions(TypedDict, total=False):
    """Arguments of LlamaIndex's own class."""

    callback_manager: CallbackManager
    embed_batch_size: int
    model_name: str
    num_workers: int | None
    rate_limiter: Any


class _Options(AdapterOptions, _BaseOptions, total=False):
    """What the adapter takes."""


class JinaOmniEmbedding(MultiModalEmbedding):
    """A model as LlamaIndex's ``MultiModalEmbedding``, for texts and images.

    All that decides its vectors are fields: ``model``, with the arguments of the model and the identities of its files,
    and the options. An ingestion cache thus keeps the vectors of different settings apart, and `from_dict` makes the
    adapter again of what `to_dict` returned; it opens the model at its first use.

    Parameters
    ----------
    model : Model, str, PathLike or dict
        A model, or what `Model` takes: a file, a folder, a name, or a dict of arguments.
    on_error : {"raise", "skip", "return"}
        What happens to a node that can't be embedded where the adapter is a transformation, as in an
        ``IngestionPipeline``: its error is raised; the node is left out, with a warning in the log; or it is returned
        without an embedding, with the reason as ``embedding_error`` in its metadata.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; or of LlamaIndex's ``BaseEmbedding``:
        ``embed_batch_size``, ``num_workers``, ``callback_manager``, ``rate_limiter`` and ``model_name``.

    Raises
    ------
    TypeError, ValueError
        An option is unknown, of another type, or out of its range; or it is ``embeddings_cache``, whose entries are
        found by a text alone.
    ModelLoadError
        As in `Model`.

    Examples
    --------
    >>> embedding = JinaOmniEmbedding(model)  # doctest: +SKIP
    >>> MultiModalVectorStoreIndex(nodes, embed_model=embedding, image_embed_model=embedding)  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid")

    model: dict[str, Any] = Field(frozen=True)
    on_error: OnError = Field(frozen=True)
    truncate_dim: int | None = Field(default=None, frozen=True)
    normalize_embeddings: bool = Field(default=True, frozen=True)
    prompt: str | None = Field(default=None, frozen=True)
    truncate: bool = Field(default=False, frozen=True)
    batch_tokens: int | None = Field(default=None, frozen=True)
    show_progress_bar: bool = Field(default=False, frozen=True)
    priority: Priority | None = Field(default=None, frozen=True)
    embeddings_cache: None = Field(default=None, frozen=True)

    _source: ModelSource = PrivateAttr()

    def __init__(
        self,
        model: ModelLike,
        *,
        on_error: OnError = "raise",
        embeddings_cache: None = None,
        **options: Unpack[_Options],
    ) -> None:
        if embeddings_cache is not None:
            raise ValueError(
                "embeddings_cache has one vector for each text, whatever model and options made it, and the same for "
                "queries and documents; leave it out, and pass cache=IngestionCache() to an IngestionPipeline"
            )
        check_choice("on_error", on_error, ON_ERROR)
        base = {name: value for name, value in options.items() if name in _BaseOptions.__annotations__}
        ours = {name: value for name, value in options.items() if name not in base}
        others = ["on_error", *_BaseOptions.__annotations__]
        source = ModelSource(model, ours, adapter=type(self).__name__, others=others)
        defaults = {"model_name": Path(source.arguments["files"][0]["name"]).stem, "embed_batch_size": _INPUTS_PER_CALL}
        super().__init__(**{**defaults, **base, **ours}, model=source.arguments, on_error=on_error)
        self._source = source

    @classmethod
    def class_name(cls) -> str:
        """Return the name of this class in LlamaIndex."""
        return "JinaOmniEmbedding"

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; what is updated is checked, and decides its vectors."""
        copied: Self = super().model_copy(deep=deep)
        if not update:
            return copied
        made = type(self)(**{**dict(copied), **update})
        if "model" not in update:
            made._source = self._source.replace_options(made._source.options)  # noqa: SLF001 - made here
        return made

    def get_text_embedding_batch(self, texts: list[str], *args: Any, **kwargs: Any) -> list[list[float]]:
        """Embed documents in batches."""
        with _counting_in(texts) as documents:
            vectors: list[list[float]] = super().get_text_embedding_batch(documents, *args, **kwargs)
        return vectors

    async def aget_text_embedding_batch(self, texts: list[str], *args: Any, **kwargs: Any) -> list[list[float]]:
        """Embed documents in batches."""
        with _counting_in(texts) as documents:
            vectors: list[list[float]] = await super().aget_text_embedding_batch(documents, *args, **kwargs)
        return vectors

    def get_image_embedding_batch(
        self, img_file_paths: list[str | BytesIO], *args: Any, **kwargs: Any
    ) -> list[list[float]]:
        """Embed images in batches."""
        with _counting_in(img_file_paths) as images:
            vectors: list[list[float]] = super().get_image_embedding_batch(images, *args, **kwargs)
        return vectors

    async def aget_image_embedding_batch(
        self, img_file_paths: list[str | BytesIO], *args: Any, **kwargs: Any
    ) -> list[list[float]]:
        """Embed images in batches."""
        with _counting_in(img_file_paths) as images:
            vectors: list[list[float]] = await super().aget_image_embedding_batch(images, *args, **kwargs)
        return vectors

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Embed nodes as a transformation of a pipeline."""
        if self.on_error == "raise":
            with _naming_node(nodes):
                embedded: Sequence[BaseNode] = super().__call__(nodes, **kwargs)
            return embedded
        return self._embed_nodes(nodes)

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Embed nodes as a transformation of a pipeline."""
        if self.on_error == "raise":
            with _naming_node(nodes):
                embedded: Sequence[BaseNode] = await super().acall(nodes, **kwargs)
            return embedded
        return await asyncio.to_thread(self._embed_nodes, nodes)

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._source.embed_query(query).tolist()
        return vector

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embed_batch(texts, texts)

    def _get_image_embedding(self, img_file_path: str | BytesIO) -> list[float]:
        return self._get_image_embeddings([img_file_path])[0]

    def _get_image_embeddings(self, img_file_paths: list[str | BytesIO]) -> list[list[float]]:
        images = [Image(x.getvalue() if isinstance(x, BytesIO) else x) for x in img_file_paths]
        return self._embed_batch(images, img_file_paths)

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

    def _embed_batch(self, inputs: Sequence[Input], given: Sequence[object]) -> list[list[float]]:
        try:
            vectors: list[list[float]] = self._source.embed_documents(inputs).tolist()
        except LocatedError as error:
            if error.index is not None:
                place = _places.get().get(id(given[error.index]), error.index)
                error.location = (("input", place), *error.location[1:])
            raise
        return vectors

    def _embed_nodes(self, nodes: Sequence[BaseNode]) -> list[BaseNode]:
        texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
        names = [("node", node.node_id) for node in nodes]
        results = embed_documents(self._source, texts, lambda text: text, names, on_error=self.on_error)
        kept = []
        for node, result in zip(nodes, results, strict=True):
            node.metadata.pop(_ERROR_KEY, None)  # of an earlier run
            if isinstance(result, LocatedError):
                if self.on_error == "skip":
                    log_skipped(result)
                    continue
                node.embedding = None
                node.metadata[_ERROR_KEY] = str(result)
                for keys in (node.excluded_embed_metadata_keys, node.excluded_llm_metadata_keys):
                    keys.extend({_ERROR_KEY}.difference(keys))  # else it would become a part of the text
            else:
                node.embedding = result.tolist()
            kept.append(node)
        return kept


@contextmanager
def _counting_in(values: Sequence[T]) -> Iterator[list[T]]:
    """Make an error of a batch have the place in the list of which LlamaIndex makes the batches."""
    items = list_documents(values)
    token = _places.set({id(item): i for i, item in reversed(list(enumerate(items)))})
    try:
        yield items
    finally:
        _places.reset(token)


@contextmanager
def _naming_node(nodes: Sequence[BaseNode]) -> Iterator[None]:
    """Make an error have the id of its node."""
    try:
        yield
    except LocatedError as error:
        if error.index is not None:
            error.location = (("node", nodes[error.index].node_id), *error.location[1:])
        raise
