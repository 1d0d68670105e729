"""What asyncio awaits of a model: the vectors of `encode`, any number of tasks, and nothing left running."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import multiprocessing
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

import jina_omni
from jina_omni import CancelToken, Image, Model
from jina_omni.asynchronous import CallThreads
from jina_omni.native import Priority
from jina_omni.preparing import InputPreparer
from testing.checkpoints.cases import image
from testing.checkpoints.writer import Checkpoint


@pytest.fixture(scope="module")
def model(small: Checkpoint) -> Iterator[Model]:
    """Give a model for texts and images."""
    with Model(small.text, small.vision, n_threads=2) as model:
        yield model


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold all inputs whose text starts with "hold" while they are prepared, until the event is set."""
    event = threading.Event()
    prepare = InputPreparer.prepare

    def wait_first(self: InputPreparer, value: Any, *args: Any, **kwargs: Any) -> Any:
        if str(value).startswith("hold"):
            event.wait(60)
        return prepare(self, value, *args, **kwargs)

    monkeypatch.setattr(InputPreparer, "prepare", wait_first)
    yield event
    event.set()


def background_texts() -> list[str]:
    """Return texts that are too long in all for an interactive call."""
    return [f"text number {i} " * 20 for i in range(20)]


# ---- what comes back ------------------------------------------------------------------------------------------------


def test_each_function_returns_what_its_namesake_returns(model: Model) -> None:
    inputs = ["a text", Image(image("wide", 700, 300)), ["a caption", Image(image("high", 50, 400))]]

    async def run() -> None:
        assert np.array_equal(await model.encode_async("one"), model.encode("one"))
        assert np.array_equal(await model.encode_async(inputs), model.encode(inputs))
        assert np.array_equal(await model.encode_async(background_texts()), model.encode(background_texts()))
        assert np.array_equal(
            await model.encode_query_async("q", truncate_dim=32), model.encode_query("q", truncate_dim=32)
        )
        assert np.array_equal(
            await model.encode_document_async(["d"], precision="binary"),
            model.encode_document(["d"], precision="binary"),
        )
        embeddings, errors = await model.encode_async(["a", "", "b"], on_error="return")
        expected, expected_errors = model.encode(["a", "", "b"], on_error="return")
        assert np.array_equal(embeddings, expected, equal_nan=True)
        assert [(i, str(e)) for i, e in errors.items()] == [(i, str(e)) for i, e in expected_errors.items()]

    asyncio.run(run())


@pytest.mark.parametrize("priority", ["interactive", "background"])
def test_a_priority_changes_no_vector(model: Model, priority: Priority) -> None:
    for inputs in ("one", background_texts()):
        found = asyncio.run(model.encode_async(inputs, priority=priority))
        assert np.array_equal(found, model.encode(inputs, priority=priority))
        assert np.array_equal(found, model.encode(inputs))


def test_a_stream_yields_in_order_from_every_kind_of_iterable(model: Model) -> None:
    texts = [f"text {i}" for i in range(300)]  # of two windows
    expected = model.encode(texts)

    async def give() -> AsyncIterator[str]:
        for text in texts:
            await asyncio.sleep(0)
            yield text

    async def run() -> None:
        for stream in (texts, iter(texts), give()):
            found = [embedding async for embedding in model.encode_iter_async(stream)]
            assert np.array_equal(found, expected)
        mixed = [*texts[:3], "", *texts[3:5]]
        found = [one async for one in model.encode_iter_async(mixed, on_error="return")]
        assert isinstance(found[3], jina_omni.InputError)
        assert found[3].index == 3
        with pytest.raises(jina_omni.InputError):
            assert [one async for one in model.encode_iter_async(mixed)]

    asyncio.run(run())


def test_a_stream_takes_the_request_of_another_system(model: Model) -> None:
    request: Any = {"input": ["a text", "another"], "model": "any"}

    async def run() -> list[Any]:
        return [embedding async for embedding in model.encode_iter_async(request)]

    assert np.array_equal(asyncio.run(run()), list(model.encode_iter(request)))
    assert np.array_equal(asyncio.run(model.encode_async(request)), model.encode(request))


def test_a_thousand_tasks_wait_without_a_thread_each(model: Model, held: threading.Event) -> None:
    async def run() -> None:
        blocking = [asyncio.create_task(model.encode_async(f"hold {i}")) for i in range(1000)]
        await asyncio.sleep(0.2)
        assert threading.active_count() < 120
        assert not any(task.done() for task in blocking)
        held.set()
        found = await asyncio.gather(*blocking)
        assert np.array_equal(found, model.encode([f"hold {i}" for i in range(1000)]))

    asyncio.run(run())


