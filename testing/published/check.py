"""The checks of one repository: its files and headers, parity of F16 with torch, and the quantisations with F16."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pypdfium2
from tokenizers import Tokenizer

import jina_omni
from jina_omni.native import TextModel, find_device
from jina_omni.repository import choose_files, list_files, list_parts
from testing.checkpoints.cases import Case, all_cases, media_cases, text_cases
from testing.checkpoints.shapes import ModelShape
from testing.checkpoints.spans import Audio, Part, Video
from testing.checkpoints.torch_reference import TorchReference
from testing.checkpoints.weights import Weights
from testing.pdfs import INCH, document, rectangle
from testing.published.headers import Headers, answer_questions, compare_headers
from testing.published.originals import Original, Tensors
from testing.published.report import Report

# The lowest cosines that the model cards and the document of the vendor's branch publish for F16 against torch
# (MODEL_FACTS section 10.1). Fused inputs have none of their own; they take that of images.
BARS = {
    "small": {"text": 0.999877, "image": 0.9989, "audio": 0.9996, "video": 0.9965, "pdf": 0.9943, "fused": 0.9989},
    "nano": {"text": 0.998456, "image": 0.9986, "audio": 0.9998, "video": 0.9968, "pdf": 0.9877, "fused": 0.9986},
}
# The lowest cosines with float32 for very short, short and medium texts, of the model card of small-clustering
# (docs/quantisation.md).
QUANTIZATION_BARS = {
    "Q8_0": (0.9986, 0.9998, 0.9997),
    "Q6_K": (0.9951, 0.9990, 0.9984),
    "Q5_K_M": (0.9938, 0.9985, 0.9976),
    "Q5_K_S": (0.9910, 0.9979, 0.9971),
    "Q4_K_M": (0.9856, 0.9960, 0.9936),
    "IQ4_NL": (0.9833, 0.9932, 0.9897),
    "IQ4_XS": (0.9802, 0.9924, 0.9887),
    "Q3_K_M": (0.9686, 0.9896, 0.9858),
    "Q2_K": (0.8212, 0.9575, 0.9375),
    "IQ2_M": (0.8144, 0.9532, 0.9334),
    "IQ2_XXS": (0.7750, 0.8553, 0.8160),
    "IQ1_M": (0.3100, 0.7767, 0.6790),
    "IQ1_S": (0.5355, 0.7312, 0.3854),
}
_SENTENCES = (
    "The harbour was quiet when the first boats came back in the morning",
    "Interest rates rose again, and the price of houses began to fall",
    "Water boils at a lower temperature on a mountain than at the sea",
    "She tuned the old piano by ear, one string after the other",
)
TEXTS = {
    "very short": ("red car", "a cat", "tax law", "deep sea"),
    "short": _SENTENCES,
    "medium": tuple(". ".join((*_SENTENCES[i:], *_SENTENCES[:i])) for i in range(4)),
}
# Facts of the torch checkpoint's configuration that the GGUF files do not hold.
_CONFIGURED = (
    *("hidden_act", "rope_theta", "torch_dtype", "dtype", "transformers_version", "special_token_ids"),
    *("image_token_id", "image_token_index", "audio_token_id", "audio_start_token_id", "audio_end_token_id"),
    *("shortest_edge", "longest_edge", "fps"),
)


def check_repository(model: jina_omni.PublishedModel, shape: ModelShape) -> Report:
    """Download the files of a repository and of the torch checkpoint, and check them.

    Parameters
    ----------
    model
        One of `jina_omni.list_models`.
    shape
        What is assumed of its size.
    """
    report = Report(model.repository)
    folder = _fetch(report, model.repository, ["*.gguf"])
    if folder is None:
        return report
    paths = {name: folder / text for name, text in _find_texts(report, folder, model)}
    try:
        projectors = choose_files(list_files(folder), "F16", "omni", model.repository).under(folder).mmproj
    except jina_omni.ModelLoadError as error:
        report.problems.append(str(error))
        return report
    originals = _fetch(report, model.repository.removesuffix("-GGUF"), ["*.safetensors", "*.json"])
    files = (paths["F16"], *map(Path, projectors))
    headers = Headers(*map(Weights, files))
    report.answers += answer_questions(headers)
    report.problems += compare_headers(headers, shape, model.task)
    if originals is not None:
        _check_configuration(report, originals)
        _check_tokenizer(report, originals, paths["F16"])
    _compare_with_torch(report, model.size, files, originals)
    _compare_quantizations(report, paths)
    return report


def _fetch(report: Report, repository: str, patterns: list[str]) -> Path | None:
    """Return the folder with a repository's files, None where the Hub has no such repository."""
    try:
        folder = Path(huggingface_hub.snapshot_download(repository, allow_patterns=patterns))
    except huggingface_hub.errors.RepositoryNotFoundError:
        report.problems.append(f"the Hub has no repository {repository}")
        return None
    report.commits[repository] = folder.name  # of the cache, which has a folder for each commit
    return folder


