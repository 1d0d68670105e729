# SPDX-License-Identifier: Apache-2.0
"""Replicas: the towers of a model on each of its devices, and which of them has the least to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from jina_omni.loading import ModelFiles
from jina_omni.native import Context

__all__ = ["Replica", "Replicas"]


@dataclass(eq=False)
class Replica:
    """The towers of a model on one device.

    Attributes
    ----------
    files : ModelFiles
        Loaded for the device.
    context : Context
        Of the device.
    n_tokens : int
        Of what it computes now, and of what waits for it.
    """

    files: ModelFiles
    context: Context
    n_tokens: int = 0


class Replicas:
    """The replicas of a model, which share its work.

    Parameters
    ----------
    replicas : sequence of Replica
        One at least.
    """

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = tuple(replicas)
        self._lock = threading.Lock()  # of their n_tokens

    def __len__(self) -> int:
        return len(self._replicas)

    def __iter__(self) -> Iterator[Replica]:
        return iter(self._replicas)

    @property
    def first(self) -> Replica:
        """The one whose files prepare the inputs for all."""
        return self._replicas[0]

    @contextmanager
    def take(self, n_tokens: int) -> Iterator[Replica]:
        """Lend the replica with the fewest tokens to compute, the first of several such, for `n_tokens` more."""
        with self._lock:
            replica = min(self._replicas, key=lambda one: one.n_tokens)
            replica.n_tokens += n_tokens
        try:
            yield replica
        finally:
            with self._lock:
                replica.n_tokens -= n_tokens

    def close(self) -> None:
        """Release all devices and files."""
        for replica in self._replicas:
            replica.context.close()
            replica.files.close()
