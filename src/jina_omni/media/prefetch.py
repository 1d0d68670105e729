# SPDX-License-Identifier: Apache-2.0
"""Decoding media on a few threads while the towers compute, in order and in bounded memory."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from jina_omni.errors import as_thread_error
from jina_omni.media.limits import MAX_DECODER_THREADS, MAX_TOKENS_AHEAD
from jina_omni.media.medium import DecodedMedium, Medium
from jina_omni.media.reports import reporting
from jina_omni.native import Priority, usable_cpus

__all__ = ["decode_ahead"]


_BACKGROUND_NICENESS = 10


def decode_ahead(
    media: Sequence[Medium], priority: Priority, report: Callable[[Medium, float], None] | None = None
) -> Generator[Future[DecodedMedium], None, None]:
    """Yield the future of each decoded medium, in order, while the next ones are being decoded.

    When the generator is closed, media that are not being decoded yet are dropped, and the others are stopped. On
    Linux, media of the background are decoded with a low priority of the system.

    Parameters
    ----------
    media : sequence of Medium
    priority : {"interactive", "background"}
    report : callable, optional
        Is called in the threads with a medium and the fraction of it that is decoded.
    """
    if not media:
        return
    pool = ThreadPoolExecutor(
        min(MAX_DECODER_THREADS, usable_cpus(), len(media)),
        thread_name_prefix="jina_omni_media",
        initializer=_let_others_go_first if priority == "background" else None,
    )
    stop = threading.Event()
    pending: deque[tuple[Future[DecodedMedium], int]] = deque()
    n_tokens = 0
    try:
        for medium in media:
            size = len(medium.layout)
            while pending and n_tokens + size > MAX_TOKENS_AHEAD:
                future, freed = pending.popleft()
                n_tokens -= freed
                yield future
            with as_thread_error():
                pending.append((pool.submit(_decode, medium, stop, report), size))
            n_tokens += size
        while pending:
            yield pending.popleft()[0]
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _decode(medium: Medium, stop: threading.Event, report: Callable[[Medium, float], None] | None) -> DecodedMedium:
    if report is None:
        return medium.decode(stop)
    with reporting(functools.partial(report, medium)):
        decoded = medium.decode(stop)
    report(medium, 1.0)
    return decoded


def _let_others_go_first() -> None:
    if sys.platform == "linux":  # elsewhere it would be the whole process
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)
