# SPDX-License-Identifier: Apache-2.0
"""Chroma: `JinaOmniEmbeddingFunction`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import (
    AdapterOptions,
    ModelLike,
    ModelSource,
    check_same_identity,
    list_documents,
)
from jina_omni.media.image import Image
from jina_omni.optional_packages import needs_extra

with needs_extra("chroma"):
    from chromadb.api.types import Embeddable, EmbeddingFunction, Embeddings, Space
    from chromadb.utils.embedding_functions import register_embedding_function

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection
    from typing_extensions import Unpack

__all__ = ["JinaOmniEmbeddingFunction"]


class JinaOmniEmbeddingFunction(EmbeddingFunction[Embeddable]):
    """A model as Chroma's ``EmbeddingFunction``, for documents and images.

    A collection stores it by its name, the arguments of the model, the identities of its files and the options: once
    this module is imported, ``get_collection`` makes it again, and opens the model at its first use.

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
    >>> client.create_collection("all", embedding_function=JinaOmniEmbeddingFunction(model))  # doctest: +SKIP
    """

    def __init__(self, model: ModelLike, **options: Unpack[AdapterOptions]) -> None:
        self._source = ModelSource(model, options, adapter=type(self).__name__)

    def __call__(self, input: Embeddable) -> Embeddings:  # noqa: A002 - Chroma's name
        """Embed documents: texts (str) or images (arrays)."""
        return list(self._source.embed_documents(_wrap_images(input)))

    def embed_query(self, input: Embeddable) -> Embeddings:  # noqa: A002 - Chroma's name
        """Embed queries: texts (str) or images (arrays)."""
        return list(self._source.model.encode_query(_wrap_images(input), **self._source.options))

    def check_collection(self, collection: Collection) -> None:
        """Check that the vectors of a collection compare with those of this function.

        Chroma compares the names of functions only, so ``get_collection`` and ``get_or_create_collection`` take a
        function with other settings without an error.

        Raises
        ------
        ValueError
            They don't, or the collection stores another function or none; the message lists what differs.
        """
        stored = collection.configuration_json.get("embedding_function") or {}
        if stored.get("name") != self.name():
            raise ValueError(
                f"the collection {collection.name!r} stores no function {self.name()!r}; make it with this function"
            )
        check_same_identity(_read_source(stored["config"]), self._source, f"the collection {collection.name!r}")

    @staticmethod
    def name() -> str:
        """Return the name that collections store."""
        return "jina-omni"

    def default_space(self) -> Space:
        """Return the distance that a new collection uses."""
        return "cosine"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `build_from_config` takes."""
        return {"model": self._source.arguments, "options": self._source.options}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> JinaOmniEmbeddingFunction:
        """Return a function with the arguments that `get_config` returned."""
        return JinaOmniEmbeddingFunction(config["model"], **config["options"])

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Check that a function may take the place of a collection's own, when ``modify`` is to replace it.

        Raises
        ------
        ValueError
            Its vectors don't compare with the collection's; the message lists what differs.
        """
        try:
            check_same_identity(_read_source(old_config), _read_source(new_config), "the collection")
        except ValueError as error:
            raise ValueError(
                f"{error}. Chroma has stored the new function before this check; call modify with the former one"
            ) from None


register_embedding_function(JinaOmniEmbeddingFunction)


def _wrap_images(items: Embeddable) -> list[Input]:
    return [Image(item) if isinstance(item, np.ndarray) else item for item in list_documents(items)]


def _read_source(config: dict[str, Any]) -> ModelSource:
    return ModelSource(config["model"], config["options"], adapter=JinaOmniEmbeddingFunction.__name__)
