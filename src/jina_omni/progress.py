# SPDX-License-Identifier: Apache-2.0
"""How far a call is: counted by work, shown on stderr, and passed to a function of the caller."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.errors import LocatedError
from jina_omni.media.medium import Medium
from jina_omni.preparing import PreparedInput

__all__ = ["Display", "OnProgress", "Progress", "ProgressTracker", "following", "open_display"]

_SECONDS_PER_UPDATE = 0.1  # tqdm's own mininterval
_SECONDS_PER_LINE = 5.0

_WRITE_ERRORS = (OSError, ValueError)  # ValueError is that of a closed stream


@dataclass(frozen=True)
class Progress:
    """How far a call or a stream is; printed, it is a line.

    Attributes
    ----------
    inputs : int
        Whose embedding is computed, or that failed.
    total : int or None
        The number of inputs; None for a stream whose length is not known.
    tokens : int
        Of these inputs, media tokens included.
    seconds : float
        Of sounds and videos, as far as they are decoded.
    pages : int
        Of PDFs that are drawn.
    fraction : float or None
        Of the work that is done, from 0 to 1; None for a stream whose length is not known. Work is counted in tokens,
        those of media twice: while a medium is decoded, and when its embedding is computed. The inputs of a stream that
        are not read yet count as one of `total` each.
    elapsed : float
        Seconds since the call began.
    """

    inputs: int
    total: int | None
    tokens: int
    seconds: float
    pages: int
    fraction: float | None
    elapsed: float

    @property
    def rate(self) -> float:
        """Tokens per second, since the call began."""
        return self.tokens / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that are left if all goes on as until now; None while nothing is known about it."""
        return self.elapsed * (1 - self.fraction) / self.fraction if self.fraction else None

    @hint_at_unknown_arguments({})
    def describe(self, unit: str) -> str:
        """Return the line, with another word for inputs, such as ``"files"``."""
        parts = [f"{self.inputs:,}{'' if self.total is None else f' of {self.total:,}'} {unit}"]
        parts.append(_format_time(self.elapsed))
        if self.remaining is not None and self.inputs != self.total:
            parts.append(f"about {_format_time(self.remaining)} left")
        parts.append(f"{self.rate:,.0f} tokens/s")
        if self.seconds:
            parts.append(f"{_format_time(self.seconds)} of media")
        if self.pages:
            parts.append(f"{self.pages:,} page{'s' * (self.pages > 1)}")
        return ", ".join(parts)

    def __str__(self) -> str:
        return self.describe("inputs")


OnProgress = Callable[[Progress], None]
"""What a caller passes to follow a call."""


class Display(Protocol):
    """Where progress is shown."""

    def show(self, progress: Progress) -> None:
        """Show it, unless the last was shown a moment ago."""

    def close(self, progress: Progress | None = None) -> None:
        """Show the end, and end the display."""


def open_display(unit: str = "inputs") -> Display | None:
    """Return a bar on stderr in a terminal or a notebook, else lines; None without a stderr, as in a service."""
    if sys.stderr is None or getattr(sys.stderr, "closed", False):
        return None
    import tqdm.asyncio
    import tqdm.auto  # takes a tenth of a second, as it finds out whether this is a notebook

    is_notebook = tqdm.auto.tqdm is not tqdm.asyncio.tqdm
    is_terminal = getattr(sys.stderr, "isatty", bool)  # what a program puts in its place may only be written to
    with suppress(*_WRITE_ERRORS):
        return _Guarded(_Bar(tqdm.auto.tqdm, unit) if is_notebook or is_terminal() else _Lines(unit))
    return None


class _Guarded:
    """A display that ends when its stream can't be written to any more, while the call goes on.

    A terminal may be closed during a call, and a disk become full.
    """

    def __init__(self, display: Display) -> None:
        self._display: Display | None = display

    def show(self, progress: Progress) -> None:
        self._try(lambda display: display.show(progress))

    def close(self, progress: Progress | None = None) -> None:
        self._try(lambda display: display.close(progress))

    def _try(self, use: Callable[[Display], None]) -> None:
        if self._display is not None:
            try:
                use(self._display)
            except _WRITE_ERRORS:
                broken, self._display = self._display, None
                with suppress(*_WRITE_ERRORS):
                    broken.close()  # else tqdm leaves a line for it above the next bar


class _Bar:
    """A bar of tqdm, whose text is that of the progress: tqdm knows one count, and its rate, only."""

    _STEPS = 1000

    def __init__(self, make: Any, unit: str) -> None:
        self._unit = unit
        self._bar = make(total=self._STEPS, bar_format="{percentage:3.0f}%|{bar}| {desc}", dynamic_ncols=True)

    def show(self, progress: Progress) -> None:
        if progress.fraction is None:
            self._bar.bar_format = "{desc}"
        self._bar.set_description_str(progress.describe(self._unit), refresh=False)
        self._bar.n = round(self._STEPS * (progress.fraction or 0))
        self._bar.refresh()

    def close(self, progress: Progress | None = None) -> None:
        if progress is not None:
            self.show(progress)
        self._bar.close()


