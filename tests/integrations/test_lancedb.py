from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jina_omni
from tests.integrations.conftest import TEXT, VISION
from tests.integrations.packages import import_framework

lancedb = import_framework("lancedb")
pa = import_framework("pyarrow")
embeddings = import_framework("lancedb.embeddings")
schemas = import_framework("lancedb.pydantic")

import jina_omni.integrations.lancedb  # registers

pytestmark = pytest.mark.filterwarnings("ignore")  # LanceDB's own

ARGUMENTS = {"model": str(TEXT), "mmproj": [str(VISION)]}
TEXTS = ["a red circle", "a blue square", "what is the weather like?"]


def create(**options: object) -> object:
    return embeddings.get_registry().get("jina-omni").create(model=ARGUMENTS, options=options)


def test_a_table_of_texts_finds_the_nearest_of_the_model(model: jina_omni.Model, tmp_path: Path) -> None:
    function = create(truncate_dim=64)

    class Row(schemas.LanceModel):
        text: str = function.SourceField()
        vector: schemas.Vector(function.ndims()) = function.VectorField()

    table = lancedb.connect(tmp_path).create_table("texts", schema=Row)
    table.add([{"text": text} for text in TEXTS])
    found = table.search("a circle").distance_type("cosine").limit(3).to_list()
    query = model.encode_query("a circle", truncate_dim=64)
    cosines = model.similarity(query, model.encode_document(TEXTS, truncate_dim=64))[0]
    assert [row["text"] for row in found] == [TEXTS[i] for i in np.argsort(-cosines)]
    np.testing.assert_allclose([1 - row["_distance"] for row in found], np.sort(cosines)[::-1], atol=1e-5)


def test_bytes_of_a_column_are_files_and_a_null_has_no_vector(
    model: jina_omni.Model, pictures: list[Path], tmp_path: Path
) -> None:
    function = create()

    class Row(schemas.LanceModel):
        name: str
        file: bytes | None = function.SourceField()
        vector: schemas.Vector(function.ndims()) | None = function.VectorField()

    table = lancedb.connect(tmp_path).create_table("files", schema=Row)
    names = [path.name for path in pictures]
    rows = [{"name": path.name, "file": path.read_bytes()} for path in pictures]
    table.add([*rows, {"name": "none", "file": None}], on_bad_vectors="null")
    held = {row["name"]: row["vector"] for row in table.to_arrow().to_pylist()}
    np.testing.assert_array_equal([held[name] for name in names], model.encode_document(pictures))
    assert held["none"] is None

    data = pictures[2].read_bytes()
    for query in (Image.open(pictures[2]), data, jina_omni.Image(data), "a circle"):
        cosines = model.similarity(
            model.encode_query(pictures[2] if query != "a circle" else query), model.encode_document(pictures)
        )[0]
        found = table.search(query, vector_column_name="vector").distance_type("cosine").limit(3).to_list()
        assert [row["name"] for row in found] == [names[i] for i in np.argsort(-cosines)]


def test_a_table_that_is_opened_again_remembers_its_function(tmp_path: Path, model: jina_omni.Model) -> None:
    function = create(truncate_dim=32)

    class Row(schemas.LanceModel):
        text: str = function.SourceField()
        vector: schemas.Vector(function.ndims()) = function.VectorField()

    lancedb.connect(tmp_path).create_table("texts", schema=Row).add([{"text": text} for text in TEXTS])
    again = lancedb.connect(tmp_path).open_table("texts")
    again.add([{"text": "one more"}])
    held = {row["text"]: row["vector"] for row in again.to_arrow().to_pylist()}
    np.testing.assert_array_equal(held["one more"], model.encode_document("one more", truncate_dim=32))
    assert again.search(TEXTS[1]).limit(1).to_list()[0]["text"] in TEXTS


def test_a_column_of_arrow_is_embedded_whole(model: jina_omni.Model) -> None:
    column = pa.chunked_array([TEXTS[:1], TEXTS[1:]])
    np.testing.assert_array_equal(create().compute_source_embeddings(column), model.encode_document(TEXTS))


def test_a_damaged_picture_is_an_error_at_once(pictures: list[Path]) -> None:
    damaged = pictures[0].read_bytes()[:60]
    with pytest.raises(jina_omni.DecodeError):  # not tried again, for seconds
        create().compute_source_embeddings_with_retry([damaged])
