"""Many threads, many models, and processes that are made from one that has a model."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from testing.checkpoints.writer import Checkpoint
from tests.native import small_pictures
from tests.soak import soak, threads
from tests.soak.inputs import mixed, same


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return small_pictures.write(tmp_path_factory.mktemp("small"), "small")


def test_sixteen_threads_with_mixed_inputs_get_the_bits_of_one(files: Checkpoint) -> None:
    """For as long as one likes: ``python -m tests.soak.threads --minutes 10``."""
    with jina_omni.Model(files.text, files.combined, n_threads=2) as model:
        assert threads.run(model, seconds=3, with_pages=False) >= threads.N_THREADS


def test_closing_while_threads_encode_gives_each_a_vector_or_an_error(files: Checkpoint) -> None:
    for delay in (0.0, 0.01, 0.05, 0.2):
        model = jina_omni.Model(files.text, files.combined, n_threads=2)
        inputs = mixed(9, with_pages=False)
        expected = [model.encode(one) for one in inputs]
        ends: list[str] = []

        def work(
            model: jina_omni.Model = model, inputs: list = inputs, expected: list = expected, ends: list = ends
        ) -> None:
            try:
                while True:
                    assert same([model.encode(one) for one in inputs], expected)
            except jina_omni.ClosedError:
                ends.append("closed")

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        time.sleep(delay)
        closers = [threading.Thread(target=model.close) for _ in range(3)]
        for thread in closers:
            thread.start()
        for thread in (*closers, *workers):
            thread.join(60)
        assert ends == ["closed"] * 6


def test_many_models_are_loaded_used_and_dropped_in_parallel(files: Checkpoint) -> None:
    """Some are closed, some are left to the garbage collector."""
    with jina_omni.Model(files.text, files.vision, n_threads=1) as model:
        expected = model.encode("a text")

    def use(number: int) -> bool:
        model = jina_omni.Model(files.text, files.vision, n_threads=1 + number % 3)
        vector = model.encode("a text")
        if number % 2:
            model.close()
        del model
        return np.array_equal(vector, expected)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(48)))
    gc.collect()


def test_copies_are_models_of_their_own(files: Checkpoint) -> None:
    """By the constructor's arguments, as pickle does it: nothing native is shared."""
    model = jina_omni.Model(files.text, [files.vision, files.audio], n_threads=1, task="clustering")
    expected = model.encode("a text")
    copies = [copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    model.close()
    for other in copies:
        with other:
            assert np.array_equal(other.encode("a text"), expected)
    again = pickle.loads(pickle.dumps(model))  # also of one that is closed
    with again:
        assert again.info == model.info


def test_a_copy_of_a_model_whose_files_are_gone_is_an_error(files: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / files.text.name
    path.write_bytes(files.text.read_bytes())
    with jina_omni.Model(path, n_threads=1) as model:
        expected = model.encode("a text")
        path.unlink()
        with pytest.raises(jina_omni.ModelLoadError, match="there is no such file"):
            copy.deepcopy(model)
        assert np.array_equal(model.encode("a text"), expected)  # the open file is still its own


def test_a_relative_path_means_the_same_file_in_another_folder(
    files: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.text.parent)
    with jina_omni.Model(files.text.name, Path(files.vision.name), n_threads=1) as model:
        expected = model.encode("a text")
        sent = pickle.dumps(model)
        monkeypatch.chdir(tmp_path)
        with pickle.loads(sent) as other, copy.copy(model) as another:
            assert np.array_equal(other.encode("a text"), expected)
            assert another.info.modalities == other.info.modalities == ("text", "image", "video", "pdf")


def encode_in_worker(model: jina_omni.Model) -> list[float]:
    return model.encode("a text").tolist()


def test_a_spawned_worker_takes_the_model_as_an_argument(files: Checkpoint) -> None:
    with jina_omni.Model(files.text, n_threads=1) as model:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            found = pool.map(encode_in_worker, [model] * 3)
        assert found == [model.encode("a text").tolist()] * 3


def test_calls_and_loads_leave_nothing_behind(files: Checkpoint) -> None:
    """A short run of ``python -m tests.soak.soak``; its bound on memory is for long ones."""
    taken = list(soak.points(files, n_encodes=60, n_loads=10))
    assert (taken[-1].n_encodes, taken[-1].n_loads) == (60, 10)
    assert max(point.n_files for point in taken[50:]) <= max(point.n_files for point in taken[:50])
    assert taken[-1].resident - taken[50].resident < 30 << 20
