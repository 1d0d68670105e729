"""A pipe, a device, a folder, a link in circles or a path with a NUL where a model should be.

ModelLoadError, and nobody waits.
"""

import os

from stage import FOLDER, ends, files

import jina_omni

(FOLDER / "circle").symlink_to(FOLDER / "circle")
paths = [FOLDER, FOLDER / "circle", FOLDER / "absent", "/dev/zero", "/dev/stdin", "a\0b", "a\ud800b", ""]
if hasattr(os, "mkfifo"):
    os.mkfifo(FOLDER / "pipe")
    paths.append(FOLDER / "pipe")
for path in paths:
    for arguments in ([path], [files().text, path]):
        try:
            jina_omni.Model(*arguments)
        except jina_omni.ModelLoadError as error:
            ends(str(error))
        else:
            raise AssertionError(path)
