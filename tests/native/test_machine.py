"""What the machine reaches, and what the linear layers of a context have computed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from jina_omni.native import (
    Context,
    TextModel,
    find_device,
    instruction_sets,
    linear_products,
    measure_memory_reads,
    measure_multiply_adds,
)
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint

CPU = find_device("cpu")
PRODUCTS = [(name, product) for name in instruction_sets() for product in linear_products(name)]


@pytest.mark.parametrize(("name", "product"), PRODUCTS)
def test_two_threads_multiply_no_less_than_half_of_what_one_does(name: str, product: str) -> None:
    one, two = (measure_multiply_adds(name, product, n) for n in (1, 2))
    assert 0 < one < math.inf
    assert one / 2 < two < math.inf


def test_two_threads_read_no_less_than_half_of_what_one_does() -> None:
    one, two = measure_memory_reads(1), measure_memory_reads(2)
    assert 0 < one < math.inf
    assert one / 2 < two < math.inf


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: measure_multiply_adds("mmx", "int8", 1), "instruction_set is 'mmx'; it is one of"),
        (lambda: measure_multiply_adds(instruction_sets()[0], "int4", 1), "product is 'int4'; it is one of"),
        (lambda: measure_multiply_adds(instruction_sets()[0], "float32", 0), "n_threads is 0; it takes"),
        (lambda: measure_memory_reads(513), "n_threads is 513; it takes"),
        (lambda: linear_products("mmx"), "instruction_set is 'mmx'; it is one of"),
    ],
)
def test_an_argument_out_of_range_is_named(measure: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_context_counts_the_work_of_its_linear_layers(small: Checkpoint, n_threads: int) -> None:
    text, shape = TextModel(small.text, CPU), TINY["small"].text
    context = Context(CPU, n_threads)
    assert (sum(context.count_multiply_adds().values()), context.count_weight_bytes()) == (0, 0)
    lengths = np.array([5, 2], np.int32)
    context.encode_sequences(text, np.arange(1, 8, dtype=np.int32), lengths)
    q, kv = shape.n_embd * shape.n_head * shape.head_dim, shape.n_embd * shape.n_head_kv * shape.head_dim
    keys, others = 2 * kv, 2 * q + 3 * shape.n_embd * shape.n_ff
    # in the last layer all tokens have keys and values, and the last of each sequence the rest
    expected = (shape.n_layer - 1) * 7 * (keys + others) + 7 * keys + 2 * others
    assert sum(context.count_multiply_adds().values()) == expected
    once = context.count_weight_bytes()
    assert once > 0
    context.encode_sequences(text, np.arange(1, 8, dtype=np.int32), lengths)
    assert context.count_weight_bytes() == 2 * once
    assert sum(context.count_multiply_adds().values()) == 2 * expected


def test_a_context_without_our_kernels_counts_nothing(small: Checkpoint) -> None:
    context = Context(CPU, 1, portable=True)
    context.encode_sequences(TextModel(small.text, CPU), np.array([1, 2], np.int32), np.array([2], np.int32))
    assert (sum(context.count_multiply_adds().values()), context.count_weight_bytes()) == (0, 0)
