from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from tests.integrations.conftest import TEXT
from tests.integrations.packages import import_framework

import_framework("haystack")
retrievers = import_framework("haystack.components.retrievers.in_memory")
stores = import_framework("haystack.document_stores.in_memory")
writers = import_framework("haystack.components.writers")
from haystack import Document, Pipeline, default_from_dict
from haystack.dataclasses import ByteStream

from jina_omni.integrations.haystack import JinaOmniDocumentEmbedder, JinaOmniTextEmbedder

TEXTS = ["a red circle", "a blue square", "what is the weather like?"]


def make_blob(path: Path) -> ByteStream:
    return ByteStream.from_file_path(path)  # without a MIME type, since its kind is found from its bytes


def test_documents_are_embedded_by_their_text_their_file_or_both(model: jina_omni.Model, pictures: list[Path]) -> None:
    given = [
        Document(content=TEXTS[0], meta={"n": 1}),
        Document(blob=make_blob(pictures[0])),
        Document(content=TEXTS[0], blob=make_blob(pictures[0])),
    ]
    made = JinaOmniDocumentEmbedder(model).run(given)["documents"]
    expected = model.encode_document([TEXTS[0], pictures[0], [TEXTS[0], pictures[0]]])
    np.testing.assert_array_equal([document.embedding for document in made], expected)
    assert [(d.id, d.content, d.blob, d.meta) for d in made] == [(d.id, d.content, d.blob, d.meta) for d in given]
    assert [document.embedding for document in given] == [None] * 3  # the caller's are left as they were


def test_a_text_is_embedded_as_a_query(model: jina_omni.Model) -> None:
    made = JinaOmniTextEmbedder(model, truncate_dim=32).run(TEXTS[0])["embedding"]
    np.testing.assert_array_equal(made, model.encode_query(TEXTS[0], truncate_dim=32))


def test_an_empty_document_is_an_error_that_names_it(model: jina_omni.Model) -> None:
    with pytest.raises(jina_omni.InputError, match="document none has neither"):
        JinaOmniDocumentEmbedder(model).run([Document(id="none")])


@pytest.fixture
def store(model: jina_omni.Model) -> object:
    store = stores.InMemoryDocumentStore(embedding_similarity_function="cosine")
    indexing = Pipeline()
    indexing.add_component("embedder", JinaOmniDocumentEmbedder(model))
    indexing.add_component("writer", writers.DocumentWriter(store))
    indexing.connect("embedder.documents", "writer.documents")
    indexing.run({"embedder": {"documents": [Document(content=text) for text in TEXTS]}})
    return store


def test_pipelines_index_and_find_the_nearest_of_the_model(model: jina_omni.Model, store: object) -> None:
    search = Pipeline()
    search.add_component("embedder", JinaOmniTextEmbedder(model))
    search.add_component("retriever", retrievers.InMemoryEmbeddingRetriever(store))
    search.connect("embedder.embedding", "retriever.query_embedding")
    found = search.run({"embedder": {"text": "a circle"}})["retriever"]["documents"]
    cosines = model.similarity(model.encode_query("a circle"), model.encode_document(TEXTS))[0]
    assert [document.content for document in found] == [TEXTS[i] for i in np.argsort(-cosines)]
    np.testing.assert_allclose([document.score for document in found], np.sort(cosines)[::-1], atol=1e-6)


def test_a_pipeline_in_yaml_comes_back_with_its_model_and_options(open_model: partial[jina_omni.Model]) -> None:
    with open_model(device="cpu", n_threads=1) as model:
        pipeline = Pipeline()
        pipeline.add_component("query", JinaOmniTextEmbedder(model, truncate_dim=32))
        pipeline.add_component("documents", JinaOmniDocumentEmbedder(model, truncate=True))
        written = pipeline.dumps()
        query = model.encode_query("a", truncate_dim=32)
    again = Pipeline.loads(written, allowed_modules=["jina_omni.*"])
    assert again.to_dict() == pipeline.to_dict()
    made = again.run({"query": {"text": "a"}, "documents": {"documents": []}})
    np.testing.assert_array_equal(made["query"]["embedding"], query)


def test_a_stored_model_is_opened_by_the_warm_up_and_not_before(tmp_path: Path) -> None:
    path = Path(shutil.copy(TEXT, tmp_path))
    stored = JinaOmniTextEmbedder(path).to_dict()
    path.unlink()
    with pytest.raises(jina_omni.ModelLoadError):
        JinaOmniTextEmbedder(path)
    embedder = default_from_dict(JinaOmniTextEmbedder, stored)
    with pytest.raises(jina_omni.ModelLoadError):
        embedder.warm_up()


@pytest.mark.parametrize("on_error", ["raise", "skip", "return"])
def test_a_document_that_fails_is_raised_left_out_or_returned_with_its_reason(
    model: jina_omni.Model, on_error: str, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = ByteStream(b"\x89PNG\r\n\x1a\n")
    given = [
        Document(id="good", content="a"),
        Document(id="none", meta={"n": 1}),
        Document(id="torn", content="b", blob=damaged),
        Document(id="last", content="c", meta={"embedding_error": "of another run"}),
    ]
    embedder = JinaOmniDocumentEmbedder(model, on_error=on_error)
    if on_error == "raise":
        with pytest.raises(jina_omni.InputError, match="document none has neither"):
            embedder.run(given)
        with pytest.raises(jina_omni.DecodeError, match="document torn, part 1 "):
            embedder.run(given[2:])
        return
    made = {document.id: document for document in embedder.run(given)["documents"]}
    np.testing.assert_array_equal([made["good"].embedding, made["last"].embedding], model.encode_document(["a", "c"]))
    assert made["last"].meta == {}
    if on_error == "skip":
        assert list(made) == ["good", "last"]
        assert [record.message.split(" ", 4)[2:4] for record in caplog.records] == [
            ["document", "none"],
            ["document", "torn,"],
        ]
    else:
        assert list(made) == ["good", "none", "torn", "last"]
        assert (made["none"].embedding, made["torn"].embedding) == (None, None)
        assert made["none"].meta["embedding_error"].startswith("document none has neither")
        assert made["torn"].meta["embedding_error"].startswith("document torn, part 1 ")
    assert given[1].meta == {"n": 1}


def test_an_unknown_policy_is_refused(model: jina_omni.Model) -> None:
    with pytest.raises(ValueError, match="on_error is 'ignore'; it is one of raise, skip, return"):
        JinaOmniDocumentEmbedder(model, on_error="ignore")


@pytest.mark.parametrize("on_error", ["raise", "skip", "return"])
@pytest.mark.parametrize("wrong", ["abc", ["abc"], None, Document(content="a"), [None]])
def test_what_is_no_list_of_documents_is_refused(model: jina_omni.Model, wrong: object, on_error: str) -> None:
    with pytest.raises(TypeError, match=r"^(documents are|a document is) "):
        JinaOmniDocumentEmbedder(model, on_error=on_error).run(wrong)
