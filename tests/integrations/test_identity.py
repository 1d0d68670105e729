"""Two settings that give different vectors never share a cache entry or a stored form, in any framework."""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import jina_omni
from tests.integrations.conftest import TEXT, VISION
from tests.integrations.packages import import_framework

pytestmark = pytest.mark.filterwarnings("ignore")  # of the frameworks

ARGUMENTS = st.fixed_dictionaries(
    {"model": st.just(str(TEXT)), "device": st.just("cpu")},
    optional={
        "mmproj": st.just([str(VISION)]),
        "n_threads": st.just(1),
        "compute": st.sampled_from(["fast", "exact"]),
        "dialect": st.sampled_from(["card", "sentence-transformers"]),
        "task": st.sampled_from([None, "clustering", "text-matching"]),
        "orientation": st.sampled_from(["as-stored", "upright"]),
        "background": st.sampled_from([None, "white", (255, 255, 255), "#00f"]),
    },
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "truncate_dim": st.sampled_from([None, 32, 64]),
        "normalize_embeddings": st.booleans(),
        "prompt": st.sampled_from([None, "", "Topic: "]),
        "truncate": st.booleans(),
        "batch_tokens": st.sampled_from([None, 64]),
    },
)
SETTINGS = st.tuples(ARGUMENTS, OPTIONS)


class Framework(NamedTuple):
    """How a framework makes an adapter, stores it, and makes it again; and what its caches find vectors by."""

    make: Callable[..., Any]
    store: Callable[[Any], Any]
    load: Callable[[Any], Any]
    find_key: Callable[[Any], object]


def use_llama_index() -> Framework:
    import_framework("llama_index.core")
    ingestion = import_framework("llama_index.core.ingestion.pipeline")
    schema = import_framework("llama_index.core.schema")
    from jina_omni.integrations.llama_index import JinaOmniEmbedding

    nodes = [schema.TextNode(text="a", id_="0")]
    return Framework(
        JinaOmniEmbedding,
        lambda adapter: adapter.to_json(),
        JinaOmniEmbedding.from_json,
        lambda adapter: ingestion.get_transformation_hash(nodes, adapter),
    )


def use_langchain() -> Framework:
    import_framework("langchain_core")
    from jina_omni.integrations.langchain import JinaOmniEmbeddings

    return Framework(JinaOmniEmbeddings, pickle.dumps, pickle.loads, lambda adapter: adapter.identity)


def use_chroma() -> Framework:
    import_framework("chromadb")
    from jina_omni.integrations.chroma import JinaOmniEmbeddingFunction

    return Framework(
        JinaOmniEmbeddingFunction,
        lambda adapter: json.dumps(adapter.get_config()),
        lambda stored: JinaOmniEmbeddingFunction.build_from_config(json.loads(stored)),
        lambda adapter: json.dumps(adapter.get_config()),
    )


def use_haystack() -> Framework:
    import_framework("haystack")
    from haystack import Pipeline, default_from_dict

    from jina_omni.integrations.haystack import JinaOmniDocumentEmbedder

    def store(adapter: JinaOmniDocumentEmbedder) -> str:
        pipeline = Pipeline()
        pipeline.add_component("embedder", default_from_dict(JinaOmniDocumentEmbedder, adapter.to_dict()))
        return pipeline.dumps()

    def load(stored: str) -> JinaOmniDocumentEmbedder:
        return Pipeline.loads(stored, allowed_modules=["jina_omni.*"]).get_component("embedder")

    return Framework(JinaOmniDocumentEmbedder, store, load, store)


def use_lancedb() -> Framework:
    embeddings = import_framework("lancedb.embeddings")
    from jina_omni.integrations.lancedb import JinaOmniEmbeddings

    registry = embeddings.get_registry()

    def store(adapter: object) -> dict[bytes, bytes]:
        config = embeddings.EmbeddingFunctionConfig(vector_column="vector", source_column="text", function=adapter)
        (written,) = registry.get_table_metadata([config]).values()
        return {b"embedding_functions": written}

    def load(stored: dict[bytes, bytes]) -> object:
        return registry.parse_functions(stored)["vector"].function

    return Framework(JinaOmniEmbeddings.create, store, load, lambda adapter: str(store(adapter)))


