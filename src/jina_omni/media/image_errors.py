# SPDX-License-Identifier: Apache-2.0
"""What the decoders of images raise, in the words damaged, not supported and closed.

Pillow has no classes for these: the same OSError or SyntaxError is raised for all, and its text says which.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from PIL import Image as PILImage

from jina_omni.errors import InputError, JinaOmniError, UnsupportedMediaError
from jina_omni.media.decoders import as_decode_error, describe_cause

__all__ = ["CONVERT", "as_image_error", "is_unsupported"]

CONVERT = "convert it to PNG first, as ImageMagick does: magick IN OUT.png"
"""The way out of what is not read."""

# Of Pillow's plug-ins (13.0), libavif's results (avif.h: AVIF_RESULT_REFORMAT_FAILED and others) and libheif.
_UNSUPPORTED = re.compile(
    r"unsupported|not (yet |)supported|not available|not implemented|not installed|reformat failed|unsupported depth"
    r"|unknown (pixel mode|data organization)|cannot handle|unable to determine J2K image mode"
    r"|no codec available|no decoder|invalid palette size",
    re.IGNORECASE,
)


@contextlib.contextmanager
def as_image_error(source: object = None) -> Iterator[None]:
    """Turn what a decoder of images raises into an error of this library.

    Parameters
    ----------
    source : optional
        What the caller passed: a PIL image may be closed.

    Raises
    ------
    UnsupportedMediaError
        The decoder says that it does not read this variant.
    DecodeError
        The bytes are damaged.
    InputError
        The PIL image is closed; or as in `as_decode_error`.
    """
    with as_decode_error("an image"):
        try:
            yield
        except JinaOmniError:
            raise
        except Exception as error:
            if isinstance(source, PILImage.Image) and _is_closed(source, error):
                raise InputError(
                    "is a PIL image that was closed before its pixels were read; embed it inside its with block, or "
                    "pass the path"
                ) from None
            if is_unsupported(error):
                raise UnsupportedMediaError(
                    f"is an image of a variant that its decoder does not read ({describe_cause(error)}); {CONVERT}"
                ) from None
            raise


def is_unsupported(error: Exception) -> bool:
    """Return whether a decoder says that it does not read a variant, not that its bytes are damaged."""
    return _UNSUPPORTED.search(str(error)) is not None


def _is_closed(image: PILImage.Image, error: Exception) -> bool:
    """Return whether an error comes from the closed file of a PIL image, or from the image itself, if it is closed."""
    if isinstance(error, ValueError) and "closed" in str(error):
        return True
    # Pillow does not check whether it has a file: an assertion fails, or before 12 there is no attribute of None.
    return isinstance(error, (AssertionError, AttributeError)) and getattr(image, "fp", image) is None
