# SPDX-License-Identifier: Apache-2.0
"""A page that shows what a search found, all in one file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from jina_omni.cli.database import Hit
from jina_omni.cli.files import read_inputs
from jina_omni.cli.problems import describe_failure
from jina_omni.errors import JinaOmniError
from jina_omni.inputs import Text
from jina_omni.media import image, pdf
from jina_omni.media.image import Image
from jina_omni.media.pdf import Pdf
from jina_omni.media.video import Video, decode_first_frame
from jina_omni.parsing import parse_input

__all__ = ["page_of"]

_SIDE = 320  # of a thumbnail, in pixels
_SHOWN = 400  # characters of a text

# The policy keeps the page from loading anything, whatever a file's name or text may hold.
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }}
body {{ margin: 2rem auto; max-width: 75rem; padding: 0 1rem }}
main {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)) }}
figure {{ border: 1px solid #8886; border-radius: 8px; margin: 0; overflow: hidden }}
.shown {{ background: #8882; display: grid; height: 12rem; overflow: hidden; place-items: center }}
.shown img {{ height: 100%; object-fit: contain; width: 100% }}
.shown p {{ font-size: 13px; margin: 0; overflow-wrap: anywhere; padding: .8rem; white-space: pre-wrap }}
figcaption {{ overflow-wrap: anywhere; padding: .6rem .8rem }}
</style>
<h1>{title}</h1>
<main>
{figures}
</main>
</html>
"""
_FIGURE = """\
<figure><div class="shown">{shown}</div>
<figcaption><b>{score:.3f}</b> <a href="{url}" title="{path}">{name}</a>{page}</figcaption></figure>"""


def page_of(title: str, hits: Sequence[Hit]) -> str:
    """Return the page, in HTML: a thumbnail, a frame or the beginning of each hit, with its score and a link to it."""
    figures = [
        _FIGURE.format(
            shown=_shown(Path(hit.path), hit.page),
            score=hit.score,
            url=html.escape(Path(hit.path).as_uri()),
            path=html.escape(hit.path),
            name=html.escape(Path(hit.path).name),
            page=f", page {hit.page}" if hit.page else "",
        )
        for hit in hits
    ]
    return _PAGE.format(title=html.escape(title), figures="\n".join(figures))


def _shown(path: Path, page: int) -> str:
    try:
        (item,) = parse_input(read_inputs(path, truncate=True))
        part = item.part
        if isinstance(part, Text):
            return f"<p>{html.escape(part.text[:_SHOWN])}</p>"
        if isinstance(part, Image):
            picture = image.decode(part)
        elif isinstance(part, Pdf):
            first, *_ = pdf.list_pages(Pdf(path, pages=[max(page - 1, 0)]))
            picture = pdf.decode(first)
        elif isinstance(part, Video):
            picture = decode_first_frame(path)
        else:
            return "<p>&#9835; sound</p>"
    except JinaOmniError as error:  # it may have changed since it was embedded
        return f"<p>{html.escape(describe_failure(error, str(path)))}</p>"
    picture.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}">'
