# SPDX-License-Identifier: Apache-2.0
"""From prepared inputs to pooled vectors: batches, decoded media, and the forward passes of the towers."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jina_omni.batching import make_batches, make_portions
from jina_omni.cancelling import wait_for
from jina_omni.errors import InputError, LocatedError, located, naming_file
from jina_omni.media.medium import DecodedMedium, Medium, TokenLayout
from jina_omni.media.prefetch import decode_ahead
from jina_omni.native import CancelToken, Priority
from jina_omni.preparing import InputPreparer, PreparedInput
from jina_omni.progress import ProgressTracker
from jina_omni.replicas import Replica, Replicas
from jina_omni.spreading import spread

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


@dataclass(frozen=True)
class _Job:
    """The distinct inputs of a call, and how they are computed.

    Attributes
    ----------
    prepared : sequence
        All inputs of the call.
    groups : list of list of int
        Of each distinct input its positions among them.
    inputs : list of PreparedInput
        The distinct ones.
    report, meanwhile : callable or None
        See `decode_ahead` and `wait_for`.
    """

    prepared: Sequence[PreparedInput | LocatedError]
    groups: list[list[int]]
    inputs: list[PreparedInput]
    priority: Priority
    cancel: CancelToken | None
    errors: dict[int, LocatedError] | None
    report: Callable[[Medium, float], None] | None
    meanwhile: Callable[[], None] | None

    def count_tokens(self, batches: Sequence[list[int]]) -> int:
        return sum(len(self.inputs[m]) for members in batches for m in members)


class Encoder:
    """Computes prepared inputs on the towers of one model.

    Parameters
    ----------
    replicas : Replicas
    preparer : InputPreparer
        That prepared the inputs.
    """

    def __init__(self, replicas: Replicas, preparer: InputPreparer) -> None:
        self._replicas = replicas
        self._preparer = preparer

    def encode(
        self,
        prepared: Sequence[PreparedInput | LocatedError],
        batch_tokens: int,
        priority: Priority,
        cancel: CancelToken | None,
        errors: dict[int, LocatedError] | None,
        progress: ProgressTracker | None = None,
    ) -> Generator[PooledBatch, None, None]:
        """Compute the inputs, longest first, in batches of at most `batch_tokens` tokens; equal ones only once.

        The batches go to all devices, each to the one with the fewest tokens to compute, and come as they are ready.

        Parameters
        ----------
        prepared : sequence
            Errors among them are left out.
        batch_tokens : int
        priority : {"interactive", "background"}
        cancel : CancelToken or None
        errors : dict or None
            Receives the errors of inputs whose media can't be decoded, by position; None raises them.
        progress : ProgressTracker, optional
            Of these inputs.
        """
        positions: dict[Hashable, list[int]] = {}
        for i, item in enumerate(prepared):
            if isinstance(item, PreparedInput):
                positions.setdefault(item.identity, []).append(i)
        groups = list(positions.values())
        inputs = [item for i, *_ in groups if isinstance(item := prepared[i], PreparedInput)]
        report, meanwhile = (None, None) if progress is None else (progress.report, progress.update)
        job = _Job(prepared, groups, inputs, priority, cancel, errors, report, meanwhile)
        n_devices = len(self._replicas)
        batches = make_batches([len(item) for item in inputs], batch_tokens, n_devices)
        if n_devices == 1 or len(batches) < 2:
            found = self._compute(job, batches)
        else:
            stop = CancelToken() if cancel is None else cancel.make_linked()
            in_thread = replace(job, cancel=stop, meanwhile=None)
            portions = make_portions(batches, n_devices)
            n_threads = min(n_devices, len(portions))
            found = spread(portions, lambda portion: self._compute(in_thread, portion), n_threads, stop, meanwhile)
        return found if progress is None else _follow(found, errors, progress)

    def _compute(self, job: _Job, batches: Sequence[list[int]]) -> Generator[PooledBatch, None, None]:
        """Compute batches, one after the other, on the device with the least to do."""
        media = [medium for members in batches for m in members for medium in job.inputs[m].media]
        with (
            self._replicas.take(job.count_tokens(batches)) as replica,
            contextlib.closing(decode_ahead(media, job.priority, job.report)) as decoded,
        ):
            for members in batches:
                batch = _Batch(replica, job.priority, job.cancel, job.meanwhile)
                tokens: dict[int, Ints] = {}
                for m in members:
                    try:
                        tokens[m] = self._add_media(job.inputs[m], m, decoded, batch, job.cancel)
                    except InputError as error:  # noqa: PERF203 - one failing input must not stop the others
                        if job.errors is None:
                            raise
                        job.errors.update({i: _copy_for(error, job.prepared[i]) for i in job.groups[m]})
                if tokens:
                    indices = [i for m in tokens for i in job.groups[m]]
                    pooled = batch.compute(tokens)
                    yield PooledBatch(indices, np.repeat(pooled, [len(job.groups[m]) for m in tokens], axis=0))

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
                with located(input=item.index), located(medium.location), naming_file(medium.file):
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


def _follow(
    found: Generator[PooledBatch, None, None], errors: dict[int, LocatedError] | None, progress: ProgressTracker
) -> Generator[PooledBatch, None, None]:
    """Record the inputs of the batches as they come, and those that failed meanwhile."""
    with contextlib.closing(found):
        for batch in found:
            progress.finish([*batch.indices, *(errors or ())])
            yield batch
    if errors:
        progress.finish(list(errors))


def _copy_for(error: InputError, item: PreparedInput | LocatedError) -> InputError:
    """Return the error of an equal input, with that one's index."""
    index = item.index if isinstance(item, PreparedInput) else None
    copied = copy.copy(error)
    copied.location = (("input", index), *error.location[1:])
    copied.__cause__, copied.__context__ = error.__cause__, error.__context__
    copied.__suppress_context__ = error.__suppress_context__
    return copied


class _Batch:
    """The forward passes of one batch: media first, as they are decoded, then the sequences."""

    def __init__(
        self,
        replica: Replica,
        priority: Priority,
        cancel: CancelToken | None,
        meanwhile: Callable[[], None] | None,
    ) -> None:
        self._files = replica.files
        self._context = replica.context
        self._priority = priority
        self._cancel = cancel
        self._meanwhile = meanwhile
        self._embeddings: dict[int, list[Floats | None]] = {}
        self._waiting: list[tuple[list[Floats | None], int, DecodedMedium]] = []
        self._n_waiting = 0

    def wait(self, future: Future[DecodedMedium]) -> DecodedMedium:
        """Return a decoded medium; raise `Cancelled` when the caller cancels."""
        return wait_for(future, self._cancel, self._meanwhile)

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
