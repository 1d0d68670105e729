# SPDX-License-Identifier: Apache-2.0
"""The templates of the pages."""

from __future__ import annotations

from importlib import resources
from typing import Any

__all__ = ["POLICY", "fill_template", "read_template"]

POLICY = "default-src 'none'; img-src data:; media-src file:; style-src 'unsafe-inline'"
"""Of every page: it loads nothing but sounds and videos from files, whatever a file's name or text contains."""


def read_template(name: str) -> str:
    """Return the text of a file beside this one."""
    return resources.files("jina_omni.cli.collection").joinpath(name).read_text("utf-8")


def fill_template(name: str, /, **values: Any) -> str:
    """Return a template with values in its places; those of texts must be escaped."""
    return read_template(name).format(**values)
