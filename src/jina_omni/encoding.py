# SPDX-License-Identifier: Apache-2.0
"""From inputs to pooled rows: plan every input, then run the towers batch by batch."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.batching import plan_batches
from jina_omni.errors import InputError, InputTooLongError, JinaOmniError
from jina_omni.inputs import Fetch, Part, Pdf, Text, as_parts, same_input
from jina_omni.loading import ModelFiles
from jina_omni.media.ahead import read_ahead
from jina_omni.media.medium import Extent, MediaReader, Medium, Reading
from jina_omni.native import CancelToken, Context
from jina_omni.prompts import Dialect, arrange
from jina_omni.sequences import Tokenizer, build_sequence

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

# Rows of one run of the vision tower: its patches then take 50 MB.
_RUN_ROWS = 2048

_POLL = 0.1  # seconds between two looks at the cancel token, and for Ctrl-C, while a medium is read


def input_label(index: int | None) -> str:
    """Return what errors call an input: by its place in the caller's list, or just so when it is the only one."""
    return "input" if index is None else f"input {index}"


@dataclass(frozen=True, eq=False)
class Plan:
    """One input, ready for the towers.

    Attributes
    ----------
    tokens : array, int32
        With -1 at each place of a row.
    parts : list of Text or Medium
    index : int or None
        Its place in the caller's list.
    identity : hashable
        Equal for inputs that get the same vector.
    """

    tokens: Ints
    parts: Sequence[Text | Medium]
    index: int | None
    identity: Any
    prefix: str
    truncate: bool

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def media(self) -> list[Medium]:
        """In the order of their rows."""
        return [part for part in self.parts if isinstance(part, Medium)]


# An input that was planned, or why it could not be.
Planned = Plan | JinaOmniError


@dataclass(frozen=True)
class Batch:
    """Inputs that ran together.

    Attributes
    ----------
    indices : list of int
        Their places in the caller's list.
    pooled : array, shape (len(indices), n_embd), float32
        Not of unit length.
    """

    indices: list[int]
    pooled: Floats


class Encoder:
    """Plans and runs inputs on the towers of one model."""

    def __init__(self, files: ModelFiles, context: Context, dialect: Dialect) -> None:
        self.tokenizer = Tokenizer(files.text)
        self._files = files
        self._context = context
        self._dialect = dialect
        self._media = MediaReader(files.vision, files.audio, dialect)

    def plan(
        self,
        value: Any,
        index: int | None,
        prefix: str,
        *,
        truncate: bool,
        limit: int | None = None,
        fetch: Fetch | None = None,
    ) -> Plan:
        """Turn one input of a caller into a sequence; media are measured, not yet decoded.

        Raises
        ------
        InputError
            With the input's index.
        """
        where = input_label(index)
        try:
            parts = as_parts(value, where, fetch)
            measured: list[Text | Medium] = []
            for part in parts:
                if isinstance(part, Text):
                    measured.append(part)
                else:
                    measured += self._media.measure(part, where, truncate=truncate)
            try:
                tokens = self._tokens(measured, prefix, where, truncate=truncate, limit=limit)
            except InputTooLongError as error:
                raise self._with_page_advice(error, parts, measured) from error
            return Plan(tokens, measured, index, same_input(parts), prefix, truncate)
        except InputError as error:
            error.index = index
            raise

    def run(
        self,
        planned: Sequence[Planned],
        batch_tokens: int,
        cancel: CancelToken | None,
        errors: dict[int, JinaOmniError] | None,
    ) -> Iterator[Batch]:
        """Run the planned inputs, longest first, in batches of at most `batch_tokens` tokens; equal ones run once.

        Parameters
        ----------
        planned : sequence
            Errors among them are left out.
        batch_tokens : int
        cancel : CancelToken or None
        errors : dict or None
            Takes the errors of inputs whose media can't be decoded, by index; None raises them.
        """
        equal: dict[Any, list[int]] = {}
        for i, plan in enumerate(planned):
            if isinstance(plan, Plan):
                equal.setdefault(plan.identity, []).append(i)
        groups = list(equal.values())
        plans = [plan for i, *_ in groups if isinstance(plan := planned[i], Plan)]
        batches = plan_batches([len(plan) for plan in plans], batch_tokens)
        media = [medium for members in batches for m in members for medium in plans[m].media]
        with contextlib.closing(read_ahead(media)) as readings:
            for members in batches:
                run = _Run(self._files, self._context, cancel)
                tokens: dict[int, Ints] = {}
                for m in members:
                    try:
                        tokens[m] = self._read(plans[m], m, readings, run)
                    except InputError as error:  # noqa: PERF203 - one failing input must not stop the others
                        if errors is None:
                            error.index = plans[m].index
                            raise
                        errors.update({i: _at(error, None if plans[m].index is None else i) for i in groups[m]})
                if tokens:
                    indices = [i for m in tokens for i in groups[m]]
                    pooled = run.pooled(tokens)
                    yield Batch(indices, np.repeat(pooled, [len(groups[m]) for m in tokens], axis=0))

    def _read(self, plan: Plan, key: int, readings: Iterator[Future[Reading]], run: _Run) -> Ints:
        """Read the media of an input and hand them to the towers; return its tokens, its media as they turned out."""
        extents: list[Extent] = []
        failure: InputError | None = None
        for _ in plan.media:
            future = next(readings)  # also after a failure, since those behind are of other inputs
            try:
                reading = run.wait(future)
            except InputError as error:
                failure = failure or error
            else:
                if failure is None:
                    extents.append(reading.extent)
                    run.add(key, reading)
        if failure is None and extents != [medium.extent for medium in plan.media]:
            found = iter(extents)
            parts = [part if isinstance(part, Text) else replace(part, extent=next(found)) for part in plan.parts]
            try:
                return self._tokens(parts, plan.prefix, input_label(plan.index), truncate=plan.truncate)
            except InputError as error:
                failure = error
        if failure is not None:
            run.drop(key)
            raise failure
        return plan.tokens

    def _tokens(
        self, parts: Sequence[Text | Medium], prefix: str, where: str, *, truncate: bool, limit: int | None = None
    ) -> Ints:
        pieces = arrange(parts, prefix, self._dialect, self.tokenizer.special_token)
        limit = self._files.text.n_ctx if limit is None else limit
        return build_sequence(pieces, self.tokenizer, where=where, limit=limit, truncate=truncate)

    def _with_page_advice(
        self, error: InputTooLongError, parts: Sequence[Part], measured: Sequence[Text | Medium]
    ) -> InputTooLongError:
        """Say how many pages fit, where the input is one document."""
        if len(parts) != 1 or not isinstance(parts[0], Pdf) or error.limit is None or error.tokens is None:
            return error
        unlimited = np.iinfo(np.int32).max  # a page may be over the limit by itself
        counts = [len(self._tokens([page], "", "", truncate=False, limit=unlimited)) for page in measured]
        pages = [count - len(self.tokenizer.end) for count in counts]
        room = error.limit - (error.tokens - sum(pages))
        n_fit = sum(total <= room for total in np.cumsum(pages))
        chosen = parts[0].pages if parts[0].pages is not None else range(len(pages))
        advice = (
            f"of its {len(pages)} pages the first {n_fit} fit: pass pages={list(chosen[:n_fit])}, or embed each page "
            "by itself: encode(pdf.split())"
        )
        return InputTooLongError(
            f"{error}; {advice if n_fit else 'not even its first page fits: pass a lower dpi'}",
            tokens=error.tokens,
            limit=error.limit,
        )


