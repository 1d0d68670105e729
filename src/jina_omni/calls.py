# SPDX-License-Identifier: Apache-2.0
"""A call of a model: what it embeds, how, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.errors import LocatedError
from jina_omni.inputs import Fetch
from jina_omni.native import CancelToken, Priority
from jina_omni.options import EncodeOptions
from jina_omni.precision import Embeddings, Precision
from jina_omni.preparing import PreparedInput
from jina_omni.progress import ProgressTracker

__all__ = [
    "ENCODE_HINTS",
    "WINDOW",
    "CallOptions",
    "EncodeCall",
    "Errors",
    "Floats",
    "Plan",
    "choose_priority",
    "guess_priority",
    "hint_at_unknown_options",
    "make_window",
]

P = ParamSpec("P")
R = TypeVar("R")

Floats: TypeAlias = npt.NDArray[np.float32]

Errors: TypeAlias = dict[int, LocatedError]

WINDOW = 256
"""Inputs of a stream that are read ahead, so that inputs of similar length are computed together."""

ENCODE_HINTS = {
    "batch_size": "inputs are batched by their tokens: pass batch_tokens=, or leave it out",
    "convert_to_numpy": "leave it out: embeddings are numpy arrays",
    "convert_to_tensor": "leave it out and pass the array to torch.from_numpy",
    "device": "pass it to Model",
    "dim": "pass truncate_dim=",
    "dimensions": "pass truncate_dim=",
    "normalize": "pass normalize_embeddings=",
    "output_value": "leave it out: embeddings of whole inputs are returned",
    "show_progress": "pass show_progress_bar=",
    "task": "pass it to Model, or prompt_name= here",
}
"""Arguments of other libraries' functions that embed, and what does the same here."""


def hint_at_unknown_options(instead: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Do what `hint_at_unknown_arguments` does, for a function that sets the name of the prompt itself.

    Parameters
    ----------
    instead : str
        The function that takes the name of the prompt.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        hints = {
            **ENCODE_HINTS,
            "prompt_name": f"{function.__name__} sets it; use {instead}",
            "task": "pass it to Model",
        }
        options = (*EncodeOptions.__annotations__, "precision", "on_error")
        return hint_at_unknown_arguments(hints, options)(function)

    return decorate


# About 40 queries; or an image of 512 x 512 pixels, since its 256 media tokens count for the vision tower too.
_MAX_INTERACTIVE_TOKENS = 640


@dataclass(frozen=True)
class CallOptions:
    """The checked options of a call."""

    width: int
    normalize: bool
    prompt: str
    truncate: bool
    batch_tokens: int
    precision: Precision
    progress: ProgressTracker | None
    cancel: CancelToken | None
    fetch: Fetch | None
    priority: Priority | None


@dataclass(frozen=True)
class EncodeCall:
    """Inputs to embed.

    Attributes
    ----------
    items : sequence of inputs
    indices : sequence of (int or None)
        Of each in the caller's list, for errors; None for a single input.
    options : CallOptions
    errors : dict or None
        Receives errors by position in `items`; None raises them.
    """

    items: Sequence[Any]
    indices: Sequence[int | None]
    options: CallOptions
    errors: Errors | None

    def result(self, embeddings: Embeddings) -> Embeddings | tuple[Embeddings, Errors]:
        """Return what `Model.encode` returns."""
        found = embeddings[0] if list(self.indices[:1]) == [None] else embeddings
        return found if self.errors is None else (found, self.errors)

    def stream(self, embeddings: Embeddings, *, raises: bool) -> Iterator[Embeddings | LocatedError]:
        """Yield what `Model.encode_iter` yields: of each input the embedding, or its error, which may be raised."""
        for position, embedding in enumerate(embeddings):
            error = (self.errors or {}).get(position)
            if error is not None and raises:
                raise error
            yield embedding if error is None else error


def make_window(items: Sequence[Any], first: int, options: CallOptions) -> EncodeCall:
    """Return the call of a window of a stream, whose first input has this index."""
    return EncodeCall(items, range(first, first + len(items)), options, {})


@dataclass(frozen=True)
class Plan:
    """A call whose inputs are prepared.

    Attributes
    ----------
    call : EncodeCall
    prepared : list
        Of each input what the towers take, or its error.
    priority : {"interactive", "background"}
        The caller's, or by size.
    """

    call: EncodeCall
    prepared: list[PreparedInput | LocatedError]
    priority: Priority


def guess_priority(items: Sequence[Any]) -> Priority:
    """Return the priority that `choose_priority` returns for most inputs of such a number and length."""
    n_chars = sum(len(item) for item in items if isinstance(item, str))
    is_small = len(items) <= _MAX_INTERACTIVE_TOKENS // 8 and n_chars <= 8 * _MAX_INTERACTIVE_TOKENS
    return "interactive" if is_small else "background"


def choose_priority(prepared: Sequence[PreparedInput | LocatedError]) -> Priority:
    """Return "interactive" for a call that is small in all, else "background". Media tokens count double."""
    inputs = (item for item in prepared if isinstance(item, PreparedInput))
    n_tokens = sum(len(item) + sum(len(medium.layout) for medium in item.media) for item in inputs)
    return "interactive" if n_tokens <= _MAX_INTERACTIVE_TOKENS else "background"
