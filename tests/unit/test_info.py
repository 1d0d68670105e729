# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from jina_omni import Model, ModelInfo, dialects, info
from jina_omni.dialects import TASKS, find_task
from jina_omni.info import MODEL_LICENSE, find_quantization, trained_dims
from testing.checkpoints.shapes import AudioShape, ModelShape, TextShape, VisionShape
from testing.checkpoints.writer import Edits, write_combined, write_text, write_vision

# The 14 published types (MODEL_FACTS 8.1).
QUANTIZATIONS = (
    *("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "IQ4_NL"),
    *("IQ4_XS", "Q3_K_M", "Q2_K", "IQ2_M", "IQ2_XXS", "IQ1_M", "IQ1_S"),
)
SHAPE = ModelShape(
    "small",
    TextShape("qwen3", 1, 64, 1, 1, 64, 64, 2064, 512, 3_500_000.0, 1e-6),
    VisionShape(1, 64, 1, 64, 64, 1e-6, None),
    AudioShape(1, 64, 1, 64, 64),
)
INFO = ModelInfo(
    path="/models/small-Q4_K_M.gguf",
    architecture="qwen3",
    quantization="Q4_K_M",
    task="retrieval",
    modalities=("text", "image"),
    dim=1024,
    dims=(32, 64, 128, 256, 512, 768, 1024),
    max_seq_length=32768,
    compute="fast",
    dialect="card",
    orientation="as-stored",
    background=None,
    query_prompt="Query: ",
    document_prompt="Document: ",
    default_prompt="Document: ",
    image_delimiters=("<|vision_start|>", "<|vision_end|>"),
    audio_delimiters=None,
    device="cpu",
    devices=("cpu",),
    device_description="A processor",
    no_accelerator=None,
    workarounds=(),
    n_threads=4,
    instruction_set="avx2",
    n_params=600_000_000,
    n_bytes=400_000_000,
    packed_bytes=0,
    license=MODEL_LICENSE,
)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", ["small", "nano"])
def test_the_published_names_tell_the_task(size: str, task: str) -> None:
    name = f"jina-embeddings-v5-omni-{size}-{task}"
    files = (f"{name}-Q4_K_M.gguf", f"{name}-vision-mmproj-F16.gguf")
    for spelling in (name, *files, name.upper(), name.replace("-", "_")):
        assert find_task(spelling) == task


@pytest.mark.parametrize(
    ("names", "task"),
    [
        ((), None),
        ((None, None), None),
        (("", "model.gguf"), None),
        (("jina-embeddings-v5-omni-small",), None),
        ((None, "clustering"), "clustering"),
        (("model", None, "x-retrieval.gguf"), "retrieval"),
        (("x-classification", "x-retrieval.gguf"), "classification"),
        (("text matching?", "x-clustering.gguf"), "clustering"),
    ],
)
def test_the_first_telling_name_wins(names: tuple[str | None, ...], task: str | None) -> None:
    assert find_task(*names) == task


@pytest.mark.parametrize(
    ("keys", "file", "task"),
    [
        ({"general.name": "omni-retrieval"}, "omni-clustering.gguf", "retrieval"),
        ({"general.name": "omni", "general.basename": "omni-text_matching"}, "omni-clustering.gguf", "text-matching"),
        ({"general.name": None, "general.basename": "Omni-Classification"}, "x.gguf", "classification"),
        ({"general.name": "omni-clustering", "general.basename": "omni-retrieval"}, "x.gguf", "clustering"),
        ({"general.name": None}, "omni-text-matching-Q8_0.gguf", "text-matching"),
        ({"general.name": "omni"}, "renamed.gguf", None),
    ],
    ids=str,
)
def test_the_task_comes_from_the_keys_and_then_from_the_file_name(
    keys: dict[str, Any], file: str, task: str | None, tmp_path: Path
) -> None:
    folder = tmp_path / "retrieval"  # a folder's name says nothing
    folder.mkdir()
    path = write_text(folder / file, SHAPE, edits=Edits(metadata=keys))
    with Model(path, device="cpu") as model:
        found = model.info
    assert found.task == task
    is_retrieval = task == "retrieval"
    assert found.query_prompt == ("Query: " if is_retrieval else "")
    assert found.document_prompt == found.default_prompt == ("Document: " if is_retrieval else "")


@pytest.fixture(scope="module")
def clustering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("info") / "omni-clustering-IQ4_NL.gguf", SHAPE, task="clustering")


def test_a_task_that_is_passed_wins(clustering: Path) -> None:
    with Model(clustering, device="cpu", task="retrieval") as model:
        assert (model.info.task, model.info.query_prompt) == ("retrieval", "Query: ")
    with Model(clustering, device="cpu") as model:
        assert (model.info.task, model.info.query_prompt) == ("clustering", "")


@pytest.mark.parametrize(
    ("task", "meant"), [("", None), ("Retrieval", "retrieval"), ("text_matching", "text-matching"), ("search", None)]
)
def test_a_task_that_does_not_exist_is_refused_with_those_that_do(
    task: str, meant: str | None, clustering: Path
) -> None:
    with pytest.raises(ValueError, match="task is") as caught:
        Model(clustering, device="cpu", task=task)
    message = f"task is {task!r}; it is one of retrieval, text-matching, clustering, classification"
    assert str(caught.value) == message + (f"; did you mean {meant!r}?" if meant else "")


