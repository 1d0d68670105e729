# SPDX-License-Identifier: Apache-2.0
"""The functions of a model that asyncio awaits."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.calls import (
    ENCODE_HINTS,
    WINDOW,
    CallOptions,
    EncodeCall,
    Errors,
    Floats,
    Plan,
    guess_priority,
    hint_at_unknown_options,
    make_window,
)
from jina_omni.errors import ClosedError, LocatedError, as_thread_error
from jina_omni.inputs import Input, Inputs
from jina_omni.native import CancelToken, Priority
from jina_omni.options import EncodeOptions, PromptedOptions
from jina_omni.parsing import iterate_inputs
from jina_omni.precision import Embeddings, Precision
from jina_omni.progress import following

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AsyncEncoding", "CallThreads"]

T = TypeVar("T")

_PROMPTED_OPTIONS = tuple(PromptedOptions.__annotations__)
_OPTIONS = ("precision", *_PROMPTED_OPTIONS)

# Interactive calls that are planned, wait or compute at the same time: as many queries as one forward pass of them has.
# Those behind them wait without a thread.
_INTERACTIVE_THREADS = 64

# Of calls of the background, whose inputs fill forward passes by themselves: one is computed while others are prepared.
_BACKGROUND_THREADS = 4


class CallThreads:
    """The threads in which the calls of event loops are prepared and computed. They start when first needed."""

    def __init__(self) -> None:
        self._executors: dict[Priority, ThreadPoolExecutor] = {
            "interactive": ThreadPoolExecutor(_INTERACTIVE_THREADS, "jina_omni_interactive"),
            "background": ThreadPoolExecutor(_BACKGROUND_THREADS, "jina_omni_background"),
        }
        self._lock = threading.Lock()
        self._closed = False

    async def run(self, priority: Priority, function: Callable[[], T]) -> T:
        """Return what a function returns that runs in a thread, with the context variables of the task.

        Raises
        ------
        ClosedError
            After `close`.
        """
        run = contextvars.copy_context().run
        with self._lock:  # an executor does not say by a type of its own that it is closed
            if self._closed:
                raise ClosedError("this Model is closed; make a new one")
            with as_thread_error():
                future = self._executors[priority].submit(run, function)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End the threads, once what was passed to them has run."""
        with self._lock:
            self._closed = True
        for executor in self._executors.values():
            executor.shutdown(wait=False)


