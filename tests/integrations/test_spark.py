from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.integrations.shared.rows import embed_rows
from tests.integrations.conftest import TEXT
from tests.integrations.packages import import_framework
from tests.integrations.samples import put_files, read_samples

sql = import_framework("pyspark.sql")

from jina_omni.integrations.spark import embed_udf

pytestmark = pytest.mark.filterwarnings("ignore")  # Spark's own

TEXTS = [f"a text {i}" if i % 20 else "" for i in range(60)]  # every twentieth fails


@pytest.fixture(scope="module")
def spark() -> Iterator[object]:
    if not any((Path(folder) / "java").exists() for folder in os.environ["PATH"].split(os.pathsep)):
        pytest.skip("Spark needs Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    source = str(Path(jina_omni.__file__).parents[1])
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "512m")
        .config("spark.executorEnv.PYTHONPATH", source)
        .getOrCreate()
    )
    yield session
    session.stop()


def test_a_frame_of_texts_has_the_vectors_and_errors_of_one_process(
    spark: object, open_model: partial[jina_omni.Model], model: jina_omni.Model
) -> None:
    embed = embed_udf(open_model, batch_size=7, truncate_dim=32)
    frame = spark.createDataFrame(list(enumerate(TEXTS)), "id int, text string").repartition(4)
    found = frame.select("id", embed("text").alias("made")).select("id", "made.*").orderBy("id").collect()
    expected = embed_rows(model, TEXTS, lambda text: text, {"truncate_dim": 32})
    np.testing.assert_array_equal(np.array([row.embedding for row in found], np.float32), expected["embedding"])
    assert [row.error for row in found] == expected["error"].tolist()


def test_a_function_makes_an_input_of_the_values_of_a_row(
    spark: object, open_model: partial[jina_omni.Model], model: jina_omni.Model, pictures: list[Path]
) -> None:
    embed = embed_udf(open_model, lambda text, data: [text, jina_omni.Image(data)], batch_size=2)
    rows = [(path.stem, path.read_bytes()) for path in pictures] + [("none", None)]
    frame = spark.createDataFrame(rows, "text string, data binary").coalesce(1)
    *found, failed = [row.made for row in frame.select(embed("text", "data").alias("made")).collect()]
    expected = model.encode_document([[path.stem, path] for path in pictures])
    np.testing.assert_array_equal(np.array([row.embedding for row in found], np.float32), expected)
    assert np.isnan(failed.embedding).all()
    assert "Error: " in failed.error  # of the function: there is no image


def test_a_worker_has_one_model_with_as_many_threads_as_a_task_has_processors(spark: object, tmp_path: Path) -> None:
    def open_model(**arguments: object) -> jina_omni.Model:
        with (tmp_path / "opened").open("a") as file:
            file.write(f"{os.getpid()} {arguments}\n")
        return jina_omni.Model(TEXT, device="cpu", **arguments)

    embed = embed_udf(open_model, batch_size=2)
    frame = spark.createDataFrame([(text,) for text in "abcdefgh"], "text string").repartition(4)
    frame.select(embed("text")).collect()
    opened = (tmp_path / "opened").read_text().splitlines()
    assert len(opened) == len({line.split()[0] for line in opened}) <= 2
    assert all(line.endswith("{'n_threads': 1}") for line in opened)


@pytest.mark.usefixtures("spark")
def test_the_sample_of_the_docs_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    put_files(tmp_path)
    sample = read_samples("cluster.md")["Spark"].replace('"text.gguf"', repr(str(tmp_path / "text.gguf")))
    exec(compile(sample, "sample", "exec", dont_inherit=True), {})
    assert "InputError: input" in capfd.readouterr().out


def test_an_unknown_option_is_refused_before_any_row_is_embedded() -> None:
    with pytest.raises(TypeError, match=r"^embed_udf\(\) has no argument 'trunkate'; .*; did you mean 'truncate'\?$"):
        embed_udf(TEXT, trunkate=True)
    with pytest.raises(TypeError, match="the reason is in the column error"):
        embed_udf(TEXT, on_error="skip")
