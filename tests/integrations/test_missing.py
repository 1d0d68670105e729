from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    "chroma": ("chromadb", "chroma"),
    "haystack": ("haystack", "haystack"),
    "lancedb": ("lancedb", "search"),
    "langchain": ("langchain_core", "langchain"),
    "llama_index": ("llama_index", "llama-index"),
    "mteb": ("mteb", "mteb"),
    "ray": ("ray", "ray"),
    "spark": ("pyspark", "spark"),
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", MODULES)
def test_an_adapter_without_its_framework_is_an_import_error_that_names_the_extra(module: str) -> None:
    package, extra = MODULES[module]
    # None in sys.modules is what an absent package is to an import statement
    run_ = run(f"import sys; sys.modules[{package!r}] = None; import jina_omni.integrations.{module}")
    last = run_.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert last.endswith(f"pip install 'jina-omni[{extra}]'")


def test_every_extra_that_is_named_is_declared() -> None:
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert {extra for _, extra in MODULES.values()} <= set(extras)


def test_the_library_imports_no_framework_by_itself() -> None:
    packages = {package for package, _ in MODULES.values()} | {"torch"}
    assert run(f"import sys, jina_omni, jina_omni.integrations; assert not {packages} & set(sys.modules)").stderr == ""
