# SPDX-License-Identifier: Apache-2.0
"""Reading media on a few threads while the towers run, in order and in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from jina_omni.media.medium import Medium, Reading
from jina_omni.native import usable_cpus

__all__ = ["read_ahead"]

_THREADS = 4  # more would not be faster than the towers, and each holds a decoded medium
_ROWS_AHEAD = 4096  # of the towers: 100 MB of patches


def read_ahead(media: Sequence[Medium]) -> Generator[Future[Reading], None, None]:
    """Yield the reading of each medium, in order, while those behind it are under way.

    When the generator is closed, those that have not begun are dropped, and those that have are told to stop.
    """
    if not media:
        return
    pool = ThreadPoolExecutor(min(_THREADS, usable_cpus(), len(media)), thread_name_prefix="jina_omni_media")
    stop = threading.Event()
    under_way: deque[tuple[Future[Reading], int]] = deque()
    n_rows = 0
    try:
        for medium in media:
            size = sum(medium.extent.runs)
            while under_way and n_rows + size > _ROWS_AHEAD:
                future, freed = under_way.popleft()
                n_rows -= freed
                yield future
            under_way.append((pool.submit(medium.read, stop), size))
            n_rows += size
        while under_way:
            yield under_way.popleft()[0]
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
