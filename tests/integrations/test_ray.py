"""Ray Data on a cluster of this machine: two workers, of one processor each."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jina_omni
from jina_omni.integrations.shared.rows import embed_rows
from tests.integrations.packages import import_framework
from tests.integrations.samples import put_files, read_samples

ray = import_framework("ray")
import_framework("ray.data")

import pyarrow as pa
import pyarrow.parquet as pq

from jina_omni.integrations.ray import Embedder

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

N_ROWS = 400
TEXTS = [f"a text {i}" * (1 + i % 7) if i % 50 else "" for i in range(N_ROWS)]  # every fiftieth fails


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    source = str(Path(jina_omni.__file__).parents[1])
    ray.init(
        num_cpus=3,  # two workers, and one for what reads and writes
        num_gpus=1,  # Ray counts it without looking whether it is there
        object_store_memory=200 * 2**20,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": source}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def keep_order(dataset: Any) -> Any:
    dataset.context.execution_options.preserve_order = True
    return dataset


def test_a_killed_worker_leaves_the_result_complete_and_equal(
    open_model: partial[jina_omni.Model], model: jina_omni.Model, tmp_path: Path
) -> None:
    class Mortal(Embedder):
        """Dies at its third batch, once of all workers."""

        n_batches = 0

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            self.n_batches += 1
            with (tmp_path / "workers").open("a") as file:
                file.write(f"{os.getpid()}\n")
            if self.n_batches == 3 and not (tmp_path / "killed").exists():
                (tmp_path / "killed").write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(batch)

    rows = [{"id": i, "text": text} for i, text in enumerate(TEXTS)]
    made = keep_order(ray.data.from_items(rows, override_num_blocks=20)).map_batches(
        Mortal, fn_constructor_args=(open_model, "text"), batch_size=20, concurrency=2, num_cpus=1
    )
    found = made.take_all()

    killed = (tmp_path / "killed").read_text()
    workers = (tmp_path / "workers").read_text().split()
    assert killed in workers
    assert len(set(workers)) >= 3  # two, and one in the place of the dead
    assert [row["id"] for row in found] == list(range(N_ROWS))
    expected = embed_rows(model, TEXTS, {})
    np.testing.assert_array_equal([row["embedding"] for row in found], expected["embedding"])
    assert [row["error"] for row in found] == expected["error"].tolist()
    assert [row["id"] for row in found if row["error"]] == list(range(0, N_ROWS, 50))


def test_a_function_makes_an_input_of_a_row(
    open_model: partial[jina_omni.Model], model: jina_omni.Model, pictures: list[Path]
) -> None:
    made = keep_order(ray.data.read_binary_files([str(path) for path in pictures], include_paths=True)).map_batches(
        Embedder,
        fn_constructor_args=(open_model, lambda row: [Path(row["path"]).stem, jina_omni.Image(row["bytes"])]),
        fn_constructor_kwargs={"truncate_dim": 32},
        concurrency=1,
        num_cpus=1,
    )
    found = {Path(row["path"]): row["embedding"] for row in made.take_all()}
    expected = model.encode_document([[path.stem, path] for path in pictures], truncate_dim=32)
    np.testing.assert_array_equal([found[path] for path in pictures], expected)


def test_a_worker_has_as_many_threads_as_processors_and_no_accelerator_without_a_share_of_one(tmp_path: Path) -> None:
    def record_arguments(cpus: float, gpus: float) -> str:
        path = tmp_path / f"{cpus} {gpus}"

        @ray.remote(num_cpus=cpus, num_gpus=gpus)
        class Worker:
            def __init__(self) -> None:
                Embedder(lambda **arguments: path.write_text(repr(sorted(arguments.items()))), "text")

            def ready(self) -> bool:
                return True

        worker = Worker.remote()
        ray.get(worker.ready.remote())
        ray.kill(worker)
        return path.read_text()

    assert record_arguments(2, 0) == "[('device', 'cpu'), ('n_threads', 2)]"
    assert record_arguments(0.5, 0) == "[('device', 'cpu'), ('n_threads', 1)]"
    assert record_arguments(1, 0.5) == "[('n_threads', 1)]"


def test_the_job_of_the_docs_makes_the_shards_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    texts = [f"a text {i}" for i in range(30)] + [""]
    for folder in ("shards", "vectors/made", "vectors/stopped.part"):
        (tmp_path / folder).mkdir(parents=True)
    for shard in ("made", "stopped"):
        pq.write_table(pa.table({"id": list(range(31)), "text": texts}), f"shards/{shard}.parquet")
    (tmp_path / "vectors/stopped.part/half.parquet").write_text("of a run that was killed")
    job = read_samples("cluster.md")["Ray"].replace("WORKERS, CORES = 16, 8", "WORKERS, CORES = 1, 1")
    exec(compile(job, "job", "exec", dont_inherit=True), {})

    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == ["made", "stopped"]
    assert not list((tmp_path / "vectors/made").iterdir())  # left alone
    rows = pq.read_table("vectors/stopped").to_pylist()
    assert [row["id"] for row in rows] == list(range(31))
    with jina_omni.Model("text.gguf", device="cpu", n_threads=1) as model:
        expected = model.encode_document(texts[:30], truncate_dim=64)
    np.testing.assert_array_equal([row["embedding"] for row in rows[:30]], expected)
    assert [bool(row["error"]) for row in rows] == [False] * 30 + [True]
