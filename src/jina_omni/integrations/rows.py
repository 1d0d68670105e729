# SPDX-License-Identifier: Apache-2.0
"""What a cluster's worker makes of a batch of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.errors import LocatedError
from jina_omni.model import Model

__all__ = ["embed_rows"]


def embed_rows(model: Model, inputs: Iterable[Any], options: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Embed the inputs of a batch, as documents where the options say nothing else; none stops the others.

    Returns
    -------
    dict
        ``embedding``, shape (n, dim), with NaN for what failed, and ``error``, shape (n,), with why it did or None.
    """
    vectors, errors = model.encode(list(inputs), on_error="return", **{"prompt_name": "document"} | options)
    messages = np.full(len(vectors), None, object)
    for i, error in errors.items():
        # Without the position in the batch, which means nothing to the reader of the row.
        message = error.message_for("input") if isinstance(error, LocatedError) else str(error)
        messages[i] = f"{type(error).__name__}: {message}"
    return {"embedding": vectors, "error": messages}
