# SPDX-License-Identifier: Apache-2.0
"""The rows of a cluster's table: embed a batch of them, with an error value for each that fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from jina_omni.inputs import Input
from jina_omni.model import Model
from jina_omni.options import PromptedOptions

__all__ = ["Rows", "embed_rows"]

Rows: TypeAlias = dict[str, npt.NDArray[np.float32] | npt.NDArray[np.object_]]
"""Columns by name."""


def embed_rows(model: Model, inputs: Iterable[Input], options: PromptedOptions) -> Rows:
    """Embed the input of each row, by default as documents; a failing one does not stop the others.

    Returns
    -------
    dict
        ``embedding``, shape (n, dim), which is NaN for a row that failed, and ``error``, shape (n,), the reason as a
        str, or None.
    """
    with_prompt: PromptedOptions = {"prompt_name": "document", **options}
    vectors, errors = model.encode(list(inputs), on_error="return", **with_prompt)
    messages = np.full(len(vectors), None, object)
    for i, error in errors.items():
        # The position in the batch means nothing to a reader of the row.
        messages[i] = f"{type(error).__name__}: {error.message_for('input')}"
    return {"embedding": vectors, "error": messages}
