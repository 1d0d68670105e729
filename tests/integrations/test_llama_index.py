from __future__ import annotations

import asyncio
import copy
import io
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from tests.integrations.packages import import_framework

import_framework("llama_index.core")
indices = import_framework("llama_index.core.indices")
schema = import_framework("llama_index.core.schema")
callbacks = import_framework("llama_index.core.callbacks")
ingestion = import_framework("llama_index.core.ingestion")
stores = import_framework("llama_index.core.storage.kvstore")
from llama_index.core import VectorStoreIndex

from jina_omni.integrations.llama_index import JinaOmniEmbedding

TEXTS = ["a red circle", "a blue square", "what is the weather like?"]


def test_texts_and_images_are_documents_and_a_query_is_a_query(model: jina_omni.Model, pictures: list[Path]) -> None:
    embedding = JinaOmniEmbedding(model)
    np.testing.assert_array_equal(embedding.get_text_embedding_batch(TEXTS), model.encode_document(TEXTS))
    np.testing.assert_array_equal(embedding.get_text_embedding(TEXTS[0]), model.encode_document(TEXTS[0]))
    np.testing.assert_array_equal(embedding.get_query_embedding(TEXTS[0]), model.encode_query(TEXTS[0]))
    images = [str(pictures[0]), io.BytesIO(pictures[1].read_bytes())]
    np.testing.assert_array_equal(embedding.get_image_embedding_batch(images), model.encode_document(pictures[:2]))
    np.testing.assert_array_equal(embedding.get_image_embedding(images[0]), model.encode_document(pictures[0]))


def test_async_gives_the_same(model: jina_omni.Model, pictures: list[Path]) -> None:
    embedding = JinaOmniEmbedding(model, truncate_dim=64)
    picture = str(pictures[0])

    async def all_of_them() -> list[object]:
        return [
            await embedding.aget_query_embedding("a"),
            await embedding.aget_text_embedding("a"),
            await embedding.aget_text_embedding_batch(TEXTS),
            await embedding.aget_image_embedding(picture),
            await embedding.aget_image_embedding_batch([picture]),
        ]

    assert asyncio.run(all_of_them()) == [
        embedding.get_query_embedding("a"),
        embedding.get_text_embedding("a"),
        embedding.get_text_embedding_batch(TEXTS),
        embedding.get_image_embedding(picture),
        embedding.get_image_embedding_batch([picture]),
    ]


def test_an_index_finds_the_nearest_of_the_model(model: jina_omni.Model) -> None:
    nodes = [schema.TextNode(text=text) for text in TEXTS]
    index = VectorStoreIndex(nodes, embed_model=JinaOmniEmbedding(model, truncate_dim=64))
    found = index.as_retriever(similarity_top_k=3).retrieve("a circle")
    query = model.encode_query("a circle", truncate_dim=64)
    cosines = model.similarity(query, model.encode_document(TEXTS, truncate_dim=64))[0]
    assert [hit.node.text for hit in found] == [TEXTS[i] for i in np.argsort(-cosines)]
    np.testing.assert_allclose([hit.score for hit in found], np.sort(cosines)[::-1], atol=1e-6)


def test_a_multimodal_index_finds_images_by_a_text(model: jina_omni.Model, pictures: list[Path]) -> None:
    embedding = JinaOmniEmbedding(model)
    nodes = [schema.ImageNode(image_path=str(path), text=path.name) for path in pictures]
    nodes.append(schema.TextNode(text="nothing to see"))
    index = indices.MultiModalVectorStoreIndex(nodes, embed_model=embedding, image_embed_model=embedding)
    found = index.as_retriever(image_similarity_top_k=3).text_to_image_retrieve("a circle")
    cosines = model.similarity(model.encode_query("a circle"), model.encode_document(pictures))[0]
    assert [Path(hit.node.image_path) for hit in found] == [pictures[i] for i in np.argsort(-cosines)]


