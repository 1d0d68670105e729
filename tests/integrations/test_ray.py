"""Ray Data on the smallest clusters there are: of this machine, with two or one processors."""

from __future__ import annotations

import gc
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jina_omni
from tests.integrations.packages import import_framework
from tests.integrations.samples import put_files, read_samples

ray = import_framework("ray")
import_framework("ray.data")

import pyarrow as pa
import pyarrow.parquet as pq

from jina_omni.integrations.ray import Embedder

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@contextmanager
def start_cluster(processors: int) -> Iterator[None]:
    source = str(Path(jina_omni.__file__).parents[1])
    ray.init(
        num_cpus=processors,
        num_gpus=1,  # Ray counts it without looking whether it is there
        object_store_memory=200 * 2**20,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": source}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        ray.shutdown()
        with warnings.catch_warnings():  # Ray leaves it to the garbage collection to find that its processes have ended
            warnings.simplefilter("ignore")
            gc.collect()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Start a cluster of three processors: two workers, and one for what reads and writes."""
    with start_cluster(3):
        yield


def note_worker(path: Path) -> None:
    """Note this worker at each batch; the first waits for another, which may still start while it could embed all."""
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    end = time.monotonic() + 60
    while len(set(path.read_text().split())) < 2 and time.monotonic() < end:
        time.sleep(0.01)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return the job of docs/cluster.md, with models of one thread and small batches."""
    put_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    sample = read_samples("cluster.md")["Ray"].replace("CORES, BATCH = 8, 256", "CORES, BATCH = 1, 16")
    return lambda: exec(compile(sample, "job", "exec", dont_inherit=True), {"__name__": "job"})


def write_shard(name: str, n_rows: int) -> list[str]:
    texts = [f"a text {i}" for i in range(n_rows - 1)] + [""]
    pq.write_table(pa.table({"id": list(range(n_rows)), "text": texts}), f"shards/{name}.parquet")
    return texts


def check_shard(name: str, texts: list[str]) -> None:
    rows = pq.read_table(f"vectors/{name}").sort_by("id").to_pylist()
    assert [row["id"] for row in rows] == list(range(len(texts)))
    with jina_omni.Model("text.gguf", device="cpu", n_threads=1) as model:
        expected = model.encode_document(texts[:-1], truncate_dim=64)
    np.testing.assert_array_equal([row["embedding"] for row in rows[:-1]], expected)
    assert [bool(row["error"]) for row in rows] == [False] * (len(texts) - 1) + [True]


# First, since a process has one cluster at a time, and the others share theirs.
@pytest.mark.parametrize("processors", [1, 2])
def test_the_job_of_the_docs_ends_on_the_smallest_clusters(
    tmp_path: Path, job: Callable[[], None], processors: int
) -> None:
    (tmp_path / "shards").mkdir()
    texts = write_shard("a", 40)
    with start_cluster(processors):
        job()
    check_shard("a", texts)


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_and_poisoned_rows_leave_each_row_exactly_once(
    open_model: partial[jina_omni.Model], model: jina_omni.Model, tmp_path: Path
) -> None:
    texts = [f"a text {i}" * (1 + i % 7) if i % 25 else "" for i in range(100)]  # each 25th can't be embedded

    class Mortal(Embedder):
        """Dies at its second batch, once of all workers."""

        n_batches = 0

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            self.n_batches += 1
            note_worker(tmp_path / "workers")
            if self.n_batches == 2 and not (tmp_path / "killed").exists():
                (tmp_path / "killed").write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(batch)

    def make_input(row: dict[str, Any]) -> str:
        if row["id"] == 33:
            raise KeyError("no such column")
        if row["id"] == 66:
            os.kill(os.getpid(), signal.SIGKILL)
        return row["text"]

    rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
    made = ray.data.from_items(rows, override_num_blocks=10).map_batches(
        Mortal,
        fn_constructor_args=(open_model, make_input),
        batch_size=10,
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=1,
    )
    found = sorted(made.take_all(), key=itemgetter("id"))

    workers = (tmp_path / "workers").read_text().split()
    assert (tmp_path / "killed").read_text() in workers
    assert len(set(workers)) >= 3  # two, and one in the place of the dead
    assert [row["id"] for row in found] == list(range(100))
    good = [i for i in range(100) if i % 25 and i not in (33, 66)]
    expected = model.encode_document([texts[i] for i in good])
    np.testing.assert_array_equal([found[i]["embedding"] for i in good], expected)
    assert [row["id"] for row in found if row["error"] is None] == good
    assert np.isnan([found[i]["embedding"] for i in (0, 33, 66)]).all()
    assert found[0]["error"].startswith("InputError: input is an empty text")
    assert found[33]["error"] == "KeyError: 'no such column'"
    assert found[66]["error"].startswith("NativeError: the process ended while it embedded this input")


@pytest.mark.usefixtures("cluster")
def test_a_function_makes_an_input_of_a_row(
    open_model: partial[jina_omni.Model], model: jina_omni.Model, pictures: list[Path]
) -> None:
    made = ray.data.read_binary_files([str(path) for path in pictures], include_paths=True).map_batches(
        Embedder,
        fn_constructor_args=(open_model, lambda row: [Path(row["path"]).stem, jina_omni.Image(row["bytes"])]),
        fn_constructor_kwargs={"truncate_dim": 32},
        compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=1,
    )
    found = {Path(row["path"]): row["embedding"] for row in made.take_all()}
    expected = model.encode_document([[path.stem, path] for path in pictures], truncate_dim=32)
    np.testing.assert_array_equal([found[path] for path in pictures], expected)


@pytest.mark.usefixtures("cluster")
def test_a_worker_has_as_many_threads_as_processors_and_no_accelerator_without_a_share_of_one(tmp_path: Path) -> None:
    def record_arguments(cpus: float, gpus: float) -> str:
        path = tmp_path / f"{cpus} {gpus}"

        @ray.remote(num_cpus=cpus, num_gpus=gpus)
        class Worker:
            def __init__(self) -> None:
                def open_model(**arguments: Any) -> None:
                    path.write_text(repr(sorted(arguments.items())))

                Embedder(open_model, "text")

            def ready(self) -> bool:
                return True

        worker = Worker.remote()
        ray.get(worker.ready.remote())
        ray.kill(worker)
        return path.read_text()

    assert record_arguments(2, 0) == "[('device', 'cpu'), ('n_threads', 2)]"
    assert record_arguments(0.5, 0) == "[('device', 'cpu'), ('n_threads', 1)]"
    assert record_arguments(1, 0.5) == "[('n_threads', 1)]"


@pytest.mark.usefixtures("cluster")
def test_the_job_of_the_docs_makes_the_shards_that_are_not_there(
    tmp_path: Path, job: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("shards", "vectors/made", "vectors/stopped.part"):
        (tmp_path / folder).mkdir(parents=True)
    write_shard("made", 40)
    texts = write_shard("stopped", 200)
    (tmp_path / "vectors/stopped.part/half.parquet").write_text("of a run that was killed")
    monkeypatch.setattr("jina_omni.integrations.ray.Embedder", make_recorder(tmp_path / "batches"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=DeprecationWarning, module="job")  # of what the job itself calls
        job()

    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == ["made", "stopped"]
    assert not list((tmp_path / "vectors/made").iterdir())  # left alone
    check_shard("stopped", texts)
    assert len(set((tmp_path / "batches").read_text().split())) == 2  # both workers have work of one file


def make_recorder(path: Path) -> type[Embedder]:
    class Recorder(Embedder):
        """Writes down which worker embeds."""

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            note_worker(path)
            return super().__call__(batch)

    return Recorder


def test_an_unknown_option_is_refused_before_any_row_is_embedded() -> None:
    with pytest.raises(TypeError, match=r"^Embedder\(\) has no argument 'trunkate'; .*; did you mean 'truncate'\?$"):
        Embedder("text.gguf", "text", trunkate=True)