class _Lines:
    """Lines for a log, every few seconds."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._next = time.monotonic() + _SECONDS_PER_LINE

    def show(self, progress: Progress) -> None:
        if time.monotonic() >= self._next:
            self._print(progress)

    def close(self, progress: Progress | None = None) -> None:
        if progress is not None:
            self._print(progress)

    def _print(self, progress: Progress) -> None:
        percent = "" if progress.fraction is None else f"{progress.fraction:.0%}: "
        line = f"{percent}{progress.describe(self._unit)}"
        print(line, file=sys.stderr, flush=hasattr(sys.stderr, "flush"))  # noqa: T201 - asked for
        self._next = time.monotonic() + _SECONDS_PER_LINE


class ProgressTracker:
    """Counts the work of a call, or of a stream window by window.

    The thread of the call shows the progress and calls the caller's function. Any thread may `report`, and may `close`:
    that of an event loop does, whose task is cancelled while the call goes on to its end.

    Parameters
    ----------
    show : bool
        On stderr, from the first inputs on.
    on_progress : callable or None

    Attributes
    ----------
    total : int or None
        See `Progress`.
    """

    def __init__(self, on_progress: OnProgress | None, *, show: bool) -> None:
        self.total: int | None = None
        self._show = show
        self._display: Display | None = None
        self._on_progress = on_progress
        self._closed = False
        self._lock = threading.Lock()  # of the display
        self._begin = time.monotonic()
        self._next = self._begin
        self._n_before = 0  # inputs of the windows before this one
        self._items: Sequence[PreparedInput | LocatedError] = ()
        self._finished: set[int] = set()
        self._work = self._total_work = 0.0
        self._tokens = self._pages = 0
        self._seconds = 0.0
        self._decoding: dict[Medium, float] = {}

    def begin(self, items: Sequence[PreparedInput | LocatedError]) -> None:
        """Begin with the next inputs."""
        with self._lock:
            if self._show and self._display is None and not self._closed:
                self._display = open_display()
        self._n_before += len(self._items)
        self._items = items
        self._work, self._total_work = 0.0, float(sum(map(_count_work, items)))
        self._decoding = {}
        self._finished = {i for i, item in enumerate(items) if isinstance(item, LocatedError)}
        self.update(at_once=True)

    def report(self, medium: Medium, fraction: float) -> None:
        """Record how far the decoding of a medium is; from any thread."""
        self._decoding[medium] = fraction

    def finish(self, positions: Sequence[int]) -> None:
        """Record that inputs of this window are computed, or have failed."""
        for position in positions:
            item = self._items[position]
            if position in self._finished or isinstance(item, LocatedError):
                continue
            self._finished.add(position)
            self._work += _count_work(item)
            self._tokens += len(item)
            self._seconds += sum(medium.seconds for medium in item.media)
            self._pages += sum(medium.n_pages for medium in item.media)
            for medium in item.media:
                self._decoding.pop(medium, None)
        self.update(at_once=len(self._finished) == len(self._items))

    def update(self, *, at_once: bool = False) -> None:
        """Show the progress and call the function, unless that was done a moment ago."""
        now = time.monotonic()
        if now < self._next and not at_once:
            return
        self._next = now + _SECONDS_PER_UPDATE
        progress = self._make_progress(now)
        with self._lock:
            if self._display is not None:
                self._display.show(progress)
        if self._on_progress is not None and not self._closed:
            self._on_progress(progress)

    def close(self) -> None:
        """End the display; what a cancelled call does afterwards is not followed."""
        with self._lock:
            self._closed = True
            if self._display is not None:
                self._display.close(self._make_progress(time.monotonic()))
                self._display = None

    def _make_progress(self, now: float) -> Progress:
        decoding = list(self._decoding.copy().items())  # threads add to it
        work = self._work + sum(fraction * len(medium.layout) for medium, fraction in decoding)
        n_inputs = self._n_before + len(self._finished)
        done = self._n_before + len(self._items) * (work / self._total_work if self._total_work else 1.0)
        is_end = n_inputs == self._n_before + len(self._items)
        fraction = None
        if self.total is not None:
            fraction = min((n_inputs if is_end else done) / self.total, 1.0) if self.total else 1.0
        return Progress(
            n_inputs,
            self.total,
            self._tokens,
            self._seconds + sum(fraction * medium.seconds for medium, fraction in decoding),
            self._pages + sum(medium.n_pages for medium, fraction in decoding if fraction == 1),
            fraction,
            now - self._begin,
        )


@contextmanager
def following(progress: ProgressTracker | None, inputs: object) -> Iterator[None]:
    """Follow a call or a stream of these inputs in the block, if anybody wants to."""
    if progress is None:
        yield
        return
    progress.total = len(inputs) if isinstance(inputs, Sized) else None
    try:
        yield
    finally:
        progress.close()


def _count_work(item: PreparedInput | LocatedError) -> int:
    """Return the tokens of an input, those of media twice."""
    return 0 if isinstance(item, LocatedError) else len(item) + sum(len(medium.layout) for medium in item.media)


def _format_time(seconds: float) -> str:
    """Return seconds as 0:07, 1:02:03 and so on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
