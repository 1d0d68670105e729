# SPDX-License-Identifier: Apache-2.0
"""Ray Data: `Embedder`, a class for ``map_batches``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from jina_omni.inputs import Input
from jina_omni.integrations.shared.child_rows import ChildRows
from jina_omni.integrations.shared.model_source import ModelLike
from jina_omni.integrations.shared.rows import Rows, check_row_options, embed_rows, open_in_worker
from jina_omni.model import Model
from jina_omni.optional_packages import needs_extra
from jina_omni.options import PromptedOptions

with needs_extra("ray"):
    from ray import cloudpickle, get_runtime_context

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
    model : str, PathLike, dict, Model or callable
        What `Model` takes, such as ``"text.gguf"``; a model, whose arguments are used; or what returns the worker's
        model from the keyword arguments ``n_threads`` and ``device``. Each worker must have the file under this path.
    source : str or callable
        The column that has the inputs of `Model.encode`; or a function from a row, a dict, to its input, such as
        ``lambda row: jina_omni.Image(row["bytes"])``. What it raises is the error of the row.
    **options
        Of `Model.encode`, such as ``truncate_dim`` or ``truncate``; ``prompt_name`` is ``"document"`` by default.

    Raises
    ------
    TypeError
        An option is unknown.

    Notes
    -----
    The rows of a batch stay in order. Ray may write the batches in another order, even with its option
    ``preserve_order``, so keep a column that identifies the rows. When a worker dies, Ray starts it again and runs its
    batches again. That worker then embeds in a child process, so that an input that ends its process each time gets an
    error, and the others of its batch their embeddings.

    Examples
    --------
    >>> dataset.map_batches(  # doctest: +SKIP
    ...     Embedder,
    ...     fn_constructor_args=("text.gguf", "text"),
    ...     batch_size=256,
    ...     compute=ray.data.ActorPoolStrategy(size=4),
    ...     num_cpus=8,
    ... )
    """

    def __init__(
        self,
        model: ModelLike | Callable[..., Model],
        source: str | Callable[[dict[str, Any]], Input],
        **options: Unpack[PromptedOptions],
    ) -> None:
        check_row_options(type(self).__name__, options, ["model", "source"])
        context = get_runtime_context()
        assigned = context.get_assigned_resources()
        device = {} if assigned.get("GPU") else {"device": "cpu"}
        n_threads = max(1, int(assigned.get("CPU", 1)))
        make = functools.partial(_make_embedder, model, source, options, n_threads=n_threads, **device)
        was_restarted = context.was_current_actor_reconstructed
        self._embed = ChildRows(cloudpickle.dumps(make)) if was_restarted else make()

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Embed a batch."""
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        return {**batch, **self._embed(rows)}


def _make_embedder(
    model: ModelLike | Callable[..., Model],
    source: str | Callable[[dict[str, Any]], Input],
    options: PromptedOptions,
    **assigned: Any,
) -> Callable[[Sequence[dict[str, Any]]], Rows]:
    opened = open_in_worker(model, **assigned)

    def make_input(row: dict[str, Any]) -> Input:
        found: Input = row[source] if isinstance(source, str) else source(row)
        return found

    return lambda rows: embed_rows(opened, rows, make_input, options)
