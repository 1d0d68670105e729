# SPDX-License-Identifier: Apache-2.0
"""Files of a user's folders, and what is embedded of each."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jina_omni.errors import DecodeError, InputError, InputTooLongError
from jina_omni.media.files import open_path, read_media_type
from jina_omni.media.pdf import Pdf

__all__ = ["find_files", "read_inputs", "read_text"]

_TEXT_LIMIT = 1 << 20  # bytes of a text; a context has 32,768 tokens of a few bytes


def find_files(folder: Path, *, leave_out: Path | None = None) -> Iterator[Path]:
    """Return the files of a folder and of those in it, sorted, without hidden ones and those of `leave_out`."""
    for here, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(here, name) != leave_out)
        yield from (Path(here, name) for name in sorted(names) if not name.startswith("."))


def read_inputs(path: Path, *, by_page: bool = False, truncate: bool = False) -> list[Any]:
    """Return what is embedded of a file: a text's contents, each page of a document, or the file as it is.

    Raises
    ------
    InputError
        It can't be read, or its name can't be kept.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError("has a name that is not Unicode; rename it") from error
    with open_path(path) as file:
        media_type = read_media_type(file)
    if media_type == "text/plain":
        return [read_text(path, truncate=truncate)]
    if media_type == "application/pdf" and by_page:
        return list(Pdf(path).split())
    return [path]


def read_text(path: Path, *, truncate: bool = False) -> str:
    """Return the contents of a text file."""
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
    raise error  # or the files of a folder that can't be read would seem to be gone
