"""Pipes, devices, folders, links to themselves and files of /proc as media.

InputError, without waiting.
"""

import os
from pathlib import Path

from stage import FOLDER, expect_error

import jina_omni

(FOLDER / "circle").symlink_to(FOLDER / "circle")
if hasattr(os, "mkfifo"):
    os.mkfifo(FOLDER / "pipe")
(FOLDER / "link").symlink_to("/dev/zero")
names = [FOLDER / name for name in ("", "circle", "pipe", "link")]
for name in (*names, "/dev/zero", "/dev/stdin", "a\0b", "a\ud800b", "x" * 9999):
    for value in (Path(name), jina_omni.Image(name), jina_omni.Audio(name), jina_omni.Video(name), jina_omni.Pdf(name)):
        expect_error(value, jina_omni.InputError, "can't be read|is not a regular file")
if Path("/proc/self/mem").exists():
    for value in (Path("/proc/self/mem"), jina_omni.Image("/proc/self/mem"), jina_omni.Pdf("/proc/self/mem")):
        expect_error(value, jina_omni.InputError, "can't be read: Input/output error")
