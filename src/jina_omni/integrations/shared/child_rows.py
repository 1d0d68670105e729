# SPDX-License-Identifier: Apache-2.0
"""Embedding rows in a child process: a row with which it ends costs that row, and not the batch."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from jina_omni.errors import NativeError
from jina_omni.integrations.shared.rows import Rows

__all__ = ["ChildRows"]


class ChildRows:
    """Embeds rows in a child process, which is started again when it ends.

    Parameters
    ----------
    make : bytes
        The pickle of a function that opens a model, and returns the function that embeds a list of rows.
    """

    def __init__(self, make: bytes) -> None:
        self._make = make
        self._start()

    def __call__(self, rows: Sequence[Any]) -> Rows:
        """Embed rows; of one with which the child ends, the error says so.

        Raises
        ------
        NativeError
            The child ends without any row.
        """
        found = self._try(rows)
        if found is not None:
            return found
        self._start()
        if len(rows) > 1:  # which of them it is, halves show
            halves = [self(rows[: len(rows) // 2]), self(rows[len(rows) // 2 :])]
            return {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
        message = f"{NativeError.__name__}: the process ended while it embedded this input, as it does without memory"
        dim = self._empty["embedding"].shape[1]
        return {"embedding": np.full((1, dim), np.nan, np.float32), "error": np.array([message], object)}

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a model does not survive a fork
        self._connection, other = context.Pipe()
        context.Process(target=_serve, args=(other, self._make), daemon=True).start()
        other.close()  # the child alone has it now, so that its end is the end of the connection
        empty = self._try([])
        if empty is None:
            raise NativeError("the process that embeds rows ended while it opened the model; its output says more")
        self._empty = empty

    def _try(self, rows: Sequence[Any]) -> Rows | None:
        """Return what the child makes of rows, None if it ends."""
        try:
            self._connection.send(rows)
            found: Rows | Exception = self._connection.recv()
        except (EOFError, ConnectionError):
            self._connection.close()
            return None
        if isinstance(found, Exception):
            raise found
        return found


def _serve(connection: Connection, make: bytes) -> None:
    """Embed the rows that come, until the parent ends or closes the connection."""
    embed = pickle.loads(make)()  # noqa: S301 - written by the parent
    while True:
        try:
            rows = connection.recv()
        except EOFError:
            return
        try:
            connection.send(embed(rows))
        except Exception as error:  # noqa: BLE001 - the parent raises it
            connection.send(error)