def use_mteb() -> Framework:
    import_framework("mteb")
    from jina_omni.integrations.mteb import JinaOmniEncoder

    def find_key(adapter: JinaOmniEncoder) -> tuple[str, ...]:
        meta = adapter.mteb_model_meta
        return meta.name, meta.revision, meta.experiment_name

    return Framework(
        JinaOmniEncoder,
        lambda adapter: pickle.dumps(adapter._source),
        lambda stored: JinaOmniEncoder(pickle.loads(stored).model, **pickle.loads(stored).options),
        find_key,
    )


FRAMEWORKS = [use_llama_index, use_langchain, use_chroma, use_haystack, use_lancedb]
if importlib.util.find_spec("mteb"):  # installed by the nightly job alone, where the tests of MTEB may not be skipped
    FRAMEWORKS.append(use_mteb)


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Framework:
    return request.param()


def draw_picture() -> Image.Image:
    """Return a picture whose vector depends on its orientation and its background."""
    picture = Image.new("RGBA", (64, 48), (255, 0, 0, 0))
    picture.paste((0, 255, 0, 255), (0, 0, 40, 10))
    picture.getexif()[0x0112] = 6
    return picture


PICTURE = draw_picture()


def compute_vectors(adapter: Any) -> tuple[bytes, ...]:
    """Return the vectors of a text as a query and as a document, and of a picture where the model takes them."""
    source = adapter._source
    vectors = [source.model.encode_query("a red circle", **source.options)]
    vectors += [source.model.encode_document("a red circle", **source.options)]
    if "image" in source.model.info.modalities:
        vectors += [source.model.encode_document(PICTURE, **source.options)]
    return tuple(vector.tobytes() for vector in vectors)


def close(*adapters: Any) -> None:
    for adapter in adapters:
        adapter._source.model.close()


@given(first=SETTINGS, second=SETTINGS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_settings_with_different_vectors_are_stored_and_cached_apart(
    framework: Framework, first: tuple[dict, dict], second: tuple[dict, dict]
) -> None:
    one, other = (framework.make(model=arguments, **options) for arguments, options in (first, second))
    if compute_vectors(one) != compute_vectors(other):
        assert framework.store(one) != framework.store(other)
        assert framework.find_key(one) != framework.find_key(other)
    close(one, other)


@given(chosen=SETTINGS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_stored_gives_the_same_vectors_and_has_no_weights(
    framework: Framework, chosen: tuple[dict, dict]
) -> None:
    arguments, options = chosen
    adapter = framework.make(model=arguments, **options)
    stored = framework.store(adapter)
    assert len(str(stored)) < 4_000
    assert TEXT.name in str(stored)
    again = framework.load(stored)
    assert compute_vectors(again) == compute_vectors(adapter)
    assert again._source.identity == adapter._source.identity
    assert framework.find_key(again) == framework.find_key(adapter)
    close(adapter, again)


def test_every_adapter_refuses_an_unknown_option(framework: Framework) -> None:
    for wrong in ({"trunkate": True}, {"dim": 64}, {"device": "cpu"}, {"fetch": len}, {"truncate_dim": 65}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            framework.make(model=TEXT, **wrong)
    with pytest.raises(TypeError, match="threads"):
        framework.make(model={"model": TEXT, "threads": 2})


def test_every_adapter_takes_a_model_a_path_and_a_dict(framework: Framework, model: jina_omni.Model) -> None:
    expected = model.encode_query("a red circle").tobytes()
    for taken in (model, TEXT, str(TEXT), {"model": TEXT, "device": "cpu"}):
        adapter = framework.make(model=taken)
        assert compute_vectors(adapter)[0] == expected
        assert adapter._source.arguments["files"][0]["sha256"]


def test_the_settings_of_this_test_have_different_vectors() -> None:
    """What decides vectors is drawn: each of these differs from the first."""
    base = {"model": str(TEXT), "mmproj": [str(VISION)], "device": "cpu"}
    changes = ({}, {"compute": "exact"}, {"dialect": "sentence-transformers"}, {"task": "clustering"})
    changes += ({"orientation": "upright"}, {"background": "white"})
    made = []
    for change in changes:
        with jina_omni.Model(**base | change) as model:
            vectors = [model.encode_query("a red circle"), model.encode_document(PICTURE)]
            made.append(np.stack(vectors).tobytes())
    assert len(set(made)) == len(changes)
