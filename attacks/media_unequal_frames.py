"""A pair of frames that differ in size (heap over-read in mtmd_bitmap_init).

InputError that names both sizes.
"""

import base64

import PIL.Image
from stage import expect_error, expect_vector

import jina_omni
from testing.media_files import encoded


def frame(width: int) -> str:
    return base64.b64encode(encoded(PIL.Image.new("RGB", (width, 64)), "PNG")).decode()


pair = {"prompt_string": "<__media__>", "videopair_data": [[frame(64), frame(96)]]}
expect_error(pair, jina_omni.InputError, "has frames of 64 x 64 and 96 x 64 pixels")
expect_error(pair | {"videopair_data": [[frame(64)]]}, jina_omni.InputError, "has 1 frames, expected 2")
expect_vector(pair | {"videopair_data": [[frame(64), frame(64)]]})
