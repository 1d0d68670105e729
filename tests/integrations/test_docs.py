"""The samples of docs/integrations.md run as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import jina_omni
from tests.integrations.conftest import DATA
from tests.integrations.packages import framework

DOCS = Path(__file__).parents[2] / "docs"
FRAMEWORKS = {
    "Chroma": "chromadb",
    "Haystack": "haystack",
    "LanceDB": "lancedb",
    "LangChain": "langchain_core",
    "LlamaIndex": "llama_index.core",
    "MTEB": "mteb",
}


def samples(page: str) -> dict[str, str]:
    """Return the Python of each section."""
    sections = re.split(r"^## ", (DOCS / page).read_text("utf-8"), flags=re.MULTILINE)
    return {s.partition("\n")[0]: "\n".join(re.findall(r"```python\n(.*?)```", s, re.DOTALL)) for s in sections}


SAMPLES = samples("integrations.md")


def test_every_framework_has_a_sample() -> None:
    assert set(SAMPLES) - {"# Integrations"} == set(FRAMEWORKS)


@pytest.mark.filterwarnings("ignore")  # of the frameworks
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_sample_runs_and_prints_what_it_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    framework(FRAMEWORKS[name])
    files = {"text.gguf": "text.gguf", "vision-mmproj.gguf": "vision.gguf"}
    files |= {"red-circle.png": "circle.png", "blue-square.png": "square.png"}
    for packaged, given in files.items():
        shutil.copy(DATA / packaged, tmp_path / given)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "sample", "jina_omni": jina_omni}
    exec(SAMPLES["# Integrations"], names)
    with names["model"]:
        exec(compile(SAMPLES[name], name, "exec", dont_inherit=True), names)
    assert capfd.readouterr().out.strip()
