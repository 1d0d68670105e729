from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jina_omni
from testing.checkpoints.writer import Checkpoint
from tests.integrations.packages import import_framework

mteb = import_framework("mteb")
protocols = import_framework("mteb.models.models_protocols")
datasets = import_framework("datasets")
abstasks = import_framework("mteb.abstasks")
task_metadata = import_framework("mteb.abstasks.task_metadata")
types = import_framework("mteb.types")

from jina_omni.integrations.mteb import JinaOmniEncoder

pytestmark = pytest.mark.filterwarnings("ignore")  # of MTEB and of the packages that it has

COLOURS = ["red", "blue", "green", "black", "white", "yellow"]


def make_task(name: str, category: str, modalities: list[str], queries: dict, corpus: dict) -> object:
    """Return a retrieval task whose data are here: query i has the answer i."""
    ids = [str(i) for i in range(len(next(iter(corpus.values()))))]

    class Task(abstasks.AbsTaskRetrieval):
        metadata = task_metadata.TaskMetadata(
            name=name,
            description="Written by a test.",
            dataset={"path": "none/none", "revision": "1"},
            type="Retrieval",
            category=category,
            modalities=modalities,
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, **_: object) -> None:
            self.dataset = {
                "default": {
                    "test": {
                        "queries": datasets.Dataset.from_dict({"id": [f"q{i}" for i in ids], **queries}),
                        "corpus": datasets.Dataset.from_dict({"id": [f"d{i}" for i in ids], **corpus}),
                        "relevant_docs": {f"q{i}": {f"d{i}": 1} for i in ids},
                        "top_ranked": None,
                    }
                }
            }
            self.data_loaded = True

    return Task()


def evaluate_task(encoder: JinaOmniEncoder, task: object) -> dict[str, float]:
    result = mteb.evaluate(encoder, task, cache=None, co2_tracker=False, show_progress_bar=False)
    return result.task_results[0].scores["test"][0]


def compute_expected(cosines: np.ndarray) -> float:
    """Return the mean reciprocal rank of the answers, which are on the diagonal."""
    return float(np.mean([1 / (1 + np.sum(row > row[i])) for i, row in enumerate(cosines)]))


def test_it_is_what_mteb_calls_an_encoder(model: jina_omni.Model) -> None:
    encoder = JinaOmniEncoder(model, truncate_dim=32)
    assert isinstance(encoder, protocols.EncoderProtocol)
    meta = encoder.mteb_model_meta
    assert (meta.name, meta.embed_dim, meta.modalities) == ("jina-omni/toy-retrieval-F16", 32, ["text", "image"])


def test_results_of_other_options_are_kept_apart(model: jina_omni.Model) -> None:
    metas = [JinaOmniEncoder(model, **options).mteb_model_meta for options in ({}, {"truncate_dim": 32})]
    names = {meta.experiment_name for meta in metas}
    assert len(names) == 2


def test_a_task_of_texts_has_the_score_that_the_model_gives(model: jina_omni.Model) -> None:
    queries = [f"where is the {colour} one" for colour in COLOURS]
    corpus = [f"the {colour} one is here" for colour in COLOURS]
    task = make_task("Texts", "t2t", ["text"], {"text": queries}, {"text": corpus, "title": [""] * len(corpus)})
    cosines = model.similarity(model.encode_query(queries), model.encode_document(corpus))
    assert evaluate_task(JinaOmniEncoder(model), task)["mrr_at_10"] == pytest.approx(
        compute_expected(cosines), abs=1e-5
    )


def test_a_task_of_images_has_the_score_that_the_model_gives(model: jina_omni.Model) -> None:
    images = [Image.new("RGB", (64, 48), colour) for colour in COLOURS]
    features = datasets.Features({"id": datasets.Value("string"), "image": datasets.Image()})
    corpus = {"image": datasets.Dataset.from_dict({"id": COLOURS, "image": images}, features)["image"][:]}
    task = make_task("Images", "t2i", ["text", "image"], {"text": COLOURS}, corpus)
    cosines = model.similarity(model.encode_query(COLOURS), model.encode_document(images))
    assert evaluate_task(JinaOmniEncoder(model), task)["mrr_at_10"] == pytest.approx(
        compute_expected(cosines), abs=1e-5
    )


def test_what_a_row_has_of_several_kinds_is_one_vector(model: jina_omni.Model, pictures: list[Path]) -> None:
    images = [Image.open(path).convert("RGB") for path in pictures]
    batches = [{"text": ["a", "b"], "image": images[:2]}, {"text": ["c"], "image": [None]}]
    made = JinaOmniEncoder(model).encode(batches, prompt_type=types.PromptType.query)
    np.testing.assert_array_equal(made, model.encode_query([["a", images[0]], ["b", images[1]], "c"]))
    without = JinaOmniEncoder(model).encode(batches)
    np.testing.assert_array_equal(without, model.encode([["a", images[0]], ["b", images[1]], "c"]))


def test_sounds_are_embedded_at_their_rate(small: Checkpoint) -> None:
    samples = np.sin(np.arange(8000) / 5).astype(np.float32)
    with jina_omni.Model(small.text, [small.audio], device="cpu", n_threads=1) as model:
        made = JinaOmniEncoder(model).encode([{"audio": [{"array": samples, "sampling_rate": 8000}]}])
        np.testing.assert_array_equal(made, [model.encode(jina_omni.Audio(samples, sampling_rate=8000))])
