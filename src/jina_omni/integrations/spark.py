# SPDX-License-Identifier: Apache-2.0
"""Spark: `embed_udf`, a function of columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import ModelLike
from jina_omni.integrations.shared.rows import Rows, check_row_options, embed_rows, open_in_worker
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
    model: ModelLike | Callable[..., Model],
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
    model : str, PathLike, dict, Model or callable
        What `Model` takes, such as ``{"model": "text.gguf", "device": "cpu"}``; a model, whose arguments are used; or
        what returns the worker's model from the keyword argument ``n_threads``. Each worker must have the file under
        this path.
    make_input : callable
        From the values of a row, one for each column that the function is called with, to an input of `Model.encode`,
        such as ``lambda title, data: [title, jina_omni.Image(data)]``. What it raises is the error of the row. By
        default there is one column, which has the inputs.
    batch_size : int
        Rows that a worker embeds together.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Returns
    -------
    function
        From columns to a column with the fields ``embedding``, and ``error``, which is null, or the reason for a row
        that could not be embedded and whose embedding is NaN.

    Raises
    ------
    TypeError
        An option is unknown.

    Examples
    --------
    >>> embed = embed_udf({"model": "text.gguf", "device": "cpu"}, truncate_dim=64)  # doctest: +SKIP
    >>> frame.select("id", embed("text").alias("made")).select("id", "made.*")  # doctest: +SKIP
    """
    check_row_options(embed_udf.__name__, options, ["model", "make_input", "batch_size"])

    def make_predict_function() -> Callable[..., Rows]:
        task = TaskContext.get()
        opened = open_in_worker(model, n_threads=task.cpus() if task else 1)

        def predict(*columns: npt.NDArray[Any]) -> Rows:
            return embed_rows(opened, zip(*columns, strict=True), lambda row: make_input(*row), options)

        vars(predict)["__signature__"] = inspect.signature(make_input)  # Spark counts the columns by it
        return predict

    fields = [StructField("embedding", ArrayType(FloatType())), StructField("error", StringType())]
    embed: Callable[..., Column] = predict_batch_udf(
        make_predict_function, return_type=StructType(fields), batch_size=batch_size
    )
    return embed
