"""A pipe, a device, a folder, a link to itself or a path with a NUL in place of a model file.

ModelLoadError, without waiting.
"""

import os

from stage import FOLDER, model_files, report

import jina_omni

(FOLDER / "circle").symlink_to(FOLDER / "circle")
(FOLDER / "folder").mkdir()
paths = [FOLDER / "folder", FOLDER / "circle", FOLDER / "absent", "/dev/zero", "/dev/stdin", "a\0b", "a\ud800b", ""]
if hasattr(os, "mkfifo"):
    os.mkfifo(FOLDER / "pipe")
    paths.append(FOLDER / "pipe")
for path in paths:
    for arguments in ([path], [model_files().text, path]):
        try:
            jina_omni.Model(*arguments)
        except jina_omni.ModelLoadError as error:
            report(str(error))
        else:
            raise AssertionError(path)
