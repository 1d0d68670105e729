# SPDX-License-Identifier: Apache-2.0
"""The progress of a command over all its files, which it embeds chunk by chunk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from jina_omni.progress import Progress, open_display

__all__ = ["CommandProgress"]


class CommandProgress:
    """Shows on stderr how far a command is: a bar in a terminal, otherwise a line every few seconds.

    Parameters
    ----------
    total : int
        The number of files.
    unit : str
        Such as ``"files"``.
    """

    def __init__(self, total: int, unit: str) -> None:
        self._total = total
        self._display = open_display(unit) if total else None
        self._begin = time.monotonic()
        self._n_done = self._n_chunk = 0
        self._tokens = self._pages = 0
        self._seconds = 0.0
        self._last: Progress | None = None

    @contextmanager
    def chunk(self, n_items: int) -> Iterator[None]:
        """Count so many files as done after the block, in which `update` is called with the progress of their call."""
        self._n_chunk, self._last = n_items, None
        yield
        self._n_done += n_items
        if self._last is not None:
            self._tokens += self._last.tokens
            self._pages += self._last.pages
            self._seconds += self._last.seconds
        self._n_chunk, self._last = 0, None
        self._show(0.0)

    def update(self, progress: Progress) -> None:
        """Show the progress of a call for the files of a chunk."""
        self._last = progress
        self._show(progress.fraction or 0.0)

    def close(self) -> None:
        """End the display."""
        if self._display is not None:
            self._display.close()

    def _show(self, fraction: float) -> None:
        if self._display is None:
            return
        last = self._last
        self._display.show(
            Progress(
                inputs=self._n_done,
                total=self._total,
                tokens=self._tokens + (last.tokens if last else 0),
                seconds=self._seconds + (last.seconds if last else 0),
                pages=self._pages + (last.pages if last else 0),
                fraction=(self._n_done + self._n_chunk * fraction) / self._total,
                elapsed=time.monotonic() - self._begin,
            )
        )
