# SPDX-License-Identifier: Apache-2.0
"""Ray Data: `Embedder`, a class for ``map_batches``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from jina_omni.inputs import Input
from jina_omni.integrations.shared.rows import embed_rows
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import PromptedOptions

with needs_extra("ray"):
    from ray import get_runtime_context

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Embedder"]


class Embedder:
    """An actor of ``Dataset.map_batches`` that embeds a column, with one model for each worker.

    The model has as many threads as the actor has processors (``num_cpus``). It runs on an accelerator that Ray lets
    the actor see if the actor has a GPU or a share of one (``num_gpus``), otherwise on the CPU. A batch keeps all its
    columns and gets two more: ``embedding``, and ``error``, which is None, or the reason (a str) for a row that could
    not be embedded and whose embedding is NaN.

    Parameters
    ----------
    open_model : callable
        Returns the worker's `Model` from its keyword arguments ``n_threads`` and ``device``, such as
        ``functools.partial(jina_omni.Model, "text.gguf")``. Each worker must have the file under this path.
    source : str or callable
        The column that has the inputs of `Model.encode`; or a function from a row, a dict, to its input, such as
        ``lambda row: jina_omni.Image(row["bytes"])``.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Notes
    -----
    The rows of a batch stay in order; blocks do with ``dataset.context.execution_options.preserve_order = True``. When
    a worker dies, Ray starts another one and runs its batches again.

    Examples
    --------
    >>> open_model = functools.partial(jina_omni.Model, "text.gguf")  # doctest: +SKIP
    >>> dataset.map_batches(  # doctest: +SKIP
    ...     Embedder, fn_constructor_args=(open_model, "text"), batch_size=256, concurrency=4, num_cpus=8
    ... )
    """

    def __init__(
        self,
        open_model: Callable[..., Model],
        source: str | Callable[[dict[str, Any]], Input],
        **options: Unpack[PromptedOptions],
    ) -> None:
        assigned = get_runtime_context().get_assigned_resources()
        device = {} if assigned.get("GPU") else {"device": "cpu"}
        self._model = open_model(n_threads=max(1, int(assigned.get("CPU", 1))), **device)
        self._source = source
        self._options = options

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Embed a batch."""
        if isinstance(self._source, str):
            inputs = list(batch[self._source])
        else:
            rows = (dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True))
            inputs = [self._source(row) for row in rows]
        return {**batch, **embed_rows(self._model, inputs, self._options)}
