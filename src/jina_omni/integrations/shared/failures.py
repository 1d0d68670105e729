# SPDX-License-Identifier: Apache-2.0
"""Documents that can't be embedded: raise the error of the first, or keep it and go on with the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.errors import LocatedError, located
from jina_omni.inputs import Input
from jina_omni.integrations.shared.model_source import ModelSource

__all__ = ["ON_ERROR", "OnError", "Result", "embed_documents", "log_skipped"]

OnError = Literal["raise", "skip", "return"]
ON_ERROR: tuple[OnError, ...] = ("raise", "skip", "return")

Result: TypeAlias = npt.NDArray[np.float32] | LocatedError
"""Of a document: its vector, or why it has none."""

T = TypeVar("T")

_log = logging.getLogger("jina_omni")


def embed_documents(
    source: ModelSource,
    items: Sequence[T],
    make_input: Callable[[T], Input],
    names: Sequence[tuple[str, int | str]],
    *,
    on_error: OnError,
) -> list[Result]:
    """Embed the documents of a framework.

    Parameters
    ----------
    source : ModelSource
    items : sequence
    make_input : callable
        Returns the input of an item, or raises a `LocatedError`.
    names : sequence of (str, int or str)
        Of each item what an error calls it, such as ``("row", 3)``.
    on_error : {"raise", "skip", "return"}
        With ``"raise"`` the first error is raised, otherwise errors are among the results.

    Returns
    -------
    list
        Of each item its vector, shape (dim,), or its error.

    Raises
    ------
    LocatedError
        As in `Model.encode`, with the name of the item in the place of its index.
    """
    results: list[Result | None] = [None] * len(items)
    inputs: list[Input] = []
    places: list[int] = []
    for i, item in enumerate(items):
        made = _try_input(make_input, item, names[i])
        if not isinstance(made, LocatedError):
            inputs.append(made)
            places.append(i)
        elif on_error == "raise":
            raise made
        else:
            results[i] = made
    try:
        vectors, errors = _encode(source, inputs, on_error)
    except LocatedError as error:
        if error.index is not None:
            error.location = (names[places[error.index]], *error.location[1:])
        raise
    for k, place in enumerate(places):
        failure = errors.get(k)
        if failure is not None:
            failure.location = (names[place], *failure.location[1:])
        results[place] = vectors[k] if failure is None else failure
    return [result for result in results if result is not None]


def log_skipped(error: LocatedError) -> None:
    """Log that a document is left out, and why."""
    _log.warning("left out: %s", error)


def _try_input(make_input: Callable[[T], Input], item: T, name: tuple[str, int | str]) -> Input | LocatedError:
    try:
        with located((name,)):
            return make_input(item)
    except LocatedError as error:
        return error


def _encode(
    source: ModelSource, inputs: list[Input], on_error: OnError
) -> tuple[npt.NDArray[np.float32], dict[int, LocatedError]]:
    if on_error == "raise":
        return source.model.encode_document(inputs, **source.options), {}
    return source.model.encode_document(inputs, on_error="return", **source.options)
