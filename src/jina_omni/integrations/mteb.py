# SPDX-License-Identifier: Apache-2.0
"""MTEB: `JinaOmniEncoder`, which ``mteb.evaluate`` takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.media.audio import Audio
from jina_omni.media.image import Image
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra

with needs_extra("mteb"):
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ModelMeta, ScoringFunction
    from mteb.types import PromptType

__all__ = ["JinaOmniEncoder"]

_MODALITIES = ("text", "image", "audio")


class JinaOmniEncoder(AbsEncoder):
    """A model as MTEB's encoder, for tasks of text, images and sounds.

    Queries are embedded as queries, documents as documents, all else as `Model.encode` does. What a row has of several
    kinds becomes one vector. Results are kept under the name of the text file, apart for each choice of options.

    Parameters
    ----------
    model : Model
        Of the task's file: retrieval, text-matching, clustering or classification.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``.

    Examples
    --------
    >>> mteb.evaluate(JinaOmniEncoder(model, truncate=True), mteb.get_tasks(["NanoNQRetrieval"]))  # doctest: +SKIP
    """

    def __init__(self, model: Model, **options: Any) -> None:
        info = model.info
        self.model = model
        self._options = options
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": f"jina-omni/{Path(info.path).stem}",
                "revision": "local",
                "n_parameters": info.n_params,
                "max_tokens": info.max_seq_length,
                "embed_dim": options.get("truncate_dim") or info.dim,
                "similarity_fn_name": ScoringFunction.COSINE,
                "framework": ["GGUF"],
                "modalities": [kind for kind in _MODALITIES if kind in info.modalities],
                "experiment_kwargs": {"compute": info.compute, "dialect": info.dialect, **options},
            }
        )

    def encode(
        self, inputs: Iterable[Mapping[str, Any]], *, prompt_type: PromptType | None = None, **_: Any
    ) -> npt.NDArray[np.float32]:
        """Embed what MTEB's loader gives, batch by batch."""
        prompt_name = None if prompt_type is None else prompt_type.value
        stream = (item for batch in inputs for item in _items(batch))
        vectors: list[Any] = list(self.model.encode_iter(stream, prompt_name=prompt_name, **self._options))
        return np.stack(vectors)


def _items(batch: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the parts of each row of a batch."""
    kinds = [kind for kind in _MODALITIES if kind in batch]
    for row in zip(*(batch[kind] for kind in kinds), strict=True):
        yield [_part(kind, value) for kind, value in zip(kinds, row, strict=True) if value is not None]


def _part(kind: str, value: Any) -> Any:
    if kind == "audio":
        return Audio(np.asarray(value["array"]), sampling_rate=int(value["sampling_rate"]))
    return Image(value) if kind == "image" else value
