"""A file of each media type in each wrapper, whole, cut, doubled or with another's body.

InputError or the vector; never an abort.
"""

from stage import expect_vector_or_error

import jina_omni
from testing.media_files import media_file

wrappers = (jina_omni.Image, jina_omni.Audio, jina_omni.Video, jina_omni.Pdf)
for kind in ("jpg", "webp", "heic", "svg", "mp4", "mkv", "wav", "mp3", "ogg", "pdf"):
    data = media_file(kind)
    for wrap in wrappers:
        for attacked in (data, data[: len(data) // 2], data[:40] + media_file("png"), data + data):
            expect_vector_or_error(wrap(attacked), truncate=True)
