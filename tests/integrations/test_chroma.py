from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jina_omni
from tests.integrations.conftest import TEXT
from tests.integrations.packages import import_framework

chromadb = import_framework("chromadb")
types = import_framework("chromadb.api.types")
data_loaders = import_framework("chromadb.utils.data_loaders")

from jina_omni.integrations.chroma import JinaOmniEmbeddingFunction

pytestmark = pytest.mark.filterwarnings("ignore")  # Chroma's own

TEXTS = ["a red circle", "a blue square", "what is the weather like?"]


@pytest.fixture
def client(tmp_path: Path) -> object:
    return chromadb.PersistentClient(str(tmp_path), chromadb.Settings(anonymized_telemetry=False))


def test_it_is_what_chroma_calls_an_embedding_function(model: jina_omni.Model) -> None:
    function = JinaOmniEmbeddingFunction(model)
    types.validate_embedding_function(function)
    assert not function.is_legacy()


def test_a_collection_of_texts_and_images_finds_the_nearest_of_the_model(
    model: jina_omni.Model, pictures: list[Path], client: object
) -> None:
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in pictures]
    collection = client.create_collection("all", embedding_function=JinaOmniEmbeddingFunction(model))
    collection.add(ids=[f"text {i}" for i in range(3)], documents=TEXTS)
    collection.add(ids=[f"image {i}" for i in range(3)], images=arrays)
    ids = [*(f"text {i}" for i in range(3)), *(f"image {i}" for i in range(3))]
    documents = model.encode_document([*TEXTS, *map(jina_omni.Image, arrays)])

    for given, query in (({"query_texts": "a circle"}, "a circle"), ({"query_images": [arrays[1]]}, pictures[1])):
        found = collection.query(**given, n_results=6)
        cosines = model.similarity(model.encode_query(query), documents)[0]
        assert found["ids"][0] == [ids[i] for i in np.argsort(-cosines)]
        np.testing.assert_allclose(1 - np.array(found["distances"][0]), np.sort(cosines)[::-1], atol=1e-5)


def test_images_by_their_paths(model: jina_omni.Model, pictures: list[Path], client: object) -> None:
    function = JinaOmniEmbeddingFunction(model)
    loader = data_loaders.ImageLoader()
    collection = client.create_collection("uris", embedding_function=function, data_loader=loader)
    collection.add(ids=["a", "b", "c"], uris=[str(path) for path in pictures])
    held = collection.get(["a", "b", "c"], include=["embeddings"])["embeddings"]
    np.testing.assert_allclose(held, model.encode_document([Image.open(path) for path in pictures]), atol=1e-6)


def test_a_collection_that_is_opened_again_remembers_its_model(
    open_model: partial[jina_omni.Model], client: object
) -> None:
    with open_model(device="cpu", n_threads=1) as model:
        function = JinaOmniEmbeddingFunction(model, truncate_dim=32)
        client.create_collection("all", embedding_function=function).add(ids=["0", "1", "2"], documents=TEXTS)
    again = client.get_collection("all")
    found = again.query(query_texts=TEXTS[2], n_results=1, include=["documents", "embeddings"])
    assert found["documents"] == [[TEXTS[2]]]
    assert np.shape(found["embeddings"]) == (1, 1, 32)


def test_a_collection_of_other_settings_is_refused(
    open_model: partial[jina_omni.Model], model: jina_omni.Model, client: object
) -> None:
    function = JinaOmniEmbeddingFunction(model)
    collection = client.create_collection("all", embedding_function=function)
    JinaOmniEmbeddingFunction(model, truncate=True).check_collection(collection)
    with open_model(device="cpu", dialect="sentence-transformers") as other_model:
        other = JinaOmniEmbeddingFunction(other_model)
        with pytest.raises(
            ValueError, match=r"collection .all. has vectors of another identity.*: dialect 'card' and 'sent"
        ):
            other.check_collection(client.get_collection("all", embedding_function=other))
        with pytest.raises(
            ValueError, match=r"the collection has vectors of another identity.*call modify with the former"
        ):
            collection.modify(configuration={"embedding_function": other})
        collection.modify(configuration={"embedding_function": function})
    np.testing.assert_array_equal(client.get_collection("all")._embed(["a"]), model.encode_document(["a"]))
    with pytest.raises(ValueError, match="the collection 'plain' stores no function 'jina-omni'"):
        function.check_collection(client.create_collection("plain", embedding_function=None))


def test_a_collection_whose_model_file_was_replaced_is_refused(tmp_path: Path, client: object) -> None:
    path = Path(shutil.copy(TEXT, tmp_path / "text.gguf"))
    client.create_collection("all", embedding_function=JinaOmniEmbeddingFunction(path)).add(ids=["0"], documents=["a"])
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.with_suffix(".new").write_bytes(data)
    path.with_suffix(".new").replace(path)
    with pytest.raises(jina_omni.ModelLoadError, match="not those that JinaOmniEmbeddingFunction was stored with"):
        client.get_collection("all").query(query_texts="a")


def test_a_document_that_fails_is_named_once(model: jina_omni.Model, client: object) -> None:
    collection = client.create_collection("all", embedding_function=JinaOmniEmbeddingFunction(model))
    with pytest.raises(jina_omni.InputError) as raised:
        collection.add(ids=["0", "1"], documents=["a", ""])
    assert str(raised.value) == "input 1 is an empty text, which has no embedding; leave it out in add."
    assert (raised.value.index, collection.count()) == (1, 0)


def test_a_text_in_the_place_of_a_list_is_refused(model: jina_omni.Model) -> None:
    function = JinaOmniEmbeddingFunction(model)
    for embed in (function, function.embed_query):
        with pytest.raises(TypeError, match="documents are 'abc'; they are a list"):
            embed("abc")
