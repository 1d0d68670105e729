from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

import jina_omni
from jina_omni.integrations.shared.model_source import ModelSource


def test_the_arguments_of_a_model_make_the_same_model_after_json(open_model: partial[jina_omni.Model]) -> None:
    with open_model(device="cpu", n_threads=2, compute="exact", dialect="sentence-transformers") as model:
        written = json.dumps(ModelSource(model).arguments)
        with ModelSource(json.loads(written)).model as again:
            assert again.info == model.info


def test_a_given_model_is_the_one_that_is_used(model: jina_omni.Model) -> None:
    assert ModelSource(model).model is model


def test_arguments_make_one_model_at_the_first_use(open_model: partial[jina_omni.Model], tmp_path: Path) -> None:
    absent = ModelSource({"model": tmp_path / "none.gguf"})
    with pytest.raises(jina_omni.ModelLoadError, match=r"none\.gguf"):
        _ = absent.model
    source = ModelSource({"model": open_model.args[0], "device": "cpu"})
    assert source.model is source.model


@pytest.mark.parametrize("wrong", [{"model": "a.gguf", "threads": 2}, {}, "a.gguf"])
def test_what_makes_no_model_is_refused_at_once(wrong: object) -> None:
    with pytest.raises(TypeError):
        ModelSource(wrong)
