"""docs/api.md has all that the package gives."""

from __future__ import annotations

import re
from pathlib import Path

import jina_omni
import jina_omni.native

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SHOWN = set(re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE))


def test_every_public_name_is_shown() -> None:
    public = {f"jina_omni.{name}" for name in jina_omni.__all__} - {
        f"jina_omni.{name}" for name in jina_omni.errors.__all__  # shown with their module
    }
    assert public <= SHOWN
    assert "jina_omni.errors" in SHOWN


def test_the_native_layer_is_shown() -> None:
    native = {name for name in jina_omni.native.__all__ if name != "CancelToken"}  # which stands above
    assert native <= {name.rpartition(".")[2] for name in SHOWN if name.startswith("jina_omni.native.")}
