"""The sides of the serving benchmark: many callers of one model, in process or over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.engines import LlamaSettings, TorchText
from benchmarks.load import Load, Served, serve
from benchmarks.server import LlamaServer

N_TOKENS = 15
"""Tokens of a query."""

N_QUERIES = 64
"""Different queries."""

# The bulk work beside a load computes when the load begins.
_HEAD_START_S = 0.5


def write_query(number: int) -> str:
    """Return a query of `N_TOKENS` tokens with the vocabulary of the benchmarks' files."""
    return f"how do I renew my passport abroad {10 + number % N_QUERIES}"


@dataclass(frozen=True)
class Work:
    """What a side does in one turn.

    Attributes
    ----------
    load : Load
        The queries.
    way : {"calls", "one call", "tasks"}
        A call for each query, in threads; one for all; or a task of asyncio for each.
    bulk : list of str or Path
        Inputs of one call in another thread, which is made again and again while the queries come.
    """

    load: Load
    way: Literal["calls", "one call", "tasks"] = "calls"
    bulk: Sequence[str | Path] = ()


@dataclass(frozen=True)
class Bulk:
    """One call, with a query after every `pause` seconds, or none."""

    inputs: Sequence[str | Path]
    pause: float | None = None


@dataclass(frozen=True)
class Done:
    """What became of it.

    Attributes
    ----------
    served : Served
        The queries.
    bulk : list of float
        Seconds of each whole bulk call.
    """

    served: Served
    bulk: list[float] = field(default_factory=list)


class OursCallers:
    """One `jina_omni.Model` for all callers. Each vector must have the bits that its input gives alone."""

    def __init__(self, n_threads: int, text: Path, projectors: Sequence[Path] = ()) -> None:
        import jina_omni

        self._model = jina_omni.Model(text, list(projectors), device="cpu", n_threads=n_threads)
        n_tokens = self._model.count_tokens(write_query(0), prompt_name="query")
        if n_tokens != N_TOKENS:
            raise AssertionError(f"a query has {n_tokens} tokens, expected {N_TOKENS}")
        self._expected = [self._model.encode_query(write_query(i)) for i in range(N_QUERIES)]
        self._expected_bulk: dict[tuple[str | Path, ...], Any] = {}

    def run(self, work: Work | Bulk) -> Done:
        """Do the work of a turn."""
        if isinstance(work, Bulk):
            return self._run_bulk(work)
        if work.way == "one call":
            start = time.perf_counter()
            self._check(range(work.load.n), self._model.encode_query([write_query(i) for i in range(work.load.n)]))
            seconds = time.perf_counter() - start
            return Done(Served(seconds, [seconds] * work.load.n))
        if work.way == "tasks":
            return Done(asyncio.run(self._run_tasks(work.load.n)))
        with self._embed_beside(work.bulk) as seconds:
            return Done(serve(work.load, self._send), seconds)

    def _send(self, number: int) -> None:
        self._check([number], [self._model.encode_query(write_query(number))])

    async def _run_tasks(self, n: int) -> Served:
        start = time.perf_counter()

        async def call(number: int) -> float:
            self._check([number], [await self._model.encode_query_async(write_query(number))])
            return time.perf_counter() - start

        latencies = await asyncio.gather(*map(call, range(n)))
        return Served(time.perf_counter() - start, latencies)

    @contextlib.contextmanager
    def _embed_beside(self, inputs: Sequence[str | Path]) -> Iterator[list[float]]:
        from jina_omni import Cancelled, CancelToken

        seconds: list[float] = []
        failures: list[BaseException] = []
        token = CancelToken()

        def embed() -> None:
            try:
                while True:
                    seconds.append(self._embed_bulk(inputs, token))
            except Cancelled:
                pass
            except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
                failures.append(error)

        if not inputs:
            yield seconds
            return
        if tuple(inputs) not in self._expected_bulk:
            self._embed_bulk(inputs)
        thread = threading.Thread(target=embed)
        thread.start()
        time.sleep(_HEAD_START_S)
        try:
            yield seconds
        finally:
            token.cancel()
            thread.join()
        if failures:
            raise failures[0]

    def _run_bulk(self, work: Bulk) -> Done:
        stop = threading.Event()
        latencies: list[float] = []

        def query() -> None:
            while not stop.wait(work.pause):
                start = time.perf_counter()
                self._send(len(latencies))
                latencies.append(time.perf_counter() - start)

        thread = threading.Thread(target=query)
        if work.pause is not None:
            thread.start()
        seconds = self._embed_bulk(work.inputs)
        stop.set()
        if work.pause is not None:
            thread.join()
        return Done(Served(seconds, latencies), [seconds])

    def _embed_bulk(self, inputs: Sequence[str | Path], cancel: Any = None) -> float:
        start = time.perf_counter()
        embeddings = self._model.encode(list(inputs), cancel=cancel)
        seconds = time.perf_counter() - start
        expected = self._expected_bulk.setdefault(tuple(inputs), embeddings)
        if not np.array_equal(embeddings, expected):
            raise AssertionError("bulk work has other bits than before")
        return seconds

    def _check(self, numbers: Sequence[int], embeddings: Any) -> None:
        for number, embedding in zip(numbers, embeddings, strict=True):
            if not np.array_equal(embedding, self._expected[number % N_QUERIES]):
                raise AssertionError(f"query {number} has other bits than alone")


class OursQuery:
    """Queries by one caller, and in turn with them the calls of the towers alone, for the same number of tokens."""

    def __init__(self, n_threads: int, text: Path) -> None:
        import jina_omni
        from jina_omni.native import Context, TextModel, find_device

        self._model = jina_omni.Model(text, device="cpu", n_threads=n_threads)
        device = find_device("cpu")
        self._text = TextModel(text, device)
        self._context = Context(device, n_threads)
        self._tokens = np.full(N_TOKENS, 100, np.int32)

    def run(self, n: int) -> tuple[float, float]:
        """Return the median seconds of a query, and of the towers alone."""
        queries, towers = [], []
        for number in range(n):
            start = time.perf_counter()
            self._model.encode_query(write_query(number))
            queries.append(time.perf_counter() - start)
            start = time.perf_counter()
            self._context.encode_sequences(self._text, self._tokens, np.array([N_TOKENS], np.int32))
            towers.append(time.perf_counter() - start)
        return statistics.median(queries), statistics.median(towers)


class _TokenCallers:
    """Another engine, which takes queries as token ids from many threads."""

    run_ids: Callable[[list[list[int]]], Any]

    def run(self, work: Work) -> Done:
        """Do the work of a turn: calls only."""
        ids = np.random.default_rng(0).integers(0, 100_000, (N_QUERIES, N_TOKENS)).tolist()
        return Done(serve(work.load, lambda number: self.run_ids([ids[number % N_QUERIES]])))


class ServerCallers(_TokenCallers):
    """llama.cpp's server, with a slot for each query of a decode and continuous batching, over open connections."""

    def __init__(self, n_threads: int, text: Path) -> None:
        self._server = LlamaServer(text, n_threads, LlamaSettings(), [N_TOKENS] * 32)
        self.pid = self._server.pid
        self.run_ids = self._server.run

    def close(self) -> None:
        """End the server."""
        self._server.close()


class TorchCallers(_TokenCallers):
    """transformers' module in float32, which computes for as many threads as call it."""

    def __init__(self, n_threads: int, text: Path) -> None:
        self.run_ids = TorchText(text, n_threads).run
