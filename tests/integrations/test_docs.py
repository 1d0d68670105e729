"""The samples of docs/integrations.md run; those of docs/cluster.md do in the tests of their engines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from tests.integrations.packages import import_framework
from tests.integrations.samples import put_files, read_samples

FRAMEWORKS = {
    "Chroma": "chromadb",
    "Haystack": "haystack",
    "LanceDB": "lancedb",
    "LangChain": "langchain_core",
    "LlamaIndex": "llama_index.core",
    "MTEB": "mteb",
}
SAMPLES = read_samples("integrations.md")


def test_every_framework_has_a_sample() -> None:
    assert set(SAMPLES) - {"# Integrations"} == set(FRAMEWORKS)


def test_the_cost_of_a_billion_items_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    exec(read_samples("cluster.md")["A billion items"], {})
    assert capsys.readouterr().out == "2.22 per million items, 2,222 in all\n2.3 days on 100 machines\n"


def test_processes_of_one_machine_survive_a_killed_one_and_name_the_shard_that_can_not_be_embedded(
    tmp_path: Path,
) -> None:
    parquet = import_framework("pyarrow.parquet")
    table = import_framework("pyarrow").table
    put_files(tmp_path)
    (tmp_path / "shards").mkdir()
    texts = {name: [f"a text {name} {i}" for i in range(5)] + [""] for name in ("a", "b", "c")}
    for name, column in texts.items():
        parquet.write_table(table({"id": list(range(6)), "text": column}), tmp_path / f"shards/{name}.parquet")
    (tmp_path / "shards/torn.parquet").write_bytes(b"PAR1")
    empty = parquet.read_table(tmp_path / "shards/a.parquet").slice(0, 0)
    parquet.write_table(empty, tmp_path / "shards/0.parquet")
    program = read_samples("cluster.md")["One big machine"].replace("CORES = 8", "CORES = 1")
    kill = (
        "    import os, signal\n"
        "    with open('begun', 'a') as file:\n"
        "        file.write(f'{shard.stem}\\n')\n"
        "    if shard.stem == 'b' and not Path('killed').exists():\n"
        "        Path('killed').touch()\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    start = '    """Embed a shard; the body of a process."""\n'
    assert program.count(start) == 1
    (tmp_path / "job.py").write_text(program.replace(start, start + kill))

    command = [sys.executable, "job.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"not embedded, see the errors above: {Path('shards/torn.parquet')}"
    assert (tmp_path / "killed").exists()
    begun = (tmp_path / "begun").read_text().split()
    assert sorted(begun) == ["0", "a", "b", "b", "c", "torn"]  # an error is not tried again
    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == [
        "0.parquet",
        "a.parquet",
        "b.parquet",
        "c.parquet",
    ]
    schemas = [parquet.read_schema(tmp_path / f"vectors/{name}.parquet") for name in ("0", *texts)]
    assert all(schema.equals(schemas[0]) for schema in schemas)
    with jina_omni.Model(tmp_path / "text.gguf", device="cpu", n_threads=1) as model:
        for name, column in texts.items():
            rows = parquet.read_table(tmp_path / f"vectors/{name}.parquet").to_pylist()
            assert [row["id"] for row in rows] == list(range(6))
            expected = model.encode_document(column[:5], truncate_dim=64)
            np.testing.assert_array_equal([row["embedding"] for row in rows[:5]], expected)
            assert [bool(row["error"]) for row in rows] == [False] * 5 + [True]

    (tmp_path / "shards/torn.parquet").unlink()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.filterwarnings("ignore")  # of the frameworks
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_sample_runs_and_prints_what_it_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import_framework(FRAMEWORKS[name])
    put_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "sample", "jina_omni": jina_omni}
    exec(SAMPLES["# Integrations"], names)
    with names["model"]:
        exec(compile(SAMPLES[name], name, "exec", dont_inherit=True), names)
    assert capfd.readouterr().out.strip()
