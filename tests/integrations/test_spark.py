from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.integrations.rows import embed_rows
from jina_omni.integrations.spark import RETURN_TYPE, embedder
from tests.integrations.packages import framework

sql = framework("pyspark.sql")
functions = framework("pyspark.ml.functions")

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
    embed = functions.predict_batch_udf(embedder(open_model, dim=32), return_type=RETURN_TYPE, batch_size=7)
    frame = spark.createDataFrame(list(enumerate(TEXTS)), "id int, text string").repartition(4)
    found = frame.select("id", embed("text").alias("made")).select("id", "made.*").orderBy("id").collect()
    expected = embed_rows(model, TEXTS, {"dim": 32})
    np.testing.assert_array_equal(np.array([row.embedding for row in found], np.float32), expected["embedding"])
    assert [row.error for row in found] == expected["error"].tolist()


def test_a_function_makes_an_input_of_the_values_of_a_row(
    spark: object, open_model: partial[jina_omni.Model], model: jina_omni.Model, pictures: list[Path]
) -> None:
    fused = embedder(open_model, lambda text, data: [text, jina_omni.Image(bytes(data))])
    embed = functions.predict_batch_udf(fused, return_type=RETURN_TYPE, batch_size=2)
    rows = [(path.stem, path.read_bytes()) for path in pictures]
    frame = spark.createDataFrame(rows, "text string, data binary").coalesce(1)
    found = [row.made.embedding for row in frame.select(embed("text", "data").alias("made")).collect()]
    expected = model.encode_document([[path.stem, path] for path in pictures])
    np.testing.assert_array_equal(np.array(found, np.float32), expected)


def test_it_has_one_thread_where_there_is_no_task(open_model: partial[jina_omni.Model], model: jina_omni.Model) -> None:
    predict = embedder(open_model)()
    made = predict(np.array(["a", ""], object))
    np.testing.assert_array_equal(made["embedding"][0], model.encode_document("a"))
    assert made["error"][0] is None
    assert "empty text" in made["error"][1]