def test_one_cache_of_an_ingestion_pipeline_keeps_the_vectors_of_all_settings_apart(
    open_model: partial[jina_omni.Model], model: jina_omni.Model
) -> None:
    cache = ingestion.IngestionCache()
    with (
        open_model(device="cpu", dialect="sentence-transformers") as other_dialect,
        open_model(device="cpu", compute="exact") as exact,
    ):
        for used, options in ((model, {}), (model, {"prompt": "Topic: "}), (other_dialect, {}), (exact, {})):
            for _ in range(2):  # computed, then found in the cache
                embedding = JinaOmniEmbedding(used, **options)
                pipeline = ingestion.IngestionPipeline(transformations=[embedding], cache=cache)
                (node,) = pipeline.run(nodes=[schema.TextNode(text=TEXTS[0], id_="0")])
                np.testing.assert_array_equal(node.embedding, used.encode_document(TEXTS[0], **options))


def test_a_cache_by_the_text_alone_is_refused(model: jina_omni.Model) -> None:
    with pytest.raises(ValueError, match="embeddings_cache has one vector for each text"):
        JinaOmniEmbedding(model, embeddings_cache=stores.SimpleKVStore())
    with pytest.raises(ValueError, match="frozen"):
        JinaOmniEmbedding(model).embeddings_cache = stores.SimpleKVStore()


def test_what_decides_the_vectors_are_fields_that_do_not_change(model: jina_omni.Model) -> None:
    embedding = JinaOmniEmbedding(model, truncate_dim=32, prompt="x")
    assert (embedding.truncate_dim, embedding.prompt, embedding.truncate) == (32, "x", False)
    assert embedding.model["dialect"] == "card"
    assert embedding.model["files"][0]["name"] == Path(model.info.path).name
    for name in ("truncate_dim", "prompt", "model", "on_error"):
        with pytest.raises(ValueError, match="frozen"):
            setattr(embedding, name, getattr(embedding, name))


def test_arguments_of_the_base_class_reach_it_and_survive_a_dict(model: jina_omni.Model) -> None:
    manager = callbacks.CallbackManager([])
    embedding = JinaOmniEmbedding(
        model, embed_batch_size=2, num_workers=3, model_name="mine", callback_manager=manager, truncate_dim=32
    )
    assert embedding.callback_manager is manager
    for made in (
        embedding,
        JinaOmniEmbedding.from_dict(embedding.to_dict()),
        JinaOmniEmbedding.from_json(embedding.to_json()),
        pickle.loads(pickle.dumps(embedding)),
        copy.deepcopy(embedding),
    ):
        assert (made.embed_batch_size, made.num_workers, made.model_name) == (2, 3, "mine")
        expected = model.encode_document(TEXTS, truncate_dim=32)
        np.testing.assert_array_equal(made.get_text_embedding_batch(TEXTS), expected)
        assert made.to_dict() == embedding.to_dict()
    assert JinaOmniEmbedding(model).embed_batch_size == 256


