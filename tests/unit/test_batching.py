# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from jina_omni import batching
from jina_omni.batching import make_batches

lengths_of_inputs = st.lists(st.integers(1, 40_000), max_size=80)
budgets = st.integers(1, 20_000)


@given(lengths_of_inputs, budgets)
def test_every_input_runs_once(lengths: list[int], budget: int) -> None:
    batches = make_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)  # an empty batch would be a run for nothing


@given(lengths_of_inputs, budgets)
@example([8, 8], 16)
@example([9, 8], 16)
def test_a_batch_keeps_the_budget_unless_it_is_a_single_input(lengths: list[int], budget: int) -> None:
    for batch in make_batches(lengths, budget):
        assert len(batch) == 1 or sum(lengths[index] for index in batch) <= budget


@given(lengths_of_inputs, budgets)
def test_the_longest_run_first(lengths: list[int], budget: int) -> None:
    order = [lengths[index] for batch in make_batches(lengths, budget) for index in batch]
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


def test_the_examples_run() -> None:
    assert doctest.testmod(batching).failed == 0
