"""Calls of both priorities that share a context or a model: each gets its own, whatever becomes of the others."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import jina_omni
from jina_omni.native import PRIORITIES, CancelToken, Context, Priority, TextModel, find_device
from jina_omni.native.models import Projector
from testing.checkpoints.writer import Checkpoint
from tests.native import small_pictures
from tests.soak import stress
from tests.soak.inputs import mixed

Floats = NDArray[np.float32]

PATIENCE = 300.0  # seconds, of a test that hangs

N_LONG = 6000  # tokens of each sequence of a call that is cancelled before it ends


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return small_pictures.write(tmp_path_factory.mktemp("small"), "small")


@pytest.fixture(scope="module")
def text(files: Checkpoint) -> TextModel:
    return TextModel(files.text, find_device("cpu"))


@pytest.fixture(scope="module")
def projector(files: Checkpoint) -> Projector:
    return Projector(files.combined, find_device("cpu"))


@pytest.fixture(params=[False, True], ids=["kernels", "portable"])
def portable(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def context(*, portable: bool) -> Iterator[Context]:
    made = Context(find_device("cpu"), 2, portable=portable)
    yield made
    made.close()


def run_threads(works: list[Callable[[], None]]) -> None:
    """Run each work in a thread; raise the first error."""
    errors: list[BaseException] = []

    def guard(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=guard, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a call hangs"
    if errors:
        raise errors[0]


def are_alike(found: Floats, expected: Floats) -> bool:
    """Return whether two results are the same but for the last bits: ggml's own products depend on all rows."""
    return np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()


class LongCall:
    """A call of the background that computes for longer than any test, until it is cancelled."""

    def __init__(self, context: Context, text: TextModel, priority: Priority = "background") -> None:
        self._token = CancelToken()
        self.was_cancelled = False
        n_sequences = 16
        tokens = np.arange(n_sequences * N_LONG, dtype=np.int32) % 300
        begun = threading.Event()

        def work() -> None:
            begun.set()
            lengths = np.full(n_sequences, N_LONG, np.int32)
            try:
                context.encode_sequences(text, tokens, lengths, priority=priority, cancel=self._token)
            except jina_omni.Cancelled:
                self.was_cancelled = True

        self._thread = threading.Thread(target=work)
        self._thread.start()
        begun.wait()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        self._token.cancel()
        self._thread.join(PATIENCE)


def test_an_interactive_call_ends_during_one_of_the_background(context: Context, text: TextModel) -> None:
    tokens, lengths = np.arange(15, dtype=np.int32), np.array([10, 5], np.int32)
    expected = context.encode_sequences(text, tokens, lengths)
    long = LongCall(context, text)
    found: list[Floats] = []
    run_threads([lambda: found.append(context.encode_sequences(text, tokens, lengths))] * 5)
    assert long.is_running()
    long.cancel()
    assert long.was_cancelled
    assert len(found) == 5
    assert all(are_alike(one, expected) for one in found)


def test_a_call_that_waits_is_cancelled_at_once_and_others_are_not(context: Context, text: TextModel) -> None:
    tokens, lengths = np.arange(15, dtype=np.int32), np.array([10, 5], np.int32)
    expected = context.encode_sequences(text, tokens, lengths)
    for priority in PRIORITIES:
        long = LongCall(context, text, priority)
        leaving = CancelToken()
        found: list[Floats] = []
        others = [
            threading.Thread(
                target=lambda: found.append(context.encode_sequences(text, tokens, lengths, priority=priority))  # noqa: B023
            )
            for _ in range(3)
        ]
        for thread in others:
            thread.start()

        def leave(priority: Priority = priority, leaving: CancelToken = leaving) -> None:
            with pytest.raises(jina_omni.Cancelled):
                context.encode_sequences(text, tokens, lengths, priority=priority, cancel=leaving)

        threading.Timer(0.1, leaving.cancel).start()
        run_threads([leave])
        assert long.is_running()
        long.cancel()
        for thread in others:
            thread.join(PATIENCE)
        assert len(found) == 3
        assert all(are_alike(one, expected) for one in found)


def test_a_call_that_fails_leaves_those_that_it_is_packed_with_alone(context: Context, text: TextModel) -> None:
    """Media embeddings that are no numbers make a result that is none."""
    tokens, lengths = np.array([1, -1, 2, 3], np.int32), np.array([4], np.int32)
    media = np.ones((1, text.n_embd), np.float32)
    expected = context.encode_sequences(text, tokens, lengths, media)
    long = LongCall(context, text)
    found: list[Floats] = []

    def call() -> None:
        found.append(context.encode_sequences(text, tokens, lengths, media, priority="background"))

    def fail() -> None:
        with pytest.raises(jina_omni.NativeError, match="not finite"):
            context.encode_sequences(text, tokens, lengths, media * np.nan, priority="background")

    timer = threading.Timer(0.3, long.cancel)  # when the others wait
    timer.start()
    run_threads([call, fail, call, fail, call])
    timer.join()
    assert len(found) == 3
    assert all(are_alike(one, expected) for one in found)


