# SPDX-License-Identifier: Apache-2.0
"""A page in one file that shows what a search found."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jina_omni.cli.collection.database import Hit
from jina_omni.cli.files import read_inputs
from jina_omni.cli.problems import describe_failure
from jina_omni.errors import LocatedError
from jina_omni.inputs import Text
from jina_omni.media import image, pdf
from jina_omni.media.image import Image
from jina_omni.media.pdf import Pdf
from jina_omni.media.video import Video
from jina_omni.media.video_streams import decode_first_frame
from jina_omni.parsing import parse_input

__all__ = ["render_gallery"]

_THUMBNAIL_SIDE = 320  # pixels
_TEXT_LENGTH = 400  # characters


def render_gallery(title: str, hits: Sequence[Hit]) -> str:
    """Return the page, in HTML: a thumbnail, a frame or the beginning of each hit, with its score and a link to it."""
    # The page's policy keeps it from loading anything, whatever a file's name or text contains.
    return _read("gallery.html").format(
        title=html.escape(title), style=_read("gallery.css"), figures="".join(map(_render_figure, hits))
    )


def _read(name: str) -> str:
    return resources.files("jina_omni.cli.collection").joinpath(name).read_text("utf-8")


def _render_figure(hit: Hit) -> str:
    path = Path(hit.path)
    return _read("gallery_figure.html").format(
        preview=_render_preview(path, hit.page),
        score=hit.score,
        url=html.escape(path.as_uri()),
        path=html.escape(hit.path),
        name=html.escape(path.name),
        page=f", page {hit.page}" if hit.page else "",
    )


def _render_preview(path: Path, page: int) -> str:
    try:
        (item,) = parse_input(read_inputs(path, truncate=True))
        part = item.part
        if isinstance(part, Text):
            return f"<p>{html.escape(part.text[:_TEXT_LENGTH])}</p>"
        if isinstance(part, Image):
            picture = image.decode(part)
        elif isinstance(part, Pdf):
            first, *_ = pdf.list_pages(Pdf(path, pages=[max(page - 1, 0)]))
            picture = pdf.decode(first)
        elif isinstance(part, Video):
            picture = decode_first_frame(path)
        else:
            return "<p>&#9835; sound</p>"
    except LocatedError as error:  # the file may have changed since it was embedded
        return f"<p>{html.escape(describe_failure(error, str(path)))}</p>"
    picture.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}">'
