# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jina_omni import batching
from jina_omni.batching import make_batches, make_portions

lengths_of_inputs = st.lists(st.integers(1, 40_000), max_size=80)
budgets = st.integers(1, 20_000)
numbers_of_devices = st.integers(1, 9)


@given(lengths_of_inputs, budgets, numbers_of_devices)
def test_every_input_runs_once(lengths: list[int], budget: int, n_devices: int) -> None:
    batches = make_batches(lengths, budget, n_devices)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)  # an empty batch would be a run for nothing


@given(lengths_of_inputs, budgets, numbers_of_devices)
@example([8, 8], 16, 1)
@example([9, 8], 16, 1)
def test_a_batch_keeps_the_budget_unless_it_is_a_single_input(lengths: list[int], budget: int, n_devices: int) -> None:
    for batch in make_batches(lengths, budget, n_devices):
        assert len(batch) == 1 or sum(lengths[index] for index in batch) <= budget


@given(lengths_of_inputs, budgets, numbers_of_devices)
def test_the_longest_run_first(lengths: list[int], budget: int, n_devices: int) -> None:
    order = [lengths[index] for batch in make_batches(lengths, budget, n_devices) for index in batch]
    assert order == sorted(lengths, reverse=True)


@given(lengths_of_inputs, budgets)
def test_no_batch_has_room_for_the_first_of_the_next(lengths: list[int], budget: int) -> None:
    for batch, following in pairwise(make_batches(lengths, budget)):
        assert sum(lengths[index] for index in [*batch, following[0]]) > budget


def test_inputs_of_one_length_keep_their_order() -> None:
    assert make_batches([5, 7, 5, 7, 5], 100) == [[1, 3, 0, 2, 4]]


def test_a_full_budget_is_used() -> None:
    assert make_batches([4, 4, 4], 8) == [[0, 1], [2]]


def test_nothing_makes_no_batch() -> None:
    assert make_batches([], 100) == []


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=200), st.integers(2000, 20_000), st.integers(2, 9))
def test_each_device_gets_as_many_batches_of_about_equal_size(lengths: list[int], budget: int, n_devices: int) -> None:
    """As long as the budget holds, a batch is over an equal part by less than one input."""
    batches = [sum(lengths[i] for i in batch) for batch in make_batches(lengths, budget, n_devices)]
    if sum(lengths) < 1024:
        assert len(batches) == 1
    elif sum(lengths) / n_devices <= budget - 1500:
        n_batches = min(n_devices, sum(lengths) // 512)
        assert len(batches) <= n_batches
        assert max(batches) < sum(lengths) / n_batches + max(lengths) + 1


@pytest.mark.parametrize(
    ("n_inputs", "n_devices", "sizes"),
    [
        (2, 2, [1, 1]),
        (10, 2, [5, 5]),
        (64, 2, [32, 32]),  # which fill the budget
        (66, 2, [17, 17, 17, 15]),
        (80, 3, [27, 27, 26]),
        (3, 8, [1, 1, 1]),  # a batch has at least 512 tokens
    ],
)
def test_the_number_of_batches_is_a_multiple_of_that_of_devices(
    n_inputs: int, n_devices: int, sizes: list[int]
) -> None:
    assert [len(batch) for batch in make_batches([512] * n_inputs, 16_384, n_devices)] == sizes


@given(st.integers(0, 300), numbers_of_devices)
def test_portions_are_all_batches_in_order_and_get_smaller(n_batches: int, n_devices: int) -> None:
    batches = [[i] for i in range(n_batches)]
    portions = make_portions(batches, n_devices)
    assert [batch for portion in portions for batch in portion] == batches
    sizes = [len(portion) for portion in portions]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1:] in ([], [1])
    assert len(portions) >= min(n_devices, n_batches)


def test_the_examples_run() -> None:
    assert doctest.testmod(batching).failed == 0