def test_calls_of_all_towers_at_random_get_their_own(
    context: Context, text: TextModel, projector: Projector, *, portable: bool
) -> None:
    """With the kernels, to the bit."""
    rng = random.Random(0)
    values = np.random.default_rng(0)
    merge, patch = projector.merge_size, projector.patch_size
    is_same = are_alike if portable else np.array_equal

    def make_call() -> Callable[[Priority, CancelToken], Floats]:
        kind, n = rng.choice(("text", "patches", "mel")), rng.randint(1, 3)
        if kind == "text":
            lengths = np.array([rng.randint(1, 300) for _ in range(n)], np.int32)
            tokens = values.integers(0, 300, lengths.sum(), np.int32)
            return lambda priority, token: context.encode_sequences(
                text, tokens, lengths, priority=priority, cancel=token
            )
        if kind == "patches":
            grids = np.array([[1, merge * rng.randint(1, 4), merge * rng.randint(1, 4)] for _ in range(n)], np.int32)
            pixels = values.standard_normal((int(grids.prod(axis=1).sum()), 6 * patch**2), np.float32)
            return lambda priority, token: context.encode_patches(
                projector, pixels, grids, priority=priority, cancel=token
            )
        clips = np.array([rng.randint(3, 200) for _ in range(n)], np.int32)
        frames = values.standard_normal((int(clips.sum()), projector.n_mel), np.float32)
        return lambda priority, token: context.encode_mel(projector, frames, clips, priority=priority, cancel=token)

    calls = [make_call() for _ in range(24)]
    expected = [call("interactive", CancelToken()) for call in calls]

    def work(number: int) -> None:
        own = random.Random(number)
        for _ in range(30):
            i, token = own.randrange(len(calls)), CancelToken()
            timer = threading.Timer(0.02 * own.random(), token.cancel) if own.random() < 0.3 else None
            if timer is not None:
                timer.start()
            try:
                assert is_same(calls[i](own.choice(("interactive", "background")), token), expected[i])
            except jina_omni.Cancelled:
                assert timer is not None
            if timer is not None:
                timer.join()

    run_threads([lambda number=number: work(number) for number in range(8)])


def test_a_context_is_closed_while_others_compute(text: TextModel, context: Context) -> None:
    """Calls that have begun end as if it were not; later ones are told."""
    tokens, lengths = np.arange(300, dtype=np.int32), np.array([100, 200], np.int32)
    expected = context.encode_sequences(text, tokens, lengths)
    n_found = [0] * 6

    def work(number: int) -> None:
        try:
            while True:
                found = context.encode_sequences(
                    text, tokens, lengths, priority=("interactive", "background")[number % 2]
                )
                assert are_alike(found, expected)
                n_found[number] += 1
        except jina_omni.ClosedError:
            pass

    def close() -> None:
        while sum(n_found) < 20:
            threading.Event().wait(0.01)
        context.close()

    run_threads([close, *(lambda number=number: work(number) for number in range(6))])


def test_an_idle_context_starts_no_thread_for_a_call(text: TextModel, context: Context) -> None:
    threads: list[set[int]] = []  # those of other tests may end meanwhile

    def work() -> None:
        threads.append({thread.id for thread in psutil.Process().threads()})
        for priority in PRIORITIES:
            context.encode_sequences(text, np.arange(5, dtype=np.int32), np.array([5], np.int32), priority=priority)
            threads.append({thread.id for thread in psutil.Process().threads()})

    run_threads([work])
    assert all(found <= threads[0] for found in threads)


def test_both_priorities_of_a_model_give_the_same_bits(files: Checkpoint) -> None:
    with jina_omni.Model(files.text, files.combined, n_threads=2) as model:
        for one in mixed(9, with_pages=False):
            by_default = model.encode(one)
            assert all(np.array_equal(model.encode(one, priority=priority), by_default) for priority in PRIORITIES)


def test_calls_cancels_closes_and_forks_at_random(files: Checkpoint) -> None:
    """A short run of ``python -m tests.soak.stress``."""
    random_life = stress.Stress(files, seed=0, with_pages=False)
    for _ in range(2):
        random_life.run(seconds=2)
    assert min(random_life.counts[what] for what in ("right", "cancelled", "refused", "reopened")) > 0
