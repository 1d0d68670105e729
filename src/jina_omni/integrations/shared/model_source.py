# SPDX-License-Identifier: Apache-2.0
"""The model of an adapter, and the arguments that a framework stores to open it again."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jina_omni.model import Model

__all__ = ["ModelSource"]


class ModelSource:
    """A model, or the arguments to open it at its first use.

    Parameters
    ----------
    model : Model or mapping
        A mapping has the arguments of `Model`.

    Raises
    ------
    TypeError
        The argument is neither, or the mapping has other arguments than those of `Model`.

    Examples
    --------
    >>> ModelSource({"model": "text.gguf", "device": "cpu"}).arguments
    {'model': 'text.gguf', 'device': 'cpu'}
    """

    def __init__(self, model: Model | Mapping[str, Any]) -> None:
        if isinstance(model, Model):
            self.model = model  # takes the place of the cached property
            _, (arguments,) = model.__reduce__()
            self.arguments = _convert_to_json(arguments)
        elif isinstance(model, Mapping):
            inspect.signature(Model).bind(**model)  # a wrong argument must fail here, not at the first use
            self.arguments = _convert_to_json(dict(model))
        else:
            raise TypeError(
                f"model is of the type {type(model).__name__}; it takes a jina_omni.Model or a dict of its arguments"
            )

    @cached_property
    def model(self) -> Model:
        """The model.

        Raises
        ------
        ModelLoadError
            As in `Model`.
        """
        return Model(**self.arguments)


def _convert_to_json(value: Any) -> Any:
    """Return arguments in types of JSON: paths become str, sequences lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, dict):
        return {key: _convert_to_json(item) for key, item in value.items()}
    return [_convert_to_json(item) for item in value] if isinstance(value, (list, tuple)) else value
