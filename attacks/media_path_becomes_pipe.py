"""A file that becomes a pipe between its check and its opening.

InputError, without waiting.
"""

import os

from stage import FOLDER, model, report, write_file

import jina_omni
from jina_omni.media import files
from testing.media_files import media_file

path = write_file("picture.png", media_file("png"))
look = files.stat.S_ISREG
os.mkfifo(FOLDER / "pipe")


def swap(mode: int) -> bool:
    """Answer as before, and replace the file at once."""
    if look(mode):
        (FOLDER / "pipe").replace(path)
    return look(mode)


files.stat.S_ISREG = swap
try:
    model().encode(jina_omni.Image(path))
except jina_omni.InputError as error:
    assert "is not a regular file" in str(error)
    report(str(error))
else:
    raise AssertionError("the pipe was read")