def test_the_event_loop_goes_on_while_inputs_are_prepared(model: Model, held: threading.Event) -> None:
    async def run() -> None:
        task = asyncio.create_task(model.encode_async("hold"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not task.done()
        held.set()
        await task

    asyncio.run(run())


def test_an_interactive_call_does_not_wait_for_background_calls(model: Model, held: threading.Event) -> None:
    async def run() -> None:
        tasks = [asyncio.create_task(model.encode_async(f"hold {i}", priority="background")) for i in range(50)]
        await asyncio.sleep(0.1)
        await asyncio.wait_for(model.encode_async("a query"), 60)
        assert not any(task.done() for task in tasks)
        held.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_several_loops_share_a_model(model: Model) -> None:
    expected = model.encode([f"text {i}" for i in range(8)])
    found: dict[int, Any] = {}

    async def run(number: int) -> None:
        found[number] = await asyncio.gather(*(model.encode_async(f"text {i}") for i in range(8)))

    threads = [threading.Thread(target=asyncio.run, args=(run(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(np.array_equal(found[number], expected) for number in range(4))


def test_uvloop_takes_its_place(model: Model) -> None:
    uvloop = pytest.importorskip("uvloop")
    found = uvloop.run(model.encode_async(["a", "b"]))
    assert np.array_equal(found, model.encode(["a", "b"]))


def test_a_function_that_fetches_sees_the_variables_of_the_task(model: Model) -> None:
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    def fetch(_url: str) -> bytes:
        seen.append(user.get())
        return b"no image"

    async def run() -> None:
        user.set("somebody")
        with pytest.raises(jina_omni.InputError):
            await model.encode_async({"image": "https://example.com/a.png"}, fetch=fetch)

    asyncio.run(run())
    assert seen == ["somebody"]


# ---- what is refused, cancelled and closed --------------------------------------------------------------------------


def test_wrong_arguments_are_named_with_the_way_out(model: Model) -> None:
    with pytest.raises(TypeError, match=r"encode_async\(\) has no argument 'batch_size'; inputs are batched by"):
        asyncio.run(model.encode_async("a", batch_size=3))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"encode_iter_async\(\) has no argument 'nonsense'; it takes inputs, "):
        model.encode_iter_async(["a"], nonsense=3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="priority is 'urgent'; it is one of interactive, background"):
        asyncio.run(model.encode_async("a", priority="urgent"))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="a stream does not know"):
        model.encode_iter_async(["a"], precision="int8")


@pytest.mark.parametrize("priority", ["interactive", "background"])
def test_a_cancelled_task_ends_at_once_and_stops_its_call(
    model: Model, held: threading.Event, monkeypatch: pytest.MonkeyPatch, priority: Priority
) -> None:
    ends: list[str] = []
    plan = Model._plan

    def observe(self: Model, call: Any) -> Any:
        try:
            return plan(self, call)
        except jina_omni.Cancelled:
            ends.append("cancelled")
            raise

    monkeypatch.setattr(Model, "_plan", observe)

    async def run() -> None:
        task = asyncio.create_task(model.encode_async(["hold", "a"], priority=priority))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.set()
        while not ends:  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert ends == ["cancelled"]


def test_a_token_of_the_caller_cancels_its_tasks_and_theirs_do_not_cancel_it(
    model: Model, held: threading.Event
) -> None:
    async def run() -> None:
        token = CancelToken()
        first, second = (asyncio.create_task(model.encode_async(["hold", "a"], cancel=token)) for _ in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        assert not token.cancelled
        token.cancel()
        held.set()
        with pytest.raises(jina_omni.Cancelled):
            await second
        with pytest.raises(jina_omni.Cancelled):
            await model.encode_async("a", cancel=token)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_token_forgets_the_calls_that_ended(model: Model) -> None:
    token = CancelToken()

    async def run() -> None:
        await asyncio.gather(*(model.encode_async(f"text {i}", cancel=token) for i in range(20)))

    asyncio.run(run())
    end = time.monotonic() + 60
    while token._linked and time.monotonic() < end:
        time.sleep(0.01)  # a result is there before the thread of its call has left the call
        gc.collect()
    assert token._linked == []


def test_a_stream_that_is_left_stops(model: Model) -> None:
    read: list[int] = []

    def give() -> Iterator[str]:
        for i in range(100_000):
            read.append(i)
            yield f"text {i}"

    async def run() -> None:
        stream = model.encode_iter_async(give())
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())
    assert len(read) == 256


def test_close_lets_running_calls_end_and_fails_the_others(small: Checkpoint, held: threading.Event) -> None:
    async def run() -> None:
        model = Model(small.text, n_threads=1)
        tasks = [asyncio.create_task(model.encode_async(f"hold {i}")) for i in range(100)]
        await asyncio.sleep(0.2)
        closing = asyncio.create_task(asyncio.to_thread(model.close))
        await asyncio.sleep(0.1)
        held.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await closing
        kinds = {type(end) for end in ends}
        assert kinds == {np.ndarray, jina_omni.ClosedError}
        with pytest.raises(jina_omni.ClosedError):
            await model.encode_async("a")

    asyncio.run(asyncio.wait_for(run(), 60))


def _encode_in_a_child(model: Model, sender: Any) -> None:
    try:
        asyncio.run(model.encode_async("a"))
    except jina_omni.NativeError as error:
        sender.send(str(error))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system can't fork")
def test_a_forked_child_gets_an_error_that_says_so(model: Model) -> None:
    asyncio.run(model.encode_async("a"))  # its threads have started, and the child lacks them
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_encode_in_a_child, args=(model, sender))
    child.start()
    assert receiver.poll(60)
    assert "made before a fork" in receiver.recv()
    child.join(60)


def test_threads_start_when_they_are_needed() -> None:
    before = set(threading.enumerate())  # of which those of other tests may end meanwhile
    threads = CallThreads()
    assert set(threading.enumerate()) <= before
    assert asyncio.run(threads.run("background", lambda: 5)) == 5
    assert len(set(threading.enumerate()) - before) == 1
    threads.close()
    with pytest.raises(jina_omni.ClosedError):
        asyncio.run(threads.run("background", lambda: 5))
