"""A progressive JPEG that is drawn ten thousand times over, for a few bytes each.

InputError that counts them.
"""

import PIL.Image
from stage import embeds, rejects

import jina_omni
from testing.media_files import encoded

picture = encoded(PIL.Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
scan = picture[picture.rindex(b"\xff\xda") : -2]
bomb = picture[:-2] + scan * 10_000 + picture[-2:]
rejects(jina_omni.Image(bomb), jina_omni.InputError, "4,000 x 4,000 pixels are drawn 10,010 times over")
embeds(jina_omni.Image(picture))
