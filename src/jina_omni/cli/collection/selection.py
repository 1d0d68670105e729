# SPDX-License-Identifier: Apache-2.0
"""The selection of a folder's files, by the patterns of a command and by the ignore files in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jina_omni.cli.problems import CommandError, escape
from jina_omni.errors import InputError
from jina_omni.optional_packages import import_optional

__all__ = ["IGNORE_FILE", "Selection"]

IGNORE_FILE = ".jina-omni-ignore"


class Selection:
    """Which files of a folder are selected; of an ignored folder, none is.

    Patterns are those of gitignore(5), relative to the folder that they are passed for or that the ignore file lies in.

    Parameters
    ----------
    root : Path
    include, exclude : str
        Patterns, each in a line. Without `include`, all files are included.

    Raises
    ------
    CommandError
        A pattern is not valid.
    """

    def __init__(self, root: Path, include: str = "", exclude: str = "") -> None:
        self._root = root
        if escape(include + exclude) != include + exclude:
            raise CommandError("--include and --exclude take patterns in Unicode; files of other names are not indexed")
        try:
            self._include, self._exclude = (_parse(text.splitlines()) if text else None for text in (include, exclude))
        except ValueError as error:
            raise CommandError(f"--include and --exclude take the patterns of gitignore: {error}") from error
        self._ignore_files: dict[Path, Any] = {}  # the pattern of each folder that was looked into

    def selects(self, path: Path, *, is_folder: bool) -> bool:
        """Return whether a path in the folder is selected; the folders around it are taken to be.

        Raises
        ------
        InputError
            The ignore file beside it can't be read, or has a pattern that is not valid.
        """
        name = _name(path, self._root, is_folder=is_folder)
        if self._exclude is not None and self._exclude.match_file(name):
            return False
        if self._include is not None and not is_folder and not self._include.match_file(name):
            return False
        here = path
        while here != self._root:  # a deeper ignore file comes first
            here = here.parent
            patterns = self._read_ignore_file(here)
            if patterns is not None:
                is_ignored = patterns.check_file(_name(path, here, is_folder=is_folder)).include
                if is_ignored is not None:
                    return not is_ignored
        return True

    def _read_ignore_file(self, folder: Path) -> Any:
        if folder not in self._ignore_files:
            path = folder / IGNORE_FILE
            try:
                self._ignore_files[folder] = _parse(path.read_text("utf-8-sig").splitlines())
            except FileNotFoundError:
                self._ignore_files[folder] = None
            except OSError as error:
                raise InputError(f"has a {IGNORE_FILE} that can't be read: {error.strerror}") from error
            except ValueError as error:  # also of an encoding that is not UTF-8
                raise InputError(f"has a {IGNORE_FILE} with a pattern that is not valid: {error}") from error
        return self._ignore_files[folder]


def _parse(lines: Iterable[str]) -> Any:
    try:
        return import_optional("pathspec", "search").GitIgnoreSpec.from_lines(lines)
    except ImportError as error:
        raise CommandError(f"patterns of files need {error}") from error


def _name(path: Path, folder: Path, *, is_folder: bool) -> str:
    return path.relative_to(folder).as_posix() + ("/" if is_folder else "")
