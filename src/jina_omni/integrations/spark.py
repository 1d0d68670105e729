# SPDX-License-Identifier: Apache-2.0
"""Spark: `embedder`, for ``predict_batch_udf``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from jina_omni.integrations.extras import needs
from jina_omni.integrations.rows import embed_rows
from jina_omni.model import Model

__all__ = ["RETURN_TYPE", "embedder"]

RETURN_TYPE = "struct<embedding: array<float>, error: string>"
"""For ``predict_batch_udf``: a vector, and why a row could not be embedded, whose vector is NaN."""


def embedder(
    open_model: Callable[..., Model], as_input: Callable[..., Any] | None = None, **options: Any
) -> Callable[[], Callable[..., dict[str, npt.NDArray[Any]]]]:
    """Return what ``predict_batch_udf`` calls in each worker to make its function of batches.

    The model has as many threads as the task has processors (``spark.task.cpus``); Spark keeps it for the tasks that
    follow in that worker.

    Parameters
    ----------
    open_model : callable
        Returns the worker's `Model` from a keyword argument of its, ``n_threads``; such as
        ``functools.partial(jina_omni.Model, "text.gguf")``, of a file that each worker finds.
    as_input : callable, optional
        Returns an input of `Model.encode` from the values of a row, one of each column that the function is called
        with, such as ``lambda data: jina_omni.Image(data)``. By default the one column has the inputs.
    **options
        Of `Model.encode`, such as ``dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Returns
    -------
    callable

    Examples
    --------
    >>> open_model = functools.partial(jina_omni.Model, "text.gguf")  # doctest: +SKIP
    >>> embed = predict_batch_udf(embedder(open_model), return_type=RETURN_TYPE, batch_size=256)  # doctest: +SKIP
    >>> frame.select("id", embed("text").alias("made")).select("id", "made.*")  # doctest: +SKIP

    .. versionadded:: 0.1.0
    """

    def make_predict_function() -> Callable[..., dict[str, npt.NDArray[Any]]]:
        with needs("spark"):
            from pyspark import TaskContext

        task = TaskContext.get()
        model = open_model(n_threads=task.cpus() if task else 1)

        def predict(*columns: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
            rows = zip(*columns, strict=True)
            inputs = [as_input(*row) if as_input else row[0] for row in rows]
            return embed_rows(model, inputs, options)

        return predict

    return make_predict_function
