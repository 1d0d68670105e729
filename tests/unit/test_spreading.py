# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from jina_omni import Cancelled, CancelToken
from jina_omni.spreading import spread


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "jina_omni_device"]


def test_each_share_is_computed_once_and_all_its_results_come() -> None:
    found = spread(range(40), lambda n: iter(range(n)), 3, CancelToken())
    assert sorted(found) == sorted(i for n in range(40) for i in range(n))
    assert threads() == []


def test_the_threads_compute_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)

    def compute(portion: int) -> Iterator[int]:
        both.wait()
        yield portion

    assert sorted(spread([0, 1], compute, 2, CancelToken())) == [0, 1]


def test_the_first_error_is_raised_and_stops_the_others() -> None:
    stop = CancelToken()
    begun: list[int] = []

    def compute(portion: int) -> Iterator[int]:
        begun.append(portion)
        if portion == 1:
            raise ValueError("of the second portion")
        while not stop.cancelled:
            threading.Event().wait(0.001)
        stop.check()
        yield portion

    with pytest.raises(ValueError, match="of the second portion"):
        list(spread(range(100), compute, 2, stop))
    assert sorted(begun) == [0, 1]  # no other portion has begun
    assert threads() == []


def test_what_is_cancelled_between_two_shares_is_an_error() -> None:
    stop = CancelToken()

    def compute(portion: int) -> Iterator[int]:
        yield portion
        stop.cancel()

    with pytest.raises(Cancelled):
        list(spread(range(100), compute, 2, stop))
    assert threads() == []


def test_closing_waits_for_the_threads() -> None:
    stop = CancelToken()
    ended: list[int] = []

    def compute(portion: int) -> Iterator[int]:
        yield portion
        while not stop.cancelled:
            threading.Event().wait(0.001)
        ended.append(portion)

    results = spread([0, 1], compute, 2, stop)
    next(results)
    results.close()
    assert sorted(ended) in ([0], [1], [0, 1])  # what had begun
    assert threads() == []


def test_a_refused_thread_ends_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, []

    def refuse_second(self: threading.Thread) -> None:
        started.append(self)
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse_second)
    with pytest.raises(Exception, match="the system refused a thread"):
        list(spread([0, 1], lambda portion: iter([portion]), 2, CancelToken()))
    assert threads() == []
