# SPDX-License-Identifier: Apache-2.0
"""What the processor and the memory of this machine reach at most."""

from __future__ import annotations

import numpy as np

from jina_omni.arguments import check_choice, check_int
from jina_omni.native.boundary import call
from jina_omni.native.context import MAX_THREADS
from jina_omni.native.processors import instruction_sets, linear_products


def measure_multiply_adds(instruction_set: str, product: str, n_threads: int) -> float:
    """Measure how many multiply-adds of a product the processor does in a second, on registers alone.

    It takes about 0.1 s. Other work on the machine may make the result smaller.

    Parameters
    ----------
    instruction_set : str
        One of `instruction_sets`.
    product : str
        One of `linear_products`.
    n_threads : int
        1 to 512.

    Raises
    ------
    ValueError
        An argument is not one of those.
    """
    names = linear_products(instruction_set)
    check_choice("product", product, names)
    kernels = instruction_sets().index(instruction_set)
    return _measure("omni_measure_product", kernels, names.index(product), _check(n_threads))


def measure_memory_reads(n_threads: int) -> float:
    """Measure how many bytes the processor reads from memory in a second.

    It takes about 0.3 s, and 256 MiB of memory, or 32 MiB for each thread.

    Parameters
    ----------
    n_threads : int
        1 to 512.

    Raises
    ------
    NativeError
        There is not so much memory.
    """
    return _measure("omni_measure_memory", _check(n_threads))


def _check(n_threads: int) -> int:
    return check_int("n_threads", n_threads, 1, MAX_THREADS)


def _measure(function: str, *arguments: int) -> float:
    rate = np.zeros(1)
    call(function, *arguments, rate)
    return float(rate[0])
