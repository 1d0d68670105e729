"""A text that reads like a URL or a path, which the wrapper downloads or opens (sentence-transformers wrapper).

A vector of the text; nothing is opened or fetched.
"""

import sys

from stage import expect_error, expect_vector, write_file

import jina_omni
from testing.media_files import media_file


def audit(event: str, arguments: tuple) -> None:
    if event == "socket.connect" or (event == "open" and str(path) in str(arguments[0])):
        raise AssertionError((event, arguments))


path = write_file("cat.png", media_file("png"))
sys.addaudithook(audit)
for text in (str(path), f"file://{path}", "http://127.0.0.1/cat.png", "data:image/png;base64,AAAA"):
    expect_vector(text, like=jina_omni.Text(text))
for url in ("http://127.0.0.1/cat.png", f"file://{path}", "ftp://example.org/cat.png", "gopher://example.org/"):
    expect_error({"image": url}, jina_omni.InputError, "nothing is fetched|URL, which is not opened")
