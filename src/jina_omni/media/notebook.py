# SPDX-License-Identifier: Apache-2.0
"""What a notebook shows of a medium: HTML in which all is contained, escaped, and of a bounded size."""

from __future__ import annotations

import html
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image as PILImage

from jina_omni.errors import JinaOmniError, LocatedError
from jina_omni.media.files import FileSource, open_source, read_media_type
from jina_omni.media.mel import SAMPLING_RATE
from jina_omni.media.thumbnails import SIDE, encode_url, make_thumbnail

__all__ = ["play_film", "play_sound", "render_medium", "show_picture"]

_MAX_REPR = 300  # characters; a path may have any number
_MAX_FILM_BYTES = 4 << 20
_PLAYED = ("video/mp4", "video/webm")  # which browsers play, as far as they have the codec


def render_medium(medium: object, draw: Callable[[], str]) -> str:
    """Return a medium's picture or player with its repr below; in their place the problem, where it can't be read.

    Parameters
    ----------
    medium : Image, Audio, Video or Pdf
    draw : callable
        Returns the picture or the player, in HTML.
    """
    try:
        shown = draw()
    except LocatedError as error:
        shown = f"<p>It {html.escape(error.problem)}</p>"
    except JinaOmniError as error:
        shown = f"<p>{html.escape(str(error))}</p>"
    return f"<figure>{shown}<figcaption><code>{html.escape(repr(medium)[:_MAX_REPR])}</code></figcaption></figure>"


def show_picture(picture: PILImage.Image) -> str:
    """Return the thumbnail of a picture."""
    return f'<img alt="" src="{make_thumbnail(picture)}">'


def play_sound(samples: npt.NDArray[np.float32]) -> str:
    """Return a player of a sound at 16 kHz, which is as long as an embedding takes at most."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLING_RATE, format="FLAC", subtype="PCM_16")
    return f'<audio controls src="{encode_url("audio/flac", file.getvalue())}"></audio>'


def play_film(source: FileSource) -> str | None:
    """Return a player of a film; None if it has over 4 MiB, or is of a type that not all browsers play."""
    with open_source(source) as file:
        media_type = read_media_type(file)
        data = file.read(_MAX_FILM_BYTES + 1) if media_type in _PLAYED else b""
    if not data or len(data) > _MAX_FILM_BYTES:
        return None
    return f'<video controls width="{SIDE}" src="{encode_url(media_type, data)}"></video>'
