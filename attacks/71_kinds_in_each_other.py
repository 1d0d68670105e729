"""Each kind of file in the wrapper of each other, cut, empty or behind another's first bytes.

InputError or the vector; never an abort.
"""

from stage import survives

import jina_omni
from testing.media_files import media_file

wrappers = (jina_omni.Image, jina_omni.Audio, jina_omni.Video, jina_omni.Pdf)
for kind in ("jpg", "webp", "heic", "svg", "mp4", "mkv", "wav", "mp3", "ogg", "pdf"):
    data = media_file(kind)
    for wrap in wrappers:
        for attacked in (data, data[: len(data) // 2], data[:40] + media_file("png"), data + data):
            survives(wrap(attacked), truncate=True)
