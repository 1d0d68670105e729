# SPDX-License-Identifier: Apache-2.0
"""From the pixels of any image to RGB.

What Pillow's ``convert("RGB")`` gives is what is embedded, since the reference calls it. Where it clips, has no
conversion or misreads, as it does some grey images, the pixels are converted here or refused.
"""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage

from jina_omni.errors import InputError
from jina_omni.media.picture_options import Colour

__all__ = ["convert_to_rgb"]

# Modes whose colours are multiplied by their alpha, which Pillow converts to the mode without that only.
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}

_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0, PhotometricInterpretation


def convert_to_rgb(image: PILImage.Image, background: Colour | None = None) -> PILImage.Image:
    """Return decoded pixels as RGB.

    Parameters
    ----------
    image : PIL.Image.Image
        Loaded. It stays as it is.
    background : tuple of 3 int, optional
        What is transparent is laid on this colour. By default alpha is dropped, as the reference drops it.

    Returns
    -------
    PIL.Image.Image
        Of the mode RGB; the given one if it is.

    Raises
    ------
    InputError
        The pixels have no agreed range: floating-point numbers, or grey values outside 0 to 255.
    """
    if image.mode in _STRAIGHT:
        image = image.convert(_STRAIGHT[image.mode])
    if background is not None and image.has_transparency_data:
        if image.mode.startswith("I"):
            _convert_grey(image)  # refuses what the next line would clip
        pixels = image.convert("RGBA")
        canvas = PILImage.new("RGB", image.size, background)
        canvas.paste(pixels, mask=pixels.getchannel("A"))
        return canvas
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise InputError(
            "has floating-point pixels, which have no agreed range; scale them to 0 to 255 and pass an array of uint8"
        )
    if image.mode.startswith("I"):
        image = _convert_grey(image)
    if isinstance(image.info.get("transparency"), bytes):
        # `convert` would warn that these alphas get lost, which is what the reference does and we document.
        image = image.copy()
        del image.info["transparency"]
    return image.convert("RGB")


def _convert_grey(image: PILImage.Image) -> PILImage.Image:
    """Return grey of 16 or 32 bits whose values all fit into 8."""
    mode = image.mode
    # Pillow reads whatever is not 8 bits deep as if 0 were black.
    is_inverted = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO  # type: ignore[attr-defined]
    pixels = image.convert("I")  # big-endian pixels have no extrema
    if is_inverted:
        pixels = PILImage.fromarray(np.int32(0xFFFF) - np.asarray(pixels))
    low, high = pixels.getextrema()
    if low < 0 or high > 255:  # type: ignore[operator]  # one band, so two numbers
        raise InputError(
            f"has {mode} pixels of {low} to {high}, and a conversion to 8 bits clips all over 255; "
            "scale them, such as (array / 257).round().astype('uint8') for 16 bits, and pass that array"
        )
    return pixels
