# SPDX-License-Identifier: Apache-2.0
"""Waiting for work of another thread, which a cancelled call leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from jina_omni.native import CancelToken

__all__ = ["run_beside", "wait_for"]

Result = TypeVar("Result")

_POLL = 0.02  # seconds between two checks of the cancel token, and for Ctrl-C


def wait_for(future: Future[Result], cancel: CancelToken | None, meanwhile: Callable[[], None] | None = None) -> Result:
    """Return the result of a future.

    Parameters
    ----------
    future : Future
    cancel : CancelToken or None
    meanwhile : callable, optional
        Is called again and again while the future is not done.

    Raises
    ------
    Cancelled
        The caller cancelled; the work goes on.
    """
    while True:
        if cancel is not None:
            cancel.check()
        if wait([future], timeout=_POLL).done:
            return future.result()
        if meanwhile is not None:
            meanwhile()


def run_beside(function: Callable[[threading.Event], Result], cancel: CancelToken | None) -> Result:
    """Call a function that may take long, and return its result; errors are those of `wait_for`.

    It runs in a thread of its own, since only a thread that waits can be cancelled, and for which nothing waits when
    Python ends. Where nothing could stop the call, it runs in this one.

    Parameters
    ----------
    function : callable
        Takes an event that is set when nobody waits for the result any more.
    cancel : CancelToken or None
    """
    abandoned = threading.Event()
    if cancel is None and threading.current_thread() is not threading.main_thread():
        return function(abandoned)
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(function(abandoned))
        except BaseException as error:  # noqa: BLE001 - for the thread that waits
            future.set_exception(error)

    threading.Thread(target=run, name="jina_omni_beside", daemon=True).start()
    try:
        return wait_for(future, cancel)
    finally:
        abandoned.set()
