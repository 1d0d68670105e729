# SPDX-License-Identifier: Apache-2.0
"""Previews of files for pages: a thumbnail, a player or the beginning of a text."""

from __future__ import annotations

import html
from pathlib import Path

from jina_omni.cli.collection.database import Place
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
from jina_omni.media.thumbnails import make_thumbnail
from jina_omni.media.video import Video
from jina_omni.media.video_streams import decode_first_frame
from jina_omni.parsing import parse_input

__all__ = ["render_preview"]

_TEXT_LENGTH = 400  # characters

_IMAGE = '<img alt="{label}" src="{picture}">'
_VIDEO = '<video controls preload="none" aria-label="{label}" src="{url}" poster="{picture}"></video>'
_AUDIO = '<p>&#9835; sound</p><audio controls preload="none" aria-label="{label}" src="{url}"></audio>'


def render_preview(path: Path, place: Place, pictures: PictureOptions) -> str:
    """Return the preview of a place in a file, in HTML; what is wrong with the file where it has none.

    Sounds and videos play from the time of the place. Images and frames are laid out as `pictures` says.
    """
    label = html.escape(f"{path.name}{describe_place(place)}")
    url = html.escape(find_url(path, place))
    try:
        (item,) = parse_input(read_inputs(path, truncate=True))
        part = item.part
        if isinstance(part, Text):
            return f"<p>{html.escape(part.text[:_TEXT_LENGTH])}</p>"
        if isinstance(part, Image):
            return _IMAGE.format(label=label, picture=make_thumbnail(image.decode(part, options=pictures)))
        if isinstance(part, Pdf):
            first, *_ = pdf.list_pages(Pdf(path, pages=[max(place.page - 1, 0)]))
            return _IMAGE.format(label=label, picture=make_thumbnail(pdf.decode(first)))
        if isinstance(part, Video):
            frame = decode_first_frame(path, Excerpt(place.start, place.end) if place.end else WHOLE, pictures)
            return _VIDEO.format(label=label, url=url, picture=make_thumbnail(frame))
    except LocatedError as error:  # the file may have changed since it was embedded
        return f"<p>{html.escape(describe_failure(error, str(path)))}</p>"
    return _AUDIO.format(label=label, url=url)
