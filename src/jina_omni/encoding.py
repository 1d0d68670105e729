# SPDX-License-Identifier: Apache-2.0
"""From prepared inputs to pooled vectors: batches, decoded media, and the forward passes of the towers."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from jina_omni.batching import make_batches, make_portions
from jina_omni.cancelling import wait_for
from jina_omni.errors import InputError, LocatedError, located, naming_file
from jina_omni.media.medium import DecodedMedium, Medium, TokenLayout
from jina_omni.media.prefetch import decode_ahead
from jina_omni.native import CancelToken, Priority, Projector
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


Item = TypeVar("Item")


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

    def fail(self, m: int, error: InputError) -> None:
        """Record the error of a distinct input for all that are equal to it, or raise it."""
        if self.errors is None:
            raise error
        self.errors.update({i: _copy_for(error, self.prepared[i]) for i in self.groups[m]})


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
                batch = _Batch(replica, job)
                tokens: dict[int, Ints] = {}
                for m in members:
                    try:
                        tokens[m] = self._add_media(job.inputs[m], m, decoded, batch, job.cancel)
                    except InputError as error:  # noqa: PERF203 - one failing input must not stop the others
                        job.fail(m, error)
                pooled = batch.compute(tokens)
                for m, failure in batch.failures.items():
                    job.fail(m, failure)
                if pooled:
                    indices = [i for m in pooled for i in job.groups[m]]
                    counts = [len(job.groups[m]) for m in pooled]
                    yield PooledBatch(indices, np.repeat(np.stack(list(pooled.values())), counts, axis=0))

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
    """The forward passes of one batch: media first, as they are decoded, then the sequences.

    Attributes
    ----------
    failures : dict
        The errors of inputs that are too large for the device, by their number among the distinct inputs.
    """

    def __init__(self, replica: Replica, job: _Job) -> None:
        self._files = replica.files
        self._context = replica.context
        self._job = job
        self._embeddings: dict[int, list[Floats | None]] = {}
        self._waiting: list[_Waiting] = []
        self._n_waiting = 0
        self.failures: dict[int, InputError] = {}

    def wait(self, future: Future[DecodedMedium]) -> DecodedMedium:
        """Return a decoded medium; raise `Cancelled` when the caller cancels."""
        return wait_for(future, self._job.cancel, self._job.meanwhile)

    def add(self, m: int, medium: DecodedMedium) -> None:
        """Add a medium of the distinct input `m`, whose media come in order."""
        embeddings = self._embeddings.setdefault(m, [])
        self._waiting.append(_Waiting(m, len(embeddings), medium))
        embeddings.append(None)
        self._n_waiting += len(medium.layout)
        if self._n_waiting >= _MAX_MEDIA_TOKENS:
            self._embed_waiting()

    def drop(self, m: int) -> None:
        """Forget the distinct input `m`."""
        self._embeddings.pop(m, None)
        self.failures.pop(m, None)
        self._waiting = [item for item in self._waiting if item.m != m]

    def compute(self, tokens: dict[int, Ints]) -> dict[int, Floats]:
        """Return the pooled vectors of the distinct inputs, in the order of `tokens`, without those that fail."""
        self._embed_waiting()
        pooled: dict[int, Floats] = {}
        members = [m for m in tokens if m not in self.failures]
        for m, found in zip(members, _compute_fitting(members, lambda some: self._pool(some, tokens)), strict=True):
            if isinstance(found, InputError):
                self._fail(m, found)
            else:
                pooled[m] = found
        return pooled

    def _pool(self, members: Sequence[int], tokens: dict[int, Ints]) -> Iterable[Floats]:
        media = [x for m in members for x in self._embeddings.get(m, ()) if x is not None]
        return self._context.encode_sequences(
            self._files.text,
            np.concatenate([tokens[m] for m in members]),
            np.array([len(tokens[m]) for m in members], np.int32),
            np.concatenate(media) if media else None,
            priority=self._job.priority,
            cancel=self._job.cancel,
        )

    def _embed_waiting(self) -> None:
        """Run the vision and the audio tower on the media that wait for them."""
        for projector, encode, is_vision in (
            (self._files.vision, self._context.encode_patches, True),
            (self._files.audio, self._context.encode_mel, False),
        ):
            items = [item for item in self._waiting if item.is_vision == is_vision]
            if projector is not None:
                for item, found in zip(
                    items, _compute_fitting(items, partial(self._embed, projector, encode)), strict=True
                ):
                    if isinstance(found, InputError):
                        self._fail(item.m, found, self._job.inputs[item.m].media[item.position])
                    else:
                        self._embeddings[item.m][item.position] = found
        self._waiting = []
        self._n_waiting = 0

    def _embed(
        self, projector: Projector, encode: Callable[..., Floats], items: Sequence[_Waiting]
    ) -> Sequence[Floats]:
        values = [item.medium.values for item in items]
        shapes = np.array([item.medium.shape for item in items], np.int32)
        computed = encode(
            projector,
            values[0] if len(values) == 1 else np.concatenate(values),
            shapes if items[0].is_vision else shapes[:, 0],
            priority=self._job.priority,
            cancel=self._job.cancel,
        )
        return np.split(computed, np.cumsum([len(item.medium.layout) for item in items])[:-1])

    def _fail(self, m: int, error: InputError, medium: Medium | None = None) -> None:
        """Keep the error of a distinct input, with the location of the input and of the medium that it is about."""
        location, file = ((), None) if medium is None else (medium.location, medium.file)
        try:
            with located(input=self._job.inputs[m].index), located(location), naming_file(file):
                raise error
        except InputError:
            self.failures.setdefault(m, error)


@dataclass(frozen=True)
class _Waiting:
    """A medium that waits for its tower: that of the distinct input `m` at `position` among its media."""

    m: int
    position: int
    medium: DecodedMedium

    @property
    def is_vision(self) -> bool:
        return len(self.medium.shape) == 3


def _compute_fitting(
    items: Sequence[Item], compute: Callable[[Sequence[Item]], Iterable[Floats]]
) -> list[Floats | InputError]:
    """Compute items together; where one is too large for the device, each alone, to return its error in its place."""
    if not items:
        return []
    try:
        return list(compute(items))
    except InputError as error:
        if len(items) == 1:
            return [error]
    return [found for item in items for found in _compute_fitting([item], compute)]
