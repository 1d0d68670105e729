# SPDX-License-Identifier: Apache-2.0
"""From prepared inputs to pooled vectors: batches, decoded media, and the forward passes of the towers."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jina_omni.batching import make_batches
from jina_omni.cancelling import wait_for
from jina_omni.errors import InputError, LocatedError, located
from jina_omni.loading import ModelFiles
from jina_omni.media.medium import DecodedMedium, TokenLayout
from jina_omni.media.prefetch import decode_ahead
from jina_omni.native import CancelToken, Context, Priority
from jina_omni.preparing import InputPreparer, PreparedInput

__all__ = ["Encoder", "PooledBatch"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

# Media tokens of one forward pass of the vision tower: its patches then take 50 MB.
_MAX_MEDIA_TOKENS = 2048


@dataclass(frozen=True)
class PooledBatch:
    """Inputs that were computed together.

    Attributes
    ----------
    indices : list of int
        Their positions among the prepared inputs.
    pooled : array, shape (len(indices), n_embd), float32
        Not of unit length.
    """

    indices: list[int]
    pooled: Floats


class Encoder:
    """Computes prepared inputs on the towers of one model.

    Parameters
    ----------
    files : ModelFiles
    context : Context
    preparer : InputPreparer
        That prepared the inputs.
    """

    def __init__(self, files: ModelFiles, context: Context, preparer: InputPreparer) -> None:
        self._files = files
        self._context = context
        self._preparer = preparer

    def encode(
        self,
        prepared: Sequence[PreparedInput | LocatedError],
        batch_tokens: int,
        priority: Priority,
        cancel: CancelToken | None,
        errors: dict[int, LocatedError] | None,
    ) -> Iterator[PooledBatch]:
        """Compute the inputs, longest first, in batches of at most `batch_tokens` tokens; equal ones only once.

        Parameters
        ----------
        prepared : sequence
            Errors among them are left out.
        batch_tokens : int
        priority : {"interactive", "background"}
        cancel : CancelToken or None
        errors : dict or None
            Receives the errors of inputs whose media can't be decoded, by position; None raises them.
        """
        positions: dict[Hashable, list[int]] = {}
        for i, item in enumerate(prepared):
            if isinstance(item, PreparedInput):
                positions.setdefault(item.identity, []).append(i)
        groups = list(positions.values())
        inputs = [item for i, *_ in groups if isinstance(item := prepared[i], PreparedInput)]
        batches = make_batches([len(item) for item in inputs], batch_tokens)
        media = [medium for members in batches for m in members for medium in inputs[m].media]
        with contextlib.closing(decode_ahead(media, priority)) as decoded:
            for members in batches:
                batch = _Batch(self._files, self._context, priority, cancel)
                tokens: dict[int, Ints] = {}
                for m in members:
                    try:
                        tokens[m] = self._add_media(inputs[m], m, decoded, batch, cancel)
                    except InputError as error:  # noqa: PERF203 - one failing input must not stop the others
                        if errors is None:
                            raise
                        errors.update({i: _copy_for(error, prepared[i]) for i in groups[m]})
                if tokens:
                    indices = [i for m in tokens for i in groups[m]]
                    pooled = batch.compute(tokens)
                    yield PooledBatch(indices, np.repeat(pooled, [len(groups[m]) for m in tokens], axis=0))

    def _add_media(
        self,
        item: PreparedInput,
        key: int,
        decoded: Iterator[Future[DecodedMedium]],
        batch: _Batch,
        cancel: CancelToken | None,
    ) -> Ints:
        """Pass the decoded media of an input to the batch; return its tokens, with the sizes that decoding found."""
        layouts: list[TokenLayout] = []
        failure: InputError | None = None
        for medium in item.media:
            future = next(decoded)  # also after a failure, since those behind belong to other inputs
            try:
                with located(input=item.index), located(medium.location):
                    found = batch.wait(future)
            except InputError as error:
                failure = failure or error
            else:
                if failure is None:
                    layouts.append(found.layout)
                    batch.add(key, found)
        if failure is None:
            try:
                with located(input=item.index):
                    return self._preparer.update(item, layouts, cancel)
            except InputError as error:
                failure = error
        batch.drop(key)
        raise failure


def _copy_for(error: InputError, item: PreparedInput | LocatedError) -> InputError:
    """Return the error of an equal input, with that one's index."""
    index = item.index if isinstance(item, PreparedInput) else None
    copied = copy.copy(error)
    copied.location = (("input", index), *error.location[1:])
    copied.__cause__ = error.__cause__
    return copied


class _Batch:
    """The forward passes of one batch: media first, as they are decoded, then the sequences."""

    def __init__(self, files: ModelFiles, context: Context, priority: Priority, cancel: CancelToken | None) -> None:
        self._files = files
        self._context = context
        self._priority = priority
        self._cancel = cancel
        self._embeddings: dict[int, list[Floats | None]] = {}
        self._waiting: list[tuple[list[Floats | None], int, DecodedMedium]] = []
        self._n_waiting = 0

    def wait(self, future: Future[DecodedMedium]) -> DecodedMedium:
        """Return a decoded medium; raise `Cancelled` when the caller cancels."""
        return wait_for(future, self._cancel)

    def add(self, key: int, medium: DecodedMedium) -> None:
        """Add a medium of the input `key`, whose media come in order."""
        embeddings = self._embeddings.setdefault(key, [])
        self._waiting.append((embeddings, len(embeddings), medium))
        embeddings.append(None)
        self._n_waiting += len(medium.layout)
        if self._n_waiting >= _MAX_MEDIA_TOKENS:
            self._embed_waiting()

    def drop(self, key: int) -> None:
        """Forget the input `key`."""
        embeddings = self._embeddings.pop(key, None)
        self._waiting = [item for item in self._waiting if item[0] is not embeddings]

    def compute(self, tokens: dict[int, Ints]) -> Floats:
        """Return the pooled vectors of the inputs, in the order of `tokens`."""
        self._embed_waiting()
        media = [x for key in tokens for x in self._embeddings.get(key, ()) if x is not None]
        return self._context.encode_sequences(
            self._files.text,
            np.concatenate(list(tokens.values())),
            np.array([len(one) for one in tokens.values()], np.int32),
            np.concatenate(media) if media else None,
            priority=self._priority,
            cancel=self._cancel,
        )

    def _embed_waiting(self) -> None:
        """Run the vision and the audio tower on the media that wait for them."""
        for projector, encode, is_vision in (
            (self._files.vision, self._context.encode_patches, True),
            (self._files.audio, self._context.encode_mel, False),
        ):
            items = [item for item in self._waiting if (len(item[2].shape) == 3) == is_vision]
            if not items or projector is None:
                continue
            values = [medium.values for _, _, medium in items]
            shapes = np.array([medium.shape for _, _, medium in items], np.int32)
            computed = encode(
                projector,
                values[0] if len(values) == 1 else np.concatenate(values),
                shapes if is_vision else shapes[:, 0],
                priority=self._priority,
                cancel=self._cancel,
            )
            ends = np.cumsum([len(medium.layout) for _, _, medium in items])
            for (embeddings, position, _), found in zip(items, np.split(computed, ends[:-1]), strict=True):
                embeddings[position] = found
        self._waiting = []
        self._n_waiting = 0
