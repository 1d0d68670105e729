from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jina_omni
from tests.integrations.packages import import_framework

import_framework("langchain_core")
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore

from jina_omni.integrations.langchain import JinaOmniEmbeddings

cached = import_framework("langchain_classic.embeddings")
stores = import_framework("langchain_core.stores")
unit_tests = import_framework("langchain_tests.unit_tests")
integration_tests = import_framework("langchain_tests.integration_tests")

TEXTS = ["a red circle", "a blue square", "what is the weather like?"]


class _Standard:
    @pytest.fixture(autouse=True)
    def _given(self, open_model: partial[jina_omni.Model]) -> Iterator[None]:
        with open_model(device="cpu", n_threads=1) as self._model:  # `model` is a fixture of LangChain's here
            yield

    @property
    def embeddings_class(self) -> type[JinaOmniEmbeddings]:
        return JinaOmniEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": self._model}


class TestStandardUnit(_Standard, unit_tests.EmbeddingsUnitTests):
    """LangChain's own tests of an ``Embeddings``."""


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore:The test .* is marked with '@pytest.mark.asyncio' but it is not an async function")
class TestStandardIntegration(_Standard, integration_tests.EmbeddingsIntegrationTests):
    """And those that embed."""


def test_a_text_or_a_path_in_the_place_of_a_list_is_refused(model: jina_omni.Model) -> None:
    embeddings = JinaOmniEmbeddings(model)
    with pytest.raises(TypeError, match="documents are 'a red circle'; they are a list"):
        embeddings.embed_documents("a red circle")
    with pytest.raises(TypeError, match="documents are 'a red circle'; they are a list"):
        asyncio.run(embeddings.aembed_documents("a red circle"))
    with pytest.raises(TypeError, match=r"documents are 'cat.png'; they are a list"):
        embeddings.embed_image("cat.png")


def test_texts_are_documents_and_a_query_is_a_query(model: jina_omni.Model) -> None:
    embeddings = JinaOmniEmbeddings(model)
    np.testing.assert_array_equal(embeddings.embed_documents(TEXTS), model.encode_document(TEXTS))
    np.testing.assert_array_equal(embeddings.embed_query(TEXTS[0]), model.encode_query(TEXTS[0]))
    assert embeddings.embed_query(TEXTS[0]) != embeddings.embed_documents(TEXTS)[0]


def test_options_reach_both(model: jina_omni.Model) -> None:
    embeddings = JinaOmniEmbeddings(model, truncate_dim=32)
    assert (len(embeddings.embed_query("a")), len(embeddings.embed_documents(["a"])[0])) == (32, 32)


def test_images_are_embedded_by_their_paths(model: jina_omni.Model, pictures: list[Path]) -> None:
    found = JinaOmniEmbeddings(model).embed_image([str(path) for path in pictures])
    np.testing.assert_array_equal(found, model.encode_document(pictures))


def test_a_vector_store_finds_the_nearest_of_the_model(model: jina_omni.Model) -> None:
    store = InMemoryVectorStore(JinaOmniEmbeddings(model))
    store.add_documents([Document(text) for text in TEXTS])
    cosines = model.similarity(model.encode_query("a circle"), model.encode_document(TEXTS))[0]
    found = store.similarity_search_with_score("a circle", k=3)
    assert [document.page_content for document, _ in found] == [TEXTS[i] for i in np.argsort(-cosines)]
    np.testing.assert_allclose([score for _, score in found], np.sort(cosines)[::-1], atol=1e-6)


def test_async_gives_the_same(model: jina_omni.Model) -> None:
    embeddings = JinaOmniEmbeddings(model)
    assert asyncio.run(embeddings.aembed_query("a")) == embeddings.embed_query("a")
    assert asyncio.run(embeddings.aembed_documents(TEXTS)) == embeddings.embed_documents(TEXTS)


@pytest.mark.filterwarnings("ignore")  # Chroma's own
def test_chroma_of_langchain_finds_an_image_by_itself(
    model: jina_omni.Model, pictures: list[Path], tmp_path: Path
) -> None:
    chroma = import_framework("langchain_chroma")
    store = chroma.Chroma("pictures", JinaOmniEmbeddings(model), persist_directory=str(tmp_path))
    store.add_images([str(path) for path in pictures], metadatas=[{"name": path.name} for path in pictures])
    found = store.similarity_search_by_vector(model.encode_document(pictures[1]).tolist(), k=1)
    assert found[0].metadata["name"] == pictures[1].name


def test_one_cache_with_the_identity_as_its_namespace_keeps_the_vectors_of_all_settings_apart(
    open_model: partial[jina_omni.Model], model: jina_omni.Model
) -> None:
    store = stores.InMemoryByteStore()
    with open_model(device="cpu", dialect="sentence-transformers") as other:
        for used, options in ((model, {}), (model, {"prompt": "Topic: "}), (other, {})):
            for _ in range(2):  # computed, then found in the cache
                embeddings = JinaOmniEmbeddings(used, **options)
                cache = cached.CacheBackedEmbeddings.from_bytes_store(
                    embeddings, store, namespace=embeddings.identity, key_encoder="sha256"
                )
                np.testing.assert_array_equal(cache.embed_documents(TEXTS), used.encode_document(TEXTS, **options))
    assert len(list(store.yield_keys())) == 3 * len(TEXTS)


def test_a_pickle_has_the_identity_and_opens_the_model_again(model: jina_omni.Model) -> None:
    embeddings = JinaOmniEmbeddings(model, truncate_dim=32)
    again = pickle.loads(pickle.dumps(embeddings))
    assert again.identity == embeddings.identity
    assert again.embed_query("a") == embeddings.embed_query("a")
