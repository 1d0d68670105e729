# SPDX-License-Identifier: Apache-2.0
"""Thumbnails of pictures, and the data URLs by which a page contains them."""

from __future__ import annotations

import base64
import io

from PIL import Image as PILImage

__all__ = ["SIDE", "encode_url", "make_thumbnail"]

SIDE = 320
"""Pixels of the longer side of a thumbnail, at most."""

_QUALITY = 80  # of JPEG: what is small needs no more


def make_thumbnail(picture: PILImage.Image) -> str:
    """Return the URL of a small JPEG of a picture, which stays as it is."""
    small = picture.copy()
    small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY)
    return encode_url("image/jpeg", file.getvalue())


def encode_url(media_type: str, data: bytes) -> str:
    """Return a URL that contains the data itself (RFC 2397)."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
