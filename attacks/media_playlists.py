"""A playlist or a list of files that is passed as a film, which opens other files and URLs.

UnsupportedMediaError or DecodeError; nothing else is opened.
"""

import sys

from stage import FOLDER, expect_error, write_file

import jina_omni
from testing.media_files import media_file


def audit(event: str, arguments: tuple) -> None:
    if event == "socket.connect" or (event == "open" and "secret" in str(arguments[0])):
        raise AssertionError((event, arguments))


write_file("secret.png", media_file("png"))
sys.addaudithook(audit)
lists = (
    f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{FOLDER}/secret.png\n",
    "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/secret.ts\n",
    f"ffconcat version 1.0\nfile '{FOLDER}/secret.png'\n",
    f"[playlist]\nFile1={FOLDER}/secret.png\n",
)
for text in lists:
    for kind in (jina_omni.Video, jina_omni.Audio, jina_omni.Image):
        expect_error(kind(text.encode()), jina_omni.UnsupportedMediaError, "does not take")
    expect_error(jina_omni.Video(media_file("mp4")[:32] + text.encode()), jina_omni.DecodeError, "")