def _at(error: InputError, index: int | None) -> InputError:
    """Return the error of another input with the same fault."""
    found = copy.copy(error)
    found.index = index
    found.__cause__ = error.__cause__
    return found


class _Run:
    """The towers on one batch: rows of media first, as their readings come, then the sequences."""

    def __init__(self, files: ModelFiles, context: Context, cancel: CancelToken | None) -> None:
        self._files = files
        self._context = context
        self._cancel = cancel
        self._rows: dict[int, list[Floats | None]] = {}
        self._waiting: list[tuple[list[Floats | None], int, Reading]] = []
        self._n_waiting = 0

    def wait(self, future: Future[Reading]) -> Reading:
        """Return a reading; raise `Cancelled` when the caller cancels."""
        while True:
            if self._cancel is not None:
                self._cancel.check()
            if wait([future], timeout=_POLL).done:
                return future.result()

    def add(self, key: int, reading: Reading) -> None:
        """Take a reading of the input `key`, whose readings come in order."""
        rows = self._rows.setdefault(key, [])
        self._waiting.append((rows, len(rows), reading))
        rows.append(None)
        self._n_waiting += sum(reading.extent.runs)
        if self._n_waiting >= _RUN_ROWS:
            self._flush()

    def drop(self, key: int) -> None:
        """Forget the input `key`."""
        rows = self._rows.pop(key, None)
        self._waiting = [item for item in self._waiting if item[0] is not rows]

    def pooled(self, tokens: dict[int, Ints]) -> Floats:
        """Return the pooled rows of the inputs, in the order of `tokens`."""
        self._flush()
        rows = [row for key in tokens for row in self._rows.get(key, ()) if row is not None]
        return self._context.encode_sequences(
            self._files.text,
            np.concatenate(list(tokens.values())),
            np.array([len(one) for one in tokens.values()], np.int32),
            np.concatenate(rows) if rows else None,
            cancel=self._cancel,
        )

    def _flush(self) -> None:
        for projector, encode, is_patches in (
            (self._files.vision, self._context.encode_patches, True),
            (self._files.audio, self._context.encode_mel, False),
        ):
            items = [item for item in self._waiting if (len(item[2].shape) == 3) == is_patches]
            if not items or projector is None:
                continue
            values = [reading.values for _, _, reading in items]
            shapes = np.array([reading.shape for _, _, reading in items], np.int32)
            made = encode(
                projector,
                values[0] if len(values) == 1 else np.concatenate(values),
                shapes if is_patches else shapes[:, 0],
                cancel=self._cancel,
            )
            ends = np.cumsum([sum(reading.extent.runs) for _, _, reading in items])
            for (rows, place, _), part in zip(items, np.split(made, ends[:-1]), strict=True):
                rows[place] = part
        self._waiting = []
        self._n_waiting = 0
