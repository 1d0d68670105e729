# SPDX-License-Identifier: Apache-2.0
"""MTEB: `JinaOmniEncoder`, which ``mteb.evaluate`` takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from jina_omni.inputs import Value
from jina_omni.integrations.shared.model_source import AdapterOptions, ModelLike, ModelSource
from jina_omni.media.audio import Audio
from jina_omni.media.image import Image
from jina_omni.optional_packages import needs_extra

with needs_extra("mteb"):
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ModelMeta, ScoringFunction
    from mteb.types import PromptType

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["JinaOmniEncoder"]

_MODALITIES = ("text", "image", "audio")


class JinaOmniEncoder(AbsEncoder):
    """A model as MTEB's encoder, for tasks of texts, images and sounds.

    Queries and documents get their prompts; anything else is embedded without a prompt name. The modalities of a row
    are embedded together as one fused input. MTEB stores results by the name of the text model file, by a revision that
    is a digest of the files and of what else decides the vectors, and by the options.

    Parameters
    ----------
    model : Model, str, PathLike or dict
        A model, or what `Model` takes: a file, a folder, a name, or a dict of arguments. Of the task to evaluate:
        retrieval, text-matching, clustering or classification.
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
    >>> mteb.evaluate(JinaOmniEncoder(model, truncate=True), mteb.get_tasks(["NanoNQRetrieval"]))  # doctest: +SKIP
    """

    def __init__(self, model: ModelLike, **options: Unpack[AdapterOptions]) -> None:
        self._source = ModelSource(model, options, adapter=type(self).__name__)
        info = self._source.model.info
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": f"jina-omni/{Path(info.path).stem}",
                "revision": self._source.identity_digest,
                "n_parameters": info.n_params,
                "max_tokens": info.max_seq_length,
                "embed_dim": options.get("truncate_dim") or info.dim,
                "similarity_fn_name": ScoringFunction.COSINE,
                "framework": ["GGUF"],
                "modalities": [modality for modality in _MODALITIES if modality in info.modalities],
                "experiment_kwargs": {
                    "compute": info.compute,
                    "dialect": info.dialect,
                    "orientation": info.orientation,
                    "background": info.background,
                    **options,
                },
            }
        )

    def encode(
        self, inputs: Iterable[Mapping[str, Any]], *, prompt_type: PromptType | None = None, **_: Any
    ) -> npt.NDArray[np.float32]:
        """Embed the batches of MTEB's loader."""
        prompt_name = None if prompt_type is None else prompt_type.value
        stream = (row for batch in inputs for row in _make_inputs(batch))
        return np.stack(list(self._source.model.encode_iter(stream, prompt_name=prompt_name, **self._source.options)))


def _make_inputs(batch: Mapping[str, Any]) -> Iterator[list[Value]]:
    """Yield the parts of each row of a batch."""
    modalities = [modality for modality in _MODALITIES if modality in batch]
    for row in zip(*(batch[modality] for modality in modalities), strict=True):
        yield [_make_part(*cell) for cell in zip(modalities, row, strict=True) if cell[1] is not None]


def _make_part(modality: str, value: Any) -> Value:
    if modality == "audio":
        return Audio(np.asarray(value["array"]), sampling_rate=int(value["sampling_rate"]))
    if modality == "image":
        return Image(value)
    text: str = value
    return text
