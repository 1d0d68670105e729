# SPDX-License-Identifier: Apache-2.0
"""Which extension is loaded, by distributions of accelerators that lie in a folder as pip would leave them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from jina_omni.native import _lib as own
from jina_omni.native.extension import ACCELERATORS, load_extension


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ACCELERATORS:
        monkeypatch.delitem(sys.modules, f"jina_omni_{name}", raising=False)
        monkeypatch.delitem(sys.modules, f"jina_omni_{name}._lib", raising=False)
    _install(tmp_path, "jina_omni", "0.1.0", None)
    return tmp_path


def _install(site: Path, package: str, version: str, extension: str | None) -> None:
    info = site / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: {version}\n")
    if extension is not None:
        (site / package).mkdir()
        (site / package / "_lib.py").write_text(extension)
    importlib.invalidate_caches()


@pytest.mark.usefixtures("site")
def test_without_an_accelerator_the_packages_own_is_loaded() -> None:
    assert load_extension() == (own, None)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_an_installed_accelerator_is_loaded(site: Path, name: str) -> None:
    _install(site, f"jina_omni_{name}", "0.1.0", "")
    extension, problem = load_extension()
    assert extension.__name__ == f"jina_omni_{name}._lib"
    assert problem is None


def test_one_that_lacks_a_library_is_told_and_the_packages_own_loaded(site: Path) -> None:
    missing = "libcublas.so.13: cannot open shared object file: No such file or directory"
    _install(site, "jina_omni_cuda13", "0.1.0", f"raise ImportError({missing!r})")
    extension, problem = load_extension()
    assert extension is own
    assert problem is not None
    assert "jina-omni-cuda13" in problem
    assert missing in problem


def test_the_next_one_is_taken_where_one_does_not_load(site: Path) -> None:
    _install(site, "jina_omni_cuda13", "0.1.0", "raise ImportError")
    _install(site, "jina_omni_vulkan", "0.1.0", "")
    assert load_extension()[0].__name__ == "jina_omni_vulkan._lib"


def test_one_of_another_version_is_not_loaded_and_told(site: Path) -> None:
    _install(site, "jina_omni_cuda12", "0.0.9", "raise AssertionError")
    extension, problem = load_extension()
    assert extension is own
    assert problem == (
        "jina-omni-cuda12 is of version 0.0.9, but jina-omni of 0.1.0; run pip install 'jina-omni[cuda12]==0.1.0'"
    )
