"""The samples of docs/integrations.md run; those of docs/cluster.md do in the tests of their engines."""

from __future__ import annotations

from pathlib import Path

import pytest

import jina_omni
from tests.integrations.packages import import_framework
from tests.integrations.samples import put_files, read_samples

FRAMEWORKS = {
    "Chroma": "chromadb",
    "Haystack": "haystack",
    "LanceDB": "lancedb",
    "LangChain": "langchain_core",
    "LlamaIndex": "llama_index.core",
    "MTEB": "mteb",
}
SAMPLES = read_samples("integrations.md")


def test_every_framework_has_a_sample() -> None:
    assert set(SAMPLES) - {"# Integrations"} == set(FRAMEWORKS)


def test_the_cost_of_a_billion_items_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    exec(read_samples("cluster.md")["A billion items"], {})
    assert capsys.readouterr().out == "2.22 per million items, 2,222 in all\n2.3 days on 100 machines\n"


@pytest.mark.filterwarnings("ignore")  # of the frameworks
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_sample_runs_and_prints_what_it_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import_framework(FRAMEWORKS[name])
    put_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "sample", "jina_omni": jina_omni}
    exec(SAMPLES["# Integrations"], names)
    with names["model"]:
        exec(compile(SAMPLES[name], name, "exec", dont_inherit=True), names)
    assert capfd.readouterr().out.strip()