@pytest.mark.parametrize("run", ["sync", "async"])
@pytest.mark.parametrize("on_error", ["raise", "skip", "return"])
def test_a_node_that_fails_is_raised_left_out_or_returned_with_its_reason(
    model: jina_omni.Model, on_error: str, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = [schema.TextNode(text=text, id_=str(i)) for i, text in enumerate(["a", "", "b"])]
    embedding = JinaOmniEmbedding(model, on_error=on_error)
    pipeline = ingestion.IngestionPipeline(transformations=[embedding])

    def ingest(nodes: list[object]) -> list[object]:
        return pipeline.run(nodes=nodes) if run == "sync" else asyncio.run(pipeline.arun(nodes=nodes))

    if on_error == "raise":
        with pytest.raises(jina_omni.InputError, match=r"^node 1 is an empty text"):
            ingest(given)
        return
    made = {node.node_id: node for node in ingest(given)}
    np.testing.assert_array_equal([made["0"].embedding, made["2"].embedding], model.encode_document(["a", "b"]))
    if on_error == "skip":
        assert list(made) == ["0", "2"]
        assert [record.message for record in caplog.records] == [
            "left out: node 1 is an empty text, which has no embedding; leave it out"
        ]
        return
    assert made["1"].embedding is None
    assert made["1"].metadata["embedding_error"].startswith("node 1 is an empty text")
    assert made["1"].get_content(metadata_mode=schema.MetadataMode.EMBED) == ""
    made["1"].text = "no longer empty"
    (again,) = ingest([made["1"]])
    np.testing.assert_array_equal(again.embedding, model.encode_document("no longer empty"))
    assert "embedding_error" not in again.metadata


def test_a_copy_with_other_options_has_their_vectors(model: jina_omni.Model, open_model: partial) -> None:
    embedding = JinaOmniEmbedding(model, truncate_dim=32, embed_batch_size=7)
    other = embedding.model_copy(update={"truncate_dim": 64, "num_workers": 2})
    np.testing.assert_array_equal(other.get_query_embedding("a"), model.encode_query("a", truncate_dim=64))
    assert (other._source.model, other.embed_batch_size, other.num_workers) == (model, 7, 2)
    assert embedding.to_dict()["truncate_dim"] == 32
    assert embedding.model_copy(deep=True).to_dict() == embedding.to_dict()
    with open_model(device="cpu", compute="exact") as exact:
        third = embedding.model_copy(update={"model": exact})
        np.testing.assert_array_equal(third.get_query_embedding("a"), exact.encode_query("a", truncate_dim=32))
        assert third.model["compute"] == "exact"
    for wrong in ({"trunkate": True}, {"truncate_dim": 65}, {"on_error": "x"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            embedding.model_copy(update=wrong)


@pytest.mark.parametrize("run", ["sync", "async", "workers"])
def test_an_error_names_its_place_in_the_whole_list_and_its_node(
    model: jina_omni.Model, pictures: list[Path], run: str
) -> None:
    embedding = JinaOmniEmbedding(model, embed_batch_size=2, num_workers=2 if run == "workers" else None)

    def call(name: str, values: list[object]) -> object:
        if run == "sync":
            return getattr(embedding, name)(values)
        return asyncio.run(getattr(embedding, {"__call__": "acall"}.get(name, f"a{name}"))(values))

    texts = ["a", "b", "c", "d", "e", ""]
    with pytest.raises(jina_omni.InputError, match=r"^input 5 is an empty text") as raised:
        call("get_text_embedding_batch", texts)
    assert raised.value.index == 5
    with pytest.raises(jina_omni.InputError, match=r"^node n5 is an empty text"):
        call("__call__", [schema.TextNode(text=text, id_=f"n{i}") for i, text in enumerate(texts)])
    paths = [str(path) for path in pictures]
    with pytest.raises(jina_omni.InputError, match=r"^input 3 \('none.png'\) can't be read"):
        call("get_image_embedding_batch", [*paths, "none.png"])
    with pytest.raises(TypeError, match="documents are 'abc'; they are a list"):
        call("get_text_embedding_batch", "abc")
    with pytest.raises(TypeError, match=r"documents are 'none.png'; they are a list"):
        call("get_image_embedding_batch", "none.png")
    images = [io.BytesIO(path.read_bytes()) for path in pictures]
    np.testing.assert_array_equal(call("get_image_embedding_batch", images), model.encode_document(pictures))


def test_a_misspelt_argument_of_the_base_class_is_answered_by_the_right_one(model: jina_omni.Model) -> None:
    for wrong, meant in {
        "embed_batchsize": "embed_batch_size",
        "on_eror": "on_error",
        "model_nam": "model_name",
    }.items():
        with pytest.raises(TypeError, match=rf"did you mean '{meant}'\?$"):
            JinaOmniEmbedding(model, **{wrong: 3})
