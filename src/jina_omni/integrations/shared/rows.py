# SPDX-License-Identifier: Apache-2.0
"""The rows of a cluster's table: embed a batch of them, with an error value for each that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import check_argument_names
from jina_omni.calls import ENCODE_HINTS
from jina_omni.errors import LocatedError
from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import ModelLike
from jina_omni.model import Model
from jina_omni.options import PromptedOptions

__all__ = ["Rows", "check_row_options", "embed_rows", "open_in_worker"]

Rows: TypeAlias = dict[str, npt.NDArray[np.float32] | npt.NDArray[np.object_]]
"""Columns by name."""

T = TypeVar("T")


_HINTS = {
    **ENCODE_HINTS,
    "on_error": "leave it out: the reason is in the column error",
    "precision": "leave it out: embeddings are float32",
}


def check_row_options(adapter: str, options: Mapping[str, Any], arguments: Iterable[str]) -> None:
    """Check the names of the options that rows are embedded with.

    Parameters
    ----------
    adapter : str
        Its name, for the error.
    options : mapping
    arguments : iterable of str
        The names of the adapter's further arguments.

    Raises
    ------
    TypeError
        One is unknown.
    """
    check_argument_names(adapter, options, [*arguments, *PromptedOptions.__annotations__], _HINTS)


def embed_rows(model: Model, rows: Iterable[T], make_input: Callable[[T], Input], options: PromptedOptions) -> Rows:
    """Embed the input of each row, by default as documents; a failing one does not stop the others.

    Parameters
    ----------
    model : Model
    rows : iterable
    make_input : callable
        From a row to its input. What it raises is the error of the row.
    options : PromptedOptions

    Returns
    -------
    dict
        ``embedding``, shape (n, dim), which is NaN for a row that failed, and ``error``, shape (n,), the reason as a
        str, or None.
    """
    with_prompt: PromptedOptions = {"prompt_name": "document", **options}
    inputs: list[Input] = []
    places: list[int] = []
    messages: list[str | None] = []
    for i, row in enumerate(rows):
        made = _try_input(make_input, row)
        if isinstance(made, Exception):
            messages.append(_describe(made))
        else:
            messages.append(None)
            inputs.append(made)
            places.append(i)
    vectors, errors = model.encode(inputs, on_error="return", **with_prompt)
    embedding = np.full((len(messages), vectors.shape[1]), np.nan, np.float32)
    embedding[places] = vectors
    for k, error in errors.items():
        messages[places[k]] = _describe(error)
    return {"embedding": embedding, "error": np.array(messages, object)}


def open_in_worker(model: ModelLike | Callable[..., Model], **assigned: Any) -> Model:
    """Open the model of a worker, with the threads and the device that its engine assigns to it.

    Parameters
    ----------
    model : str, PathLike, mapping, Model or callable
        What `Model` takes; a model, whose arguments are used; or what returns a model from keyword arguments.
    **assigned
        Arguments of `Model`, which replace its own.

    Raises
    ------
    TypeError, ValueError
        As in `Model`.
    ModelLoadError
        As in `Model`.
    """
    if isinstance(model, Model):
        _, (arguments,) = model.__reduce__()
        return Model(**{**arguments, **assigned})
    if isinstance(model, Mapping):
        return Model(**{**model, **assigned})
    return model(**assigned) if callable(model) else Model(model, **assigned)


def _try_input(make_input: Callable[[T], Input], row: T) -> Input | Exception:
    try:
        return make_input(row)
    except Exception as error:  # noqa: BLE001 - of the caller's function: what it raises concerns this row alone
        return error


def _describe(error: Exception) -> str:
    # The position in the batch means nothing to a reader of the row.
    message = error.message_for("input") if isinstance(error, LocatedError) else error
    return f"{type(error).__name__}: {message}"
