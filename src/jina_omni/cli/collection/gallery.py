# SPDX-License-Identifier: Apache-2.0
"""A page in one file that shows what a search found."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from PIL import Image as PILImage

from jina_omni.cli.collection.database import Hit, Place
from jina_omni.cli.collection.places import describe_place, find_url
from jina_omni.cli.files import read_inputs
from jina_omni.cli.problems import describe_failure
from jina_omni.errors import LocatedError
from jina_omni.inputs import Text
from jina_omni.media import image, pdf
from jina_omni.media.excerpts import WHOLE, Excerpt
from jina_omni.media.image import Image
from jina_omni.media.pdf import Pdf
from jina_omni.media.picture_options import PictureOptions
from jina_omni.media.video import Video
from jina_omni.media.video_streams import decode_first_frame
from jina_omni.parsing import parse_input

__all__ = ["render_gallery"]

_THUMBNAIL_SIDE = 320  # pixels
_TEXT_LENGTH = 400  # characters

_VIDEO = '<video controls preload="none" src="{url}" poster="{poster}"></video>'
_AUDIO = '<p>&#9835; sound</p><audio controls preload="none" src="{url}"></audio>'


def render_gallery(title: str, hits: Sequence[Hit], pictures: PictureOptions) -> str:
    """Return the page, in HTML: a thumbnail, a frame or the beginning of each hit, with its score and a link to it.

    Images and frames are laid out as the database has them.
    """
    # The page's policy keeps it from loading anything but sounds and videos from files, whatever a file's name or text
    # contains.
    figures = "".join(_render_figure(hit, pictures) for hit in hits)
    return _read("gallery.html").format(title=html.escape(title), style=_read("gallery.css"), figures=figures)


def _read(name: str) -> str:
    return resources.files("jina_omni.cli.collection").joinpath(name).read_text("utf-8")


def _render_figure(hit: Hit, pictures: PictureOptions) -> str:
    path = Path(hit.path)
    url = html.escape(find_url(path, hit.place))
    return _read("gallery_figure.html").format(
        preview=_render_preview(path, hit.place, url, pictures),
        score=hit.score,
        url=url,
        path=html.escape(hit.path),
        name=html.escape(path.name),
        place=describe_place(hit.place),
    )


def _render_preview(path: Path, place: Place, url: str, pictures: PictureOptions) -> str:
    try:
        (item,) = parse_input(read_inputs(path, truncate=True))
        part = item.part
        if isinstance(part, Text):
            return f"<p>{html.escape(part.text[:_TEXT_LENGTH])}</p>"
        if isinstance(part, Image):
            picture = image.decode(part, options=pictures)
        elif isinstance(part, Pdf):
            first, *_ = pdf.list_pages(Pdf(path, pages=[max(place.page - 1, 0)]))
            picture = pdf.decode(first)
        elif isinstance(part, Video):
            excerpt = Excerpt(place.start, place.end) if place.end else WHOLE
            poster = _encode_thumbnail(decode_first_frame(path, excerpt, pictures))
            return _VIDEO.format(url=url, poster=poster)
        else:
            return _AUDIO.format(url=url)
    except LocatedError as error:  # the file may have changed since it was embedded
        return f"<p>{html.escape(describe_failure(error, str(path)))}</p>"
    return f'<img alt="" src="{_encode_thumbnail(picture)}">'


def _encode_thumbnail(picture: PILImage.Image) -> str:
    """Return a small JPEG of a picture as a data URL."""
    picture.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