class AsyncEncoding(ABC):
    """The asynchronous half of `jina_omni.Model`.

    The event loop is never blocked: everything about an input happens in a bounded number of threads, and any number of
    tasks may wait for them. A task that is cancelled, as by ``asyncio.timeout``, stops its call.
    """

    _threads: CallThreads

    @abstractmethod
    def _make_call(self, inputs: Inputs, *, on_error: Literal["raise", "return"], **options: Any) -> EncodeCall: ...

    @abstractmethod
    def _check_stream_options(
        self, *, on_error: Literal["raise", "return"], precision: Precision, **options: Any
    ) -> CallOptions: ...

    @abstractmethod
    def _check_process(self) -> None: ...

    @abstractmethod
    def _in_use(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _plan(self, call: EncodeCall) -> Plan: ...

    @abstractmethod
    def _compute(self, plan: Plan) -> Embeddings: ...

    @overload
    async def encode_async(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> Floats: ...

    @overload
    async def encode_async(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> tuple[Floats, Errors]: ...

    @overload
    async def encode_async(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> Embeddings: ...

    @overload
    async def encode_async(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> tuple[Embeddings, Errors]: ...

    @hint_at_unknown_arguments(ENCODE_HINTS, _OPTIONS)
    async def encode_async(
        self,
        inputs: Inputs,
        *,
        on_error: Literal["raise", "return"] = "raise",
        **options: Any,
    ) -> Embeddings | tuple[Embeddings, Errors]:
        """Embed one input or a list of inputs, as `encode` does, while the event loop goes on.

        Parameters
        ----------
        inputs, on_error
            As in `encode`. A list and what it holds must not change until the call ends. A generator is read in the
            event loop, before anything is awaited.
        **options
            The others of `encode`. A `fetch` or an `on_progress` function runs in a thread, with the context variables
            of the task.

        Returns
        -------
        array, or array and errors
            As `encode`.

        Raises
        ------
        asyncio.CancelledError
            The task was cancelled. What it computes is stopped as by a `CancelToken`, soon after.
        TypeError, ValueError, JinaOmniError
            As in `encode`.
        """
        call = self._make_call(inputs, on_error=on_error, **options)
        with following(call.options.progress, call.items):
            return call.result(await self._run(call))

    @overload
    async def encode_query_async(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Floats: ...

    @overload
    async def encode_query_async(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Floats, Errors]: ...

    @overload
    async def encode_query_async(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Embeddings: ...

    @overload
    async def encode_query_async(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Embeddings, Errors]: ...

    @hint_at_unknown_options("encode_async")
    async def encode_query_async(self, inputs: Inputs, **options: Any) -> Embeddings | tuple[Embeddings, Errors]:
        """Embed inputs as queries: `encode_async` with ``prompt_name="query"``."""
        result: Embeddings | tuple[Embeddings, Errors] = await self.encode_async(inputs, prompt_name="query", **options)
        return result

    @overload
    async def encode_document_async(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Floats: ...

    @overload
    async def encode_document_async(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Floats, Errors]: ...

    @overload
    async def encode_document_async(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Embeddings: ...

    @overload
    async def encode_document_async(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Embeddings, Errors]: ...

    @hint_at_unknown_options("encode_async")
    async def encode_document_async(self, inputs: Inputs, **options: Any) -> Embeddings | tuple[Embeddings, Errors]:
        """Embed inputs as documents: `encode_async` with ``prompt_name="document"``."""
        result: Embeddings | tuple[Embeddings, Errors] = await self.encode_async(
            inputs, prompt_name="document", **options
        )
        return result

    @overload
    def encode_iter_async(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> AsyncIterator[Floats]: ...

    @overload
    def encode_iter_async(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> AsyncIterator[Floats | LocatedError]: ...

    @overload
    def encode_iter_async(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> AsyncIterator[Embeddings]: ...

    @overload
    def encode_iter_async(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> AsyncIterator[Embeddings | LocatedError]: ...

    @hint_at_unknown_arguments(ENCODE_HINTS, _PROMPTED_OPTIONS)
    def encode_iter_async(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        *,
        precision: Precision = "float32",
        on_error: Literal["raise", "return"] = "raise",
        **options: Any,
    ) -> AsyncIterator[Embeddings | LocatedError]:
        """Embed a stream of inputs lazily, as `encode_iter` does, while the event loop goes on.

        Parameters
        ----------
        inputs : iterable or asynchronous iterable of inputs
            Up to 256 are read ahead. An asynchronous one is read in the event loop, another one in a thread.
        precision, on_error
            As in `encode_iter`.
        **options
            The others of `encode_iter`.

        Yields
        ------
        array, shape (dim,)
            Or its error, with ``on_error="return"``.

        Raises
        ------
        TypeError, ValueError, JinaOmniError, asyncio.CancelledError
            As in `encode_async`; those of arguments at once.
        """
        checked = self._check_stream_options(on_error=on_error, precision=precision, **options)
        items = inputs if isinstance(inputs, AsyncIterable) else iterate_inputs(inputs)[0]
        return self._encode_stream(items, checked, raises=on_error == "raise")

    async def _encode_stream(
        self, inputs: Iterable[Input] | AsyncIterable[Input], options: CallOptions, *, raises: bool
    ) -> AsyncIterator[Embeddings | LocatedError]:
        first = 0
        with following(options.progress, inputs):
            async for window in self._read_windows(inputs, options.priority or "background"):
                call = make_window(window, first, options)
                for found in call.stream(await self._run(call), raises=raises):
                    yield found
                first += len(window)

    async def _read_windows(
        self, inputs: Iterable[Input] | AsyncIterable[Input], priority: Priority
    ) -> AsyncIterator[list[Input]]:
        if isinstance(inputs, AsyncIterable):
            window: list[Input] = []
            async for item in inputs:
                window.append(item)
                if len(window) == WINDOW:
                    yield window
                    window = []
            if window:
                yield window
        else:
            iterator = iter(inputs)
            while window := await self._threads.run(priority, lambda: list(itertools.islice(iterator, WINDOW))):
                yield window

    async def _run(self, call: EncodeCall) -> Embeddings:
        """Embed in threads; stop what runs there when the task is cancelled."""
        self._check_process()  # since a thread to pass it to may not be there
        token = CancelToken() if call.options.cancel is None else call.options.cancel.make_linked()
        call = replace(call, options=replace(call.options, cancel=token))
        planned_as = call.options.priority or guess_priority(call.items)
        try:
            result = await self._threads.run(planned_as, partial(self._plan_and_compute, call, planned_as))
            if isinstance(result, Plan):
                result = await self._threads.run(result.priority, partial(self._compute_plan, result))
        except asyncio.CancelledError:
            token.cancel()
            raise
        return result

    def _plan_and_compute(self, call: EncodeCall, planned_as: Priority) -> Plan | Embeddings:
        """Embed, or return the plan of a call whose priority is another than the one of this thread."""
        with self._in_use():
            plan = self._plan(call)
            return self._compute(plan) if plan.priority == planned_as else plan

    def _compute_plan(self, plan: Plan) -> Embeddings:
        with self._in_use():
            return self._compute(plan)
