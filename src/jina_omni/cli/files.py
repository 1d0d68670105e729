# SPDX-License-Identifier: Apache-2.0
"""The files of a user's folders, and the inputs that each of them gives."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeAlias

from jina_omni.cli.collection.database import is_database
from jina_omni.cli.collection.selection import Selection
from jina_omni.cli.problems import escape_line
from jina_omni.describe import suggest
from jina_omni.errors import InputError, InputTooLongError
from jina_omni.inputs import Text, make_file_part
from jina_omni.media.audio import Audio
from jina_omni.media.files import open_path, read_media_type
from jina_omni.media.image import Image
from jina_omni.media.pdf import Pdf
from jina_omni.media.texts import decode_text
from jina_omni.media.video import Video

__all__ = ["FileInput", "find_files", "read_inputs", "suggest_path"]

FileInput: TypeAlias = Text | Image | Pdf | Audio | Video
"""An input of a file: the content of a text, a page of a PDF, an excerpt of a sound or video, or a whole medium."""

_log = logging.getLogger("jina_omni")

_TEXT_LIMIT = 1 << 20  # bytes of a text; the model takes 32,768 tokens of a few bytes


def find_files(
    folder: Path,
    on_error: Callable[[Path, InputError], None],
    *,
    selection: Selection | None = None,
    excluded: Collection[Path] = (),
) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, sorted, except hidden ones and databases of this program.

    Folders that are linked into it are followed, each once. A link to a folder around this one is not, but reported.

    Parameters
    ----------
    folder : Path
    on_error : callable
        Is called with a folder that can't be read, in the place of its files, and with what is wrong.
    selection : Selection, optional
        Of the files; all by default.
    excluded : collection of Path
        Folders to leave out.
    """
    walk = _Walk(folder, selection, excluded)

    remaining = [folder]
    while remaining:  # before Python 3.12, os.walk can't visit a thousand folders in each other
        here = remaining.pop()
        try:
            folders, names = _list(here)
            _check_access(here)
            paths = [here / name for name in sorted(names) if walk.selects_file(here / name)]
            inner = [here / name for name in sorted(folders) if walk.selects_folder(here / name)]
        except FileNotFoundError:  # it was removed since the folder around it was listed
            continue
        except OSError as error:
            on_error(here, InputError(f"can't be read: {error.strerror}"))
        except InputError as error:
            on_error(here, error)
        else:
            remaining += reversed(inner)
            yield from paths


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
        return [Text(_read_text(path, truncate=truncate))]
    part = make_file_part(path)
    if isinstance(part, Pdf) and by_page:
        return _split(part)
    if isinstance(part, (Audio, Video)) and by_time:
        parts = _split(part)
        return parts if len(parts) > 1 else [part]
    return [part]


def suggest_path(path: Path, *, only_folders: bool = False) -> str:
    """Return the end of a message about a path that does not exist; see `jina_omni.describe.suggest`."""
    with contextlib.suppress(OSError):
        names = os.listdir(path.parent)  # noqa: PTH208 - the names alone
        return suggest(path.name, [name for name in names if not only_folders or (path.parent / name).is_dir()])
    return ""


class _Walk:
    """What has been visited of a folder, and what else is to be."""

    def __init__(self, folder: Path, selection: Selection | None, excluded: Collection[Path]) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self._selection = selection
        self._excluded = excluded
        self._targets = {folder: self._root}  # of the folders that were visited, without links
        self._visited = {self._root}

    def selects_file(self, path: Path) -> bool:
        return self._selects(path, is_folder=False)

    def selects_folder(self, path: Path) -> bool:
        """Return whether a folder is to be visited; it is taken to be visited then."""
        # Resolving looks at all folders around one, so the target of the one around it is kept.
        target = path.resolve() if path.is_symlink() else self._targets[path.parent] / path.name
        if path in self._excluded or is_database(path) or target in self._visited:
            return False
        if not self._selects(path, is_folder=True):
            return False
        if path.is_symlink():
            if self._root.is_relative_to(target):
                around = escape_line(str(self._folder))
                _log.warning("%s is a link to a folder around %s and is not followed", escape_line(str(path)), around)
                return False
            if target.is_relative_to(self._root) and not _is_hidden(target.relative_to(self._root)):
                return False  # visited without the link
        self._targets[path] = target
        self._visited.add(target)
        return True

    def _selects(self, path: Path, *, is_folder: bool) -> bool:
        if path.name.startswith("."):
            return False
        return self._selection is None or self._selection.selects(path, is_folder=is_folder)


def _list(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the folders in a folder, also of linked ones, and those of the files."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(os.fspath(folder)) as entries:
        for entry in entries:
            is_folder = False
            with contextlib.suppress(OSError):  # such as that of a link in a circle
                is_folder = entry.is_dir()
            (folders if is_folder else files).append(entry.name)
    return folders, files


def _check_access(folder: Path) -> None:
    """Check that what a folder lists can be opened, which it may forbid as a whole."""
    if not os.access(folder, os.X_OK) and os.access(folder, os.F_OK):
        raise InputError(f"can't be read: {os.strerror(errno.EACCES)}")


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
