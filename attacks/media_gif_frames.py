"""An animation of a hundred thousand frames or comments.

The vector of its first frame.
"""

import PIL.Image
from stage import expect_vector

import jina_omni
from testing.media_files import encoded

picture = PIL.Image.new("P", (64, 64), 3)
gif = encoded(picture, "GIF")
begin = gif.rindex(b",", 0, -3)
frame = gif[begin:-1]
expect_vector(jina_omni.Image(gif[:-1] + frame * 100_000 + b";"), like=jina_omni.Image(gif))
expect_vector(jina_omni.Image(gif[:begin] + b"!\xfe\x01a\0" * 200_000 + gif[begin:]), like=jina_omni.Image(gif))
expect_vector(jina_omni.Image(gif[:begin] + b"!\xff\x01a\0" * 200_000 + gif[begin:]), like=jina_omni.Image(gif))
