# SPDX-License-Identifier: Apache-2.0
"""The files of a user's folders, and the inputs that each of them gives."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from jina_omni.errors import DecodeError, InputError, InputTooLongError
from jina_omni.media.files import open_path, read_media_type
from jina_omni.media.pdf import Pdf

__all__ = ["FileInput", "find_files", "read_inputs"]

FileInput: TypeAlias = str | Path | Pdf
"""An input of a file: the content of a text, a page of a PDF, or the path of any other file."""

_TEXT_LIMIT = 1 << 20  # bytes of a text; the model takes 32,768 tokens of a few bytes


def find_files(folder: Path, *, excluded: Path | None = None) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, sorted, except hidden ones and those in the folder `excluded`."""
    for here, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(here, name) != excluded)
        yield from (Path(here, name) for name in sorted(names) if not name.startswith("."))


def read_inputs(path: Path, *, by_page: bool = False, truncate: bool = False) -> list[FileInput]:
    """Return the inputs of a file.

    Parameters
    ----------
    path : Path
    by_page : bool
        Return each page of a PDF, instead of the whole.
    truncate : bool
        Keep the beginning of a text that is too long.

    Raises
    ------
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
    if media_type == "application/pdf" and by_page:
        return list(Pdf(path).split())
    return [path]


def _read_text(path: Path, *, truncate: bool) -> str:
    with open_path(path) as file:
        data = file.read(_TEXT_LIMIT + 1)
    is_whole = len(data) <= _TEXT_LIMIT
    if not is_whole and not truncate:
        raise InputTooLongError(f"is a text of over {_TEXT_LIMIT:,} bytes; split it, or pass --truncate")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data[:_TEXT_LIMIT], final=is_whole)
    except UnicodeDecodeError as error:
        raise DecodeError(f"is a text that is not UTF-8 at byte {error.start:,}; convert it") from error


def _raise(error: OSError) -> None:
    raise error  # otherwise the files of a folder that can't be read would count as removed