def _find_texts(report: Report, folder: Path, model: jina_omni.PublishedModel) -> Iterator[tuple[str, str]]:
    """Yield the quantisations and their files; those that are missing and those that nobody expects are problems."""
    names = list_files(folder)
    expected = set()
    for quantization in model.quantizations:
        try:
            chosen = choose_files(names, quantization, "omni", model.repository)
        except jina_omni.ModelLoadError as error:
            report.problems.append(str(error))
            continue
        expected |= {part for name in (chosen.text, *chosen.mmproj) for part in list_parts(name)}
        yield quantization, chosen.text
    unexpected = sorted(name for name in names if name.endswith(".gguf") and name not in expected)
    report.problems += [f"the file {name} is not one of those that are assumed" for name in unexpected]


def _check_configuration(report: Report, originals: Path) -> None:
    for path in sorted(originals.glob("*config.json")):
        facts = dict(_find_facts(json.loads(path.read_text("utf-8")), ""))
        if facts:
            report.answers.append((path.name, ", ".join(f"{name} = {value!r}" for name, value in facts.items())))
        for name, value in facts.items():
            if name.startswith("vision_config.") and name.endswith("hidden_act") and value != "gelu_pytorch_tanh":
                report.problems.append(f"{path.name}: {name} is {value!r}, assumed 'gelu_pytorch_tanh'")


def _find_facts(value: Any, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _find_facts(item, f"{name}.{key}" if name else key)
    elif name.rpartition(".")[2] in _CONFIGURED or "special_token_ids" in name:
        yield name, value


def _check_tokenizer(report: Report, originals: Path, path: Path) -> None:
    if not (originals / "tokenizer.json").is_file():
        report.problems.append("the torch checkpoint has no tokenizer.json")
        return
    theirs = Tokenizer.from_file(str(originals / "tokenizer.json"))
    ours = TextModel(path, find_device("cpu"))
    for case in text_cases():
        (text,) = case.parts
        given = unicodedata.normalize("NFC", text) if ours.normalizes_to_nfc else text
        ids = [*ours.tokenize(given).tolist(), *([] if ours.eos is None else [ours.eos])]
        expected = theirs.encode(text).ids
        if ids != expected:
            at = next((i for i, (a, b) in enumerate(zip(ids, expected, strict=False)) if a != b), len(expected))
            report.problems.append(
                f"{case.name}: tokenizer.json gives {len(expected)} tokens, here are {len(ids)}; "
                f"token {at} is the first that differs"
            )


def _compare_with_torch(report: Report, size: str, files: tuple[Path, ...], originals: Path | None) -> None:
    weights = None
    if originals is not None:
        tensors = Tensors(originals)
        weights = tuple(Original(path, tensors) for path in files)
    reference = TorchReference(*files, weights=weights)
    with jina_omni.Model(files[0], files[1:], device="cpu") as model:
        for case, given in _list_cases():
            (ours,) = model.encode([given])
            cosine = float(np.dot(ours.astype(np.float64), reference.embed(case.parts)))
            report.add_cosine(case.name, cosine, BARS[size][case.name.partition("-")[0]])
    missing = sorted({name for one in weights or () for name in one.missing})
    if missing:
        shown = ", ".join(missing[:5])
        report.problems.append(f"the torch checkpoint has not {len(missing)} tensors under a known name: {shown}")


def _list_cases() -> Iterator[tuple[Case, Any]]:
    """Yield the cases of the dialect "card", each with the input that this library takes."""
    for case in (*all_cases(), *media_cases()):
        if case.dialect == "card":
            yield case, [_as_ours(part) for part in case.parts]
    data = document((INCH, rectangle((255, 0, 0), 9, 9, 30, 20)), (INCH, rectangle((0, 0, 255), 20, 30, 40, 9)))
    with pypdfium2.PdfDocument(data) as pages:
        pictures = tuple(page.render(scale=150 / 72).to_pil().convert("RGB") for page in pages)
    yield Case("pdf-two-pages", pictures), jina_omni.Pdf(data)


def _as_ours(part: Part) -> Any:
    if isinstance(part, Audio):
        return jina_omni.Audio(part.samples, sampling_rate=16_000)
    if isinstance(part, Video):
        return jina_omni.Video(part.frames, timestamps=part.times or False)
    return part


def _compare_quantizations(report: Report, paths: dict[str, Path]) -> None:
    texts = [text for group in TEXTS.values() for text in group]
    vectors = {}
    for name, path in paths.items():
        try:
            with jina_omni.Model(path, device="cpu") as model:
                vectors[name] = model.encode(texts).astype(np.float64)
        except jina_omni.JinaOmniError as error:  # noqa: PERF203 - the others are to be used
            report.problems.append(f"{name} can't be used: {error}")
    for name in [name for name in vectors if name != "F16"]:
        cosines = np.sum(vectors[name] * vectors["F16"], axis=1).reshape(len(TEXTS), -1).min(axis=1)
        for length, cosine, bar in zip(TEXTS, cosines, QUANTIZATION_BARS[name], strict=True):
            report.add_quantization(name, length, float(cosine), bar)