def test_what_was_loaded_is_told(clustering: Path, tmp_path: Path) -> None:
    vision = write_vision(tmp_path / "vision.gguf", SHAPE)
    with Model(clustering, device="cpu", n_threads=1) as model:
        text = model.info
    with Model(clustering, mmproj=vision, device="cpu", dialect="sentence-transformers") as model:
        both = model.info
    assert (text.path, text.architecture, text.quantization) == (str(clustering), "qwen3", "IQ4_NL")
    assert (text.dim, text.dims, text.max_seq_length, text.n_threads) == (64, (32, 64), 512, 1)
    assert text.context == text.max_seq_length
    assert (text.device, text.dialect) == ("cpu", "card")
    assert text.image_delimiters == ("<|vision_start|>", "<|vision_end|>")
    assert text.audio_delimiters == ("<|audio_start|>", "<|audio_end|>")
    assert (text.modalities, both.modalities) == (("text",), ("text", "image", "video", "pdf"))
    assert (both.dialect, both.query_prompt, both.default_prompt) == ("sentence-transformers", "Query: ", "")
    # A table of 2064 tokens; two norms of a layer, one of its end, two of its heads; four products and three.
    layer = 2 * 64 + 2 * 64 + 4 * 64 * 64 + 3 * 64 * 64
    assert text.n_params == 2064 * 64 + 64 + layer
    assert text.n_bytes == 2 * (2064 * 64 + 7 * 64 * 64) + 4 * 5 * 64
    assert both.n_params > text.n_params
    assert both.n_bytes > text.n_bytes
    assert "NC" in text.license


def test_a_file_with_both_projectors_counts_once(clustering: Path, tmp_path: Path) -> None:
    combined = write_combined(tmp_path / "mmproj.gguf", SHAPE)
    vision = write_vision(tmp_path / "vision.gguf", SHAPE)
    counts = []
    for mmproj in ((), vision, combined):
        with Model(clustering, mmproj=mmproj, device="cpu") as model:
            counts.append(model.info.n_bytes)
    text, with_vision, with_both = counts
    assert text < with_vision <= with_both < text + combined.stat().st_size
    assert combined.stat().st_size < 2 * (with_vision - text)  # else counting it twice would go unseen


@pytest.mark.parametrize(
    ("n_embd", "dims"),
    [
        (1024, (32, 64, 128, 256, 512, 768, 1024)),
        (768, (32, 64, 128, 256, 512, 768)),
        (256, (32, 64, 128, 256)),
        (300, (32, 64, 128, 256, 300)),
        (32, (32,)),
        (16, (16,)),
        (2048, (32, 64, 128, 256, 512, 768, 1024, 2048)),
    ],
)
def test_only_trained_widths_are_offered(n_embd: int, dims: tuple[int, ...]) -> None:
    assert trained_dims(n_embd) == dims


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_every_published_type_is_read_from_the_name(quantization: str) -> None:
    for size in ("small", "nano"):
        for task in TASKS:
            name = f"jina-embeddings-v5-omni-{size}-{task}-{quantization}.gguf"
            assert find_quantization(name) == quantization
            assert find_quantization(f"/models/F32/{name}") == quantization
    assert find_quantization(f"model.{quantization.lower()}.gguf") == quantization


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("Qwen3-0.6B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model-ud-iq1_s.gguf", "UD-IQ1_S"),
        ("model-UD-TQ1_0.gguf", "UD-TQ1_0"),
        ("model.i1-IQ3_XXS.gguf", "IQ3_XXS"),
        ("model-Q6_K_L.gguf", "Q6_K_L"),
        ("model_q4_0.gguf", "Q4_0"),
        ("model-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("model-TQ2_0.gguf", "TQ2_0"),
        ("model-MXFP4.gguf", "MXFP4"),
        ("model-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("model-NVFP4.gguf", "NVFP4"),
        ("model-IQ4_KS.gguf", "IQ4_KS"),
        ("model-fp16.gguf", "F16"),
        ("model.FP32.gguf", "F32"),
        ("model-bf16.gguf", "BF16"),
        ("model-Q4_K_M-imat.gguf", "Q4_K_M"),
        ("model-Q8_0-00001-of-00003.gguf", "Q8_0"),
        ("model-UD-Q2_K_XL-00002-of-00003.gguf", "UD-Q2_K_XL"),
        ("Q8_0/model-BF16-00001-of-00002.gguf", "BF16"),
    ],
)
def test_names_of_other_publishers_contain_the_type_too(name: str, quantization: str) -> None:
    assert find_quantization(name) == quantization


@pytest.mark.parametrize(
    "name",
    ["model.gguf", "Q4_K_M.txt", "F16-model.gguf", "folder-Q4_K_M.gguf/model.gguf", "small-Q.gguf", "notF16.gguf", ""],
)
def test_other_names_tell_no_type(name: str) -> None:
    assert find_quantization(name) is None


def test_printed_it_is_a_table_of_all_fields() -> None:
    lines = str(INFO).splitlines()
    width = max(len(field.name) for field in fields(ModelInfo)) + 2
    assert [(line[:width].rstrip(), line[width:]) for line in lines] == [
        (field.name, repr(getattr(INFO, field.name))) for field in fields(ModelInfo)
    ]
    assert "query_prompt        'Query: '" in lines
    assert "audio_delimiters    None" in lines


def test_a_line_break_in_a_value_keeps_the_table_whole() -> None:
    odd = replace(INFO, path="/a\nb.gguf", device_description="two\nlines")
    assert len(str(odd).splitlines()) == len(fields(ModelInfo))


def test_the_examples_run() -> None:
    for module in (info, dialects):
        assert doctest.testmod(module).failed == 0
