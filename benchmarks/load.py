"""Requests that come by themselves or one after the other, and how long each takes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

# More than wait at the same time where the load is below the capacity; each holds one connection to a server.
_MOST_CALLERS = 64


@dataclass(frozen=True)
class Load:
    """Requests, of which number `i` is always the same.

    Attributes
    ----------
    n : int
    n_callers : int
        Callers that each wait for a request before they make the next (a closed loop).
    pause : float
        Seconds that a caller waits between two.
    rate : float or None
        Requests a second that come at random, whether those before have ended or not (an open loop, Poisson); at most
        64 are made at the same time.
    """

    n: int
    n_callers: int = 1
    pause: float = 0.0
    rate: float | None = None


@dataclass(frozen=True)
class Served:
    """What became of a load.

    Attributes
    ----------
    seconds : float
        From the first request to the end of the last.
    latencies : list of float
        Seconds of each request, in an open loop from when it came.
    """

    seconds: float
    latencies: list[float]

    def percentile(self, p: float) -> float:
        """Return a percentile of the latencies: with few of them, p99 is the worst."""
        return float(np.percentile(self.latencies, p, method="higher"))


def serve(load: Load, send: Callable[[int], Any]) -> Served:
    """Make the requests of a load.

    Parameters
    ----------
    load
        When they come.
    send
        Makes the request of a number and waits for its end; called from many threads.
    """
    arrivals = _draw_arrivals(load)
    numbers = iter(range(load.n))
    lock = threading.Lock()
    latencies = [0.0] * load.n
    start = time.perf_counter()

    def call() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            came = time.perf_counter() if arrivals is None else start + arrivals[number]
            time.sleep(max(0.0, came - time.perf_counter()))
            send(number)
            latencies[number] = time.perf_counter() - came
            time.sleep(load.pause)

    n_callers = load.n_callers if arrivals is None else _MOST_CALLERS
    with ThreadPoolExecutor(n_callers) as pool:
        for caller in [pool.submit(call) for _ in range(n_callers)]:
            caller.result()
    return Served(time.perf_counter() - start, latencies)


def _draw_arrivals(load: Load) -> list[float] | None:
    if load.rate is None:
        return None
    generator = random.Random(0)  # the same arrivals for every side
    gaps = [generator.expovariate(load.rate) for _ in range(load.n)]
    return np.cumsum(gaps).tolist()
