# SPDX-License-Identifier: Apache-2.0
"""The files of a user's folders, and the inputs that each of them gives."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from jina_omni.errors import InputError, InputTooLongError
from jina_omni.inputs import make_file_part
from jina_omni.media.audio import Audio
from jina_omni.media.files import open_path, read_media_type
from jina_omni.media.image import Image
from jina_omni.media.pdf import Pdf
from jina_omni.media.texts import decode_text
from jina_omni.media.video import Video

__all__ = ["FileInput", "find_files", "read_inputs"]

FileInput: TypeAlias = str | Image | Pdf | Audio | Video
"""An input of a file: the content of a text, a page of a PDF, an excerpt of a sound or video, or a whole medium."""

_log = logging.getLogger("jina_omni")

_TEXT_LIMIT = 1 << 20  # bytes of a text; the model takes 32,768 tokens of a few bytes


def find_files(folder: Path, *, excluded: Path | None = None) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, sorted, except hidden ones and those in the folder `excluded`.

    Folders that are linked into it are followed, each once. A link to a folder around this one is not, but reported.
    """
    root = folder.resolve()
    visited = {root}

    def is_to_visit(path: Path) -> bool:
        target = path.resolve()
        if path.name.startswith(".") or target == excluded or target in visited:
            return False
        if path.is_symlink():
            if root.is_relative_to(target):
                _log.warning("%s is a link to a folder around %s and is not followed", path, folder)
                return False
            if target.is_relative_to(root) and not _is_hidden(target.relative_to(root)):
                return False  # visited without the link
        visited.add(target)
        return True

    for here, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        folders[:] = [name for name in sorted(folders) if is_to_visit(Path(here, name))]
        yield from (Path(here, name) for name in sorted(names) if not name.startswith("."))


def read_inputs(path: Path, *, by_page: bool = False, by_time: bool = False, truncate: bool = False) -> list[FileInput]:
    """Return the inputs of a file.

    Parameters
    ----------
    path : Path
    by_page : bool
        Return each page of a PDF, instead of the whole.
    by_time : bool
        Return the excerpts of a sound or video of over 30 seconds, instead of the whole.
    truncate : bool
        Keep the beginning of a text that is too long.

    Raises
    ------
    UnsupportedMediaError
        The file is of a type that is not embedded.
    InputError
        The file can't be read, or its name is not Unicode.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError("has a name that is not Unicode; rename it") from error
    with open_path(path) as file:
        media_type = read_media_type(file)
    if media_type == "text/plain":
        return [_read_text(path, truncate=truncate)]
    part = make_file_part(path)
    if isinstance(part, Pdf) and by_page:
        return _split(part)
    if isinstance(part, (Audio, Video)) and by_time:
        parts = _split(part)
        return parts if len(parts) > 1 else [part]
    return [part]


def _split(part: Pdf | Audio | Video) -> list[FileInput]:
    try:
        return list(part.split())
    except InputError as error:
        error.location = error.location[1:]  # without the part, since the file's name is its subject
        raise


def _read_text(path: Path, *, truncate: bool) -> str:
    with open_path(path) as file:
        data = file.read(_TEXT_LIMIT + 1)
    is_whole = len(data) <= _TEXT_LIMIT
    if not is_whole and not truncate:
        raise InputTooLongError(f"is a text of over {_TEXT_LIMIT:,} bytes; split it, or pass --truncate")
    return decode_text(data[:_TEXT_LIMIT], is_whole=is_whole)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _raise(error: OSError) -> None:
    raise error  # otherwise the files of a folder that can't be read would count as removed
