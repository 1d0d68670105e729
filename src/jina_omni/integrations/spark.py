# SPDX-License-Identifier: Apache-2.0
"""Spark: `embed_udf`, a function of columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from jina_omni.integrations.rows import embed_rows
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra

with needs_extra("spark"):
    from pyspark import TaskContext
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import ArrayType, FloatType, StringType, StructField, StructType

__all__ = ["embed_udf"]


def embed_udf(
    open_model: Callable[..., Model],
    as_input: Callable[..., Any] = lambda value: value,
    *,
    batch_size: int = 256,
    **options: Any,
) -> Any:
    """Return a function of columns that embeds: Spark's ``predict_batch_udf`` with a model.

    Each Python worker opens one model and keeps it for the tasks that follow there. It has as many threads as a task
    has processors (``spark.task.cpus``).

    Parameters
    ----------
    open_model : callable
        Returns the worker's `Model` from a keyword argument of its, ``n_threads``; such as
        ``functools.partial(jina_omni.Model, "text.gguf", device="cpu")``, of a file that each worker finds.
    as_input : callable
        Returns an input of `Model.encode` from a row's values, one of each column that the function is called with,
        such as ``lambda title, data: [title, jina_omni.Image(data)]``. By default it is called with one column, which
        has the inputs.
    batch_size : int
        Rows that a worker embeds at a time.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Returns
    -------
    function
        Its values have the fields ``embedding``, and ``error``, a string for a row that could not be embedded, whose
        vector is NaN, else null.

    Examples
    --------
    >>> embed = embed_udf(functools.partial(jina_omni.Model, "text.gguf", device="cpu"))  # doctest: +SKIP
    >>> frame.select("id", embed("text").alias("made")).select("id", "made.*")  # doctest: +SKIP
    """

    def make_predict_function() -> Callable[..., dict[str, npt.NDArray[Any]]]:
        task = TaskContext.get()
        model = open_model(n_threads=task.cpus() if task else 1)

        def predict(*columns: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
            return embed_rows(model, [as_input(*row) for row in zip(*columns, strict=True)], options)

        vars(predict)["__signature__"] = inspect.signature(as_input)  # by which Spark counts the columns
        return predict

    fields = [StructField("embedding", ArrayType(FloatType())), StructField("error", StringType())]
    return predict_batch_udf(make_predict_function, return_type=StructType(fields), batch_size=batch_size)
