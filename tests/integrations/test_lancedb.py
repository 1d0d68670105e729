from __future__ import annotations

import shutil
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
    return embeddings.get_registry().get("jina-omni").create(model=ARGUMENTS, **options)


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


def test_each_option_is_honoured_or_refused(model: jina_omni.Model) -> None:
    function = create(truncate_dim=64, prompt="Topic: ", normalize_embeddings=False)
    assert function.ndims() == 64
    options = {"truncate_dim": 64, "prompt": "Topic: ", "normalize_embeddings": False}
    np.testing.assert_array_equal(function.compute_source_embeddings(TEXTS), model.encode_document(TEXTS, **options))
    for wrong, hint in [
        ({"dim": 64}, "pass truncate_dim="),
        ({"options": {"truncate_dim": 64}}, "it takes model, truncate_dim"),
        ({"max_retries": 3}, "would only repeat"),
        ({"name": "small"}, "it takes model"),
        ({"truncate_dim": 65}, "truncate_dim is 65"),
        ({"on_error": "return"}, "on_error is 'return'; it is one of raise, skip"),
    ]:
        with pytest.raises((TypeError, ValueError), match=hint):
            create(**wrong)


def test_the_registry_takes_a_model_and_variables(model: jina_omni.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = embeddings.get_registry()
    assert registry.get("jina-omni").create(model=model)._source.model is model
    monkeypatch.setitem(registry._variables, "text_file", str(TEXT))
    function = registry.get("jina-omni").create(model="$var:text_file")
    assert function.model["model"] == str(TEXT)


@pytest.mark.parametrize("on_bad_vectors", ["null", "drop"])
def test_a_value_that_fails_has_no_vector_and_the_table_decides_about_its_row(
    model: jina_omni.Model, tmp_path: Path, on_bad_vectors: str, caplog: pytest.LogCaptureFixture
) -> None:
    function = create(on_error="skip")

    class Row(schemas.LanceModel):
        name: str
        file: bytes = function.SourceField()
        vector: schemas.Vector(function.ndims()) | None = function.VectorField()

    good = Image.new("RGB", (32, 32))
    good.save(tmp_path / "good.png")
    rows = [
        {"name": "good", "file": (tmp_path / "good.png").read_bytes()},
        {"name": "torn", "file": b"\x89PNG\r\n\x1a\n"},
    ]
    table = lancedb.connect(tmp_path).create_table("files", schema=Row)
    table.add(rows, on_bad_vectors=on_bad_vectors)
    held = {row["name"]: row["vector"] for row in table.to_arrow().to_pylist()}
    np.testing.assert_array_equal(held.pop("good"), model.encode_document(tmp_path / "good.png"))
    assert held == ({"torn": None} if on_bad_vectors == "null" else {})
    assert [record.message for record in caplog.records if record.message.startswith("left out: row 1 ")]


def test_a_table_whose_model_file_was_replaced_is_refused(tmp_path: Path) -> None:
    path = Path(shutil.copy(TEXT, tmp_path))
    function = embeddings.get_registry().get("jina-omni").create(model=path)

    class Row(schemas.LanceModel):
        text: str = function.SourceField()
        vector: schemas.Vector(function.ndims()) = function.VectorField()

    lancedb.connect(tmp_path / "db").create_table("texts", schema=Row).add([{"text": text} for text in TEXTS])
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.with_suffix(".new").write_bytes(data)
    path.with_suffix(".new").replace(path)
    again = lancedb.connect(tmp_path / "db").open_table("texts")
    for use in (lambda: again.search("a circle").to_list(), lambda: again.add([{"text": "more"}])):
        # LanceDB puts the error of a column into a RuntimeError of its own
        with pytest.raises(
            (jina_omni.ModelLoadError, RuntimeError), match="not those that JinaOmniEmbeddings was stored"
        ):
            use()


def test_a_list_as_a_query_is_one_fused_input(model: jina_omni.Model) -> None:
    (vector,) = create().compute_query_embeddings(["a caption", "a red circle"])
    np.testing.assert_array_equal(vector, model.encode_query([["a caption", "a red circle"]])[0])
    with pytest.raises(jina_omni.InputError, match=r"^query is an empty text"):
        create().compute_query_embeddings("")


def test_a_copy_with_other_options_has_their_vectors(model: jina_omni.Model) -> None:
    function = embeddings.get_registry().get("jina-omni").create(model=model, truncate_dim=32)
    other = function.model_copy(update={"truncate_dim": 64})
    np.testing.assert_array_equal(other.compute_query_embeddings("a")[0], model.encode_query("a", truncate_dim=64))
    assert (other._source.model, other.ndims(), function.ndims()) == (model, 64, 32)
    assert other.safe_model_dump()["truncate_dim"] == 64
    assert function.model_copy() == function
    for wrong in ({"trunkate": True}, {"truncate_dim": 65}, {"on_error": "x"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            function.model_copy(update=wrong)
