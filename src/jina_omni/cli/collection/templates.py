# SPDX-License-Identifier: Apache-2.0
"""The templates of the pages."""

from __future__ import annotations

import html
from importlib import resources
from typing import Any

__all__ = ["fill_page", "fill_template"]

# Of every page: it loads nothing but sounds and videos from files, whatever a file's name or text contains.
_POLICY = "default-src 'none'; img-src data:; media-src file:; style-src 'unsafe-inline'"


def _read(name: str) -> str:
    """Return the text of a file beside this one."""
    return resources.files("jina_omni.cli.collection").joinpath(name).read_text("utf-8")


def fill_template(name: str, /, **values: Any) -> str:
    """Return a template with values in its places; those of texts must be escaped."""
    return _read(name).format(**values)


def fill_page(name: str, /, *, title: str, **values: Any) -> str:
    """Return the page that ``name.html`` and ``name.css`` are of; its title is a text, which is escaped here."""
    title = html.escape(title)
    body = fill_template(f"{name}.html", title=title, **values)
    style = _read("page.css") + _read(f"{name}.css")
    return fill_template("page.html", policy=_POLICY, title=title, style=style, body=body)
