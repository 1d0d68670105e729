# SPDX-License-Identifier: Apache-2.0
"""LanceDB: the embedding function ``jina-omni`` of its registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import check_choice
from jina_omni.errors import LocatedError, located
from jina_omni.inputs import Input
from jina_omni.integrations.shared.failures import embed_documents, log_skipped
from jina_omni.integrations.shared.model_source import AdapterOptions, ModelLike, ModelSource
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.kinds import wrap_file
from jina_omni.model import Model
from jina_omni.native import Priority
from jina_omni.optional_packages import needs_extra

with needs_extra("search"):
    from lancedb.embeddings import EmbeddingFunction, register
    from pydantic import ConfigDict, PrivateAttr

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["JinaOmniEmbeddings"]

Vector: TypeAlias = npt.NDArray[np.float32]


@register("jina-omni")
class JinaOmniEmbeddings(EmbeddingFunction):
    """A model as LanceDB's embedding function.

    In a source column, a str is a text, and bytes are an image, a sound, a video or a PDF, whose type is found from the
    bytes. A null has no embedding, which LanceDB accepts with ``on_bad_vectors="null"``. A query may be bytes or any
    input of `Model.encode`. A table stores the function by its name, the arguments of the model, the identities of its
    files and the options: once this module is imported, LanceDB makes it again, and opens the model at its first use.

    Parameters
    ----------
    model : Model, str, PathLike or dict
        A model, or what `Model` takes: a file, a folder, a name, or a dict of arguments.
    on_error : {"raise", "skip"}
        What happens to a value of a source column that can't be embedded: its error is raised; or it has no embedding,
        with a warning in the log, and LanceDB's ``on_bad_vectors`` decides about the row.
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
    >>> function = get_registry().get("jina-omni").create(model="text.gguf", truncate_dim=64)  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: dict[str, Any]
    on_error: Literal["raise", "skip"]
    truncate_dim: int | None = None
    normalize_embeddings: bool = True
    prompt: str | None = None
    truncate: bool = False
    batch_tokens: int | None = None
    show_progress_bar: bool = False
    priority: Priority | None = None

    _source: ModelSource = PrivateAttr()

    def __init__(
        self, model: ModelLike, *, on_error: Literal["raise", "skip"] = "raise", **options: Unpack[AdapterOptions]
    ) -> None:
        check_choice("on_error", on_error, ("raise", "skip"))
        source = ModelSource(model, options, adapter=type(self).__name__, others=["on_error"])
        super().__init__(model=source.arguments, on_error=on_error, **options)
        self._source = source

    @classmethod
    def create(cls, **kwargs: Any) -> Self:
        """Return a function; see the class. LanceDB replaces what begins with ``$var:``."""
        if isinstance(kwargs.get("model"), Model):  # LanceDB would copy it, and a copy opens the files again
            return cls(**kwargs)
        made: Self = super().create(**kwargs)
        return made

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; what is updated is checked, and decides its vectors."""
        if not update:
            copied: Self = super().model_copy(deep=deep)
            return copied
        made = type(self)(**{**self.safe_model_dump(), **update})
        if "model" not in update:
            made._source = self._source.replace_options(made._source.options)  # noqa: SLF001 - made here
        return made

    def safe_model_dump(self) -> dict[str, Any]:
        """Return the arguments of `create` that a table stores."""
        return {"model": self.model, "on_error": self.on_error, **self._source.options}

    def ndims(self) -> int:
        """Return the number of dimensions of the embeddings."""
        return self.truncate_dim or self._source.model.info.dim

    def compute_query_embeddings(self, query: Input | bytes, *_: object, **__: object) -> list[Vector | None]:
        """Embed a query."""
        with located(query=None):
            given = _wrap_bytes(query)
        return [self._source.embed_query(given)]

    def compute_source_embeddings(self, values: Any, *_: object, **__: object) -> list[Vector | None]:
        """Embed the values of a source column: a list, or a column of Arrow."""
        items = self.sanitize_input(values)
        vectors: list[Vector | None] = [None] * len(items)
        rows = [i for i, item in enumerate(items) if item is not None]
        results = embed_documents(
            self._source, [items[i] for i in rows], _wrap_bytes, [("row", i) for i in rows], on_error=self.on_error
        )
        for i, result in zip(rows, results, strict=True):
            if isinstance(result, LocatedError):
                log_skipped(result)
            else:
                vectors[i] = result
        return vectors

    def compute_query_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> list[Vector | None]:
        """Embed a query without retrying, since an error here would only repeat."""
        return self.compute_query_embeddings(*args, **kwargs)

    def compute_source_embeddings_with_retry(self, *args: Any, **kwargs: Any) -> list[Vector | None]:
        """Embed the values of a source column without retrying."""
        return self.compute_source_embeddings(*args, **kwargs)


def _wrap_bytes(value: Input | bytes) -> Input:
    return wrap_file(value, detect_media_type(value)) if isinstance(value, bytes) else value
