# SPDX-License-Identifier: Apache-2.0
"""Spark: `embed_udf`, a function of columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from jina_omni.inputs import Input
from jina_omni.integrations.shared.rows import Rows, embed_rows
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import PromptedOptions

with needs_extra("spark"):
    from pyspark import TaskContext
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import Column
    from pyspark.sql.types import ArrayType, FloatType, StringType, StructField, StructType

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["embed_udf"]


def embed_udf(
    open_model: Callable[..., Model],
    make_input: Callable[..., Input] = lambda value: value,
    *,
    batch_size: int = 256,
    **options: Unpack[PromptedOptions],
) -> Callable[..., Column]:
    """Return a function that embeds columns: Spark's ``predict_batch_udf`` with a model.

    Each Python worker opens one model and keeps it for its later tasks. The model has as many threads as a task has
    processors (``spark.task.cpus``).

    Parameters
    ----------
    open_model : callable
        Returns the worker's `Model` from its keyword argument ``n_threads``, such as
        ``functools.partial(jina_omni.Model, "text.gguf", device="cpu")``. Each worker must have the file under this
        path.
    make_input : callable
        From the values of a row, one for each column that the function is called with, to an input of `Model.encode`,
        such as ``lambda title, data: [title, jina_omni.Image(data)]``. By default there is one column, which has the
        inputs.
    batch_size : int
        Rows that a worker embeds together.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Returns
    -------
    function
        From columns to a column with the fields ``embedding``, and ``error``, which is null, or the reason for a row
        that could not be embedded and whose embedding is NaN.

    Examples
    --------
    >>> embed = embed_udf(functools.partial(jina_omni.Model, "text.gguf", device="cpu"))  # doctest: +SKIP
    >>> frame.select("id", embed("text").alias("made")).select("id", "made.*")  # doctest: +SKIP
    """

    def make_predict_function() -> Callable[..., Rows]:
        task = TaskContext.get()
        model = open_model(n_threads=task.cpus() if task else 1)

        def predict(*columns: npt.NDArray[Any]) -> Rows:
            return embed_rows(model, [make_input(*row) for row in zip(*columns, strict=True)], options)

        vars(predict)["__signature__"] = inspect.signature(make_input)  # Spark counts the columns by it
        return predict

    fields = [StructField("embedding", ArrayType(FloatType())), StructField("error", StringType())]
    embed: Callable[..., Column] = predict_batch_udf(
        make_predict_function, return_type=StructType(fields), batch_size=batch_size
    )
    return embed
