# SPDX-License-Identifier: Apache-2.0
"""How far the decoding of a medium is, from the decoder that knows it to the call that waits for it.

It is a context variable, since between the two lie the functions of a kind of media, which need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["report_decoded", "reporting"]

_report: ContextVar[Callable[[float], None] | None] = ContextVar("jina_omni_report", default=None)


def report_decoded(fraction: float) -> None:
    """Report that this fraction of the medium, from 0 to 1, is decoded; does nothing where nobody asks."""
    report = _report.get()
    if report is not None:
        report(min(fraction, 1.0))


@contextmanager
def reporting(report: Callable[[float], None]) -> Iterator[None]:
    """Pass what `report_decoded` reports in this thread, while the block runs, to a function."""
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)
