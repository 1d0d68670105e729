# SPDX-License-Identifier: Apache-2.0
"""Spreading the work of one call over several threads, one for each device."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from jina_omni.errors import as_thread_error
from jina_omni.native import CancelToken

__all__ = ["spread"]

Portion = TypeVar("Portion")
Result = TypeVar("Result")

_INTERRUPT_POLL = 0.05  # seconds; Windows sees Ctrl-C only between two waits


@dataclass(frozen=True)
class _End:
    """A thread has ended, with an error or without."""

    error: BaseException | None


def spread(
    portions: Iterable[Portion],
    compute: Callable[[Portion], Iterator[Result]],
    n_threads: int,
    stop: CancelToken,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[Result, None, None]:
    """Compute portions of work in threads, each the next one when it has ended one, and yield the results as they come.

    The first error of a thread is raised. It, like closing the generator, cancels `stop` and waits for all threads.

    Parameters
    ----------
    portions : iterable
    compute : callable
        Yields the results of a portion; called in a thread.
    n_threads : int
    stop : CancelToken
        That `compute` looks at.
    meanwhile : callable, optional
        Is called again and again, in the thread of the caller, while no result has come.
    """
    waiting: queue.SimpleQueue[Portion | None] = queue.SimpleQueue()
    for portion in (*portions, *[None] * n_threads):  # a None ends a thread
        waiting.put(portion)
    found: queue.SimpleQueue[Result | _End] = queue.SimpleQueue()
    threads: list[threading.Thread] = []
    try:
        for _ in range(n_threads):
            thread = threading.Thread(
                target=_run, args=(waiting, compute, stop, found), name="jina_omni_device", daemon=True
            )
            with as_thread_error():
                thread.start()
            threads.append(thread)
        yield from _receive(found, n_threads, meanwhile)
    finally:
        stop.cancel()
        for thread in threads:
            thread.join()


def _run(
    waiting: queue.SimpleQueue[Portion | None],
    compute: Callable[[Portion], Iterator[Result]],
    stop: CancelToken,
    found: queue.SimpleQueue[Result | _End],
) -> None:
    try:
        for portion in iter(waiting.get, None):
            stop.check()
            for result in compute(portion):
                found.put(result)
    except BaseException as error:  # noqa: BLE001 - for the thread that waits
        found.put(_End(error))
    else:
        found.put(_End(None))


def _receive(
    found: queue.SimpleQueue[Result | _End], n_running: int, meanwhile: Callable[[], None] | None
) -> Iterator[Result]:
    while n_running:
        try:
            result = found.get(timeout=_INTERRUPT_POLL)
        except queue.Empty:
            if meanwhile is not None:
                meanwhile()
            continue
        if not isinstance(result, _End):
            yield result
        elif result.error is not None:
            raise result.error
        else:
            n_running -= 1
