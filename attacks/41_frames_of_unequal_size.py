"""A pair of frames that differ in size (heap over-read in mtmd_bitmap_init).

InputError that names both sizes.
"""

import base64

import PIL.Image
from stage import embeds, rejects

import jina_omni
from testing.media_files import encoded


def frame(width: int) -> str:
    return base64.b64encode(encoded(PIL.Image.new("RGB", (width, 64)), "PNG")).decode()


pair = {"prompt_string": "<__media__>", "videopair_data": [[frame(64), frame(96)]]}
rejects(pair, jina_omni.InputError, "has frames of 64 x 64 and 96 x 64 pixels")
rejects(pair | {"videopair_data": [[frame(64)]]}, jina_omni.InputError, "has 1 frames, expected 2")
embeds(pair | {"videopair_data": [[frame(64), frame(64)]]})
