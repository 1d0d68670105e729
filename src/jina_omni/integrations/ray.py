# SPDX-License-Identifier: Apache-2.0
"""Ray Data: `Embedder`, a class for ``map_batches``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from jina_omni.integrations.rows import embed_rows
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra

with needs_extra("ray"):
    from ray import get_runtime_context

__all__ = ["Embedder"]


class Embedder:
    """An actor of ``Dataset.map_batches`` that embeds a column, with one model for each worker.

    Its model has as many threads as the actor has processors (``num_cpus``). An actor with a GPU, or a share of one
    (``num_gpus``), takes an accelerator that Ray lets it see, and any other the CPU. Batches keep all their columns
    and get two more: ``embedding``, and ``error``, a str for a row that could not be embedded, whose vector is NaN,
    else None.

    Parameters
    ----------
    open_model : callable
        Returns the worker's `Model` from keyword arguments of its, ``n_threads`` and ``device``; such as
        ``functools.partial(jina_omni.Model, "text.gguf")``, of a file that each worker finds.
    source : str or callable
        The column that has the inputs, as `Model.encode` takes them; or what returns a row's input from the row, a
        dict, such as ``lambda row: jina_omni.Image(row["bytes"])``.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Notes
    -----
    Rows of a batch stay in order; blocks do with ``dataset.context.execution_options.preserve_order = True``. When a
    worker dies, Ray starts another and runs its batches again.

    Examples
    --------
    >>> open_model = functools.partial(jina_omni.Model, "text.gguf")  # doctest: +SKIP
    >>> dataset.map_batches(  # doctest: +SKIP
    ...     Embedder, fn_constructor_args=(open_model, "text"), batch_size=256, concurrency=4, num_cpus=8
    ... )
    """

    def __init__(
        self, open_model: Callable[..., Model], source: str | Callable[[dict[str, Any]], Any], **options: Any
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
