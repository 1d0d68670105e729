from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np

import jina_omni
from tests.integrations.packages import import_framework

import_framework("llama_index.core")
indices = import_framework("llama_index.core.indices")
schema = import_framework("llama_index.core.schema")
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
