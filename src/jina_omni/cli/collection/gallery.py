# SPDX-License-Identifier: Apache-2.0
"""A page in one file that shows what a search found."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from jina_omni.cli.collection.database import Place
from jina_omni.cli.collection.places import describe_copies, describe_place, find_url
from jina_omni.cli.collection.previews import render_preview
from jina_omni.cli.collection.query import Finding, Query
from jina_omni.cli.collection.templates import fill_page, fill_template
from jina_omni.cli.wording import describe_count
from jina_omni.media.picture_options import PictureOptions

__all__ = ["render_gallery"]

_QUERY = """\
<div class="query"><div class="preview">{preview}</div>
<p>like {link}</p>
<p class="about">{folder}</p></div>
"""
_COPIES = "<details><summary>{summary}</summary><ul>{copies}</ul></details>"


def render_gallery(query: Query, found: Sequence[Finding], pictures: PictureOptions) -> str:
    """Return the page, in HTML: the query, and a preview of each finding with its score, kind, folder and copies.

    Images and frames are laid out as `pictures` says, as the database has them.
    """
    return fill_page(
        "gallery",
        title=query.title,
        query="" if query.file is None else _render_query_file(query.file.resolve(), pictures),
        count=describe_count(len(found), "result"),
        figures="".join(_render_figure(one, pictures) for one in found),
    )


def _render_query_file(path: Path, pictures: PictureOptions) -> str:
    return _QUERY.format(
        preview=render_preview(path, Place(), pictures),
        link=_render_link(path, Place(), path.name),
        folder=html.escape(str(path.parent)),
    )


def _render_figure(one: Finding, pictures: PictureOptions) -> str:
    path = Path(one.path)
    copies = "".join(f"<li>{_render_link(Path(copy), one.place, copy)}</li>" for copy in one.copies)
    summary = describe_copies(one.copies).strip()
    return fill_template(
        "gallery_figure.html",
        preview=render_preview(path, one.place, pictures),
        score=one.score,
        link=_render_link(path, one.place, path.name),
        place=describe_place(one.place),
        kind=one.kind,
        folder=html.escape(str(path.parent)),
        copies=_COPIES.format(summary=summary, copies=copies) if copies else "",
    )


def _render_link(path: Path, place: Place, text: str) -> str:
    return f'<a href="{html.escape(find_url(path, place))}">{html.escape(text)}</a>'
