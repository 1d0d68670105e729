"""A progressive JPEG with ten thousand scans, each of a few bytes.

InputError that counts them.
"""

import PIL.Image
from stage import expect_error, expect_vector

import jina_omni
from testing.media_files import encoded

picture = encoded(PIL.Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
scan = picture[picture.rindex(b"\xff\xda") : -2]
bomb = picture[:-2] + scan * 10_000 + picture[-2:]
expect_error(jina_omni.Image(bomb), jina_omni.InputError, "4,000 x 4,000 pixels are drawn 10,010 times over")
expect_vector(jina_omni.Image(picture))
