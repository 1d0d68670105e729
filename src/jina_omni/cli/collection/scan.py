# SPDX-License-Identifier: Apache-2.0
"""The difference between the files of folders and what a database has of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jina_omni.cli.collection.database import Failure, FileState, Folder
from jina_omni.cli.collection.selection import Selection
from jina_omni.cli.files import find_files
from jina_omni.cli.problems import escape, unescape
from jina_omni.errors import InputError

__all__ = ["File", "Scan", "has_failed_file", "is_gone"]


class File(NamedTuple):
    """A file that was found, with its size and time."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def find(cls, path: Path) -> File:
        """Look at a file, which must be there; an OSError says what is wrong otherwise.

        A time beyond the year 2262, such as a broken clock gives, is too large for 64 bits, and is counted from 1677.
        """
        stat = path.stat()
        return cls(str(path), stat.st_size, (stat.st_mtime_ns + (1 << 63)) % (1 << 64) - (1 << 63))


class Scan:
    """One look at all files of folders. No file is opened.

    Parameters
    ----------
    folders : collection of Folder
        To look into.
    known : collection of str
        The paths of all folders of the database. A folder in another one is not looked into as a part of that one.
    states : mapping of str to FileState
        The files of the database.
    failures : mapping of str to Failure

    Attributes
    ----------
    new, changed, failed : list of File
        What the database does not have; what had another size or time; what failed and has not changed.
    n_unchanged : int
    gone : list of str
        Files that the database has, but the folders don't, as far as they can be read.
    settled : list of str
        Failures of files that the folders don't have or that are unchanged, and of folders that can be read.
    errors : dict of str to InputError
        Of the folders and the links that can't be read, by path; see `escape`.
    """

    def __init__(
        self,
        folders: Collection[Folder],
        known: Collection[str],
        states: Mapping[str, FileState],
        failures: Mapping[str, Failure],
    ) -> None:
        self.new: list[File] = []
        self.changed: list[File] = []
        self.failed: list[File] = []
        self.n_unchanged = 0
        self.settled: list[str] = []
        self.errors: dict[str, InputError] = {}
        self._known = set(known) | {folder.path for folder in folders}
        present: set[str] = set()
        for folder in folders:
            for file in self._find_files(folder):
                present.add(escape(file.path))
                self._compare(file, states.get(file.path), failures.get(escape(file.path)))
        looked_into = {folder.path for folder in folders}
        self.gone = [path for path in states if path not in present and self._is_seen(path, looked_into)]
        rest = failures.keys() - present - self.errors.keys()
        self.settled += [path for path in rest if self._is_seen(path, looked_into)]

    def _find_files(self, folder: Folder) -> Iterator[File]:
        root = Path(folder.path)
        if is_gone(root):
            self._add_error(root, InputError("is not there; jina-omni db remove removes its files from the database"))
            return
        selection = Selection(root, folder.include, folder.exclude)
        others = [Path(path) for path in self._known - {folder.path}]
        for path in find_files(root, self._add_error, selection=selection, excluded=others):
            try:
                file = File.find(path)
            except OSError as error:  # noqa: PERF203 - one file must not stop the others
                if path.is_symlink() or not is_gone(path):  # otherwise it was removed since the folder was listed
                    self._add_error(path, InputError(f"can't be read: {error.strerror}"))
            else:
                yield file

    def _add_error(self, path: Path, error: InputError) -> None:
        self.errors[escape(str(path))] = error

    def _compare(self, file: File, state: FileState | None, failure: Failure | None) -> None:
        if state is not None and (state.size, state.mtime_ns) == (file.size, file.mtime_ns):
            self.n_unchanged += 1
            if failure is not None:  # of a link whose target could not be reached for a while
                self.settled.append(failure.path)
        elif failure is not None and (failure.size, failure.mtime_ns) == (file.size, file.mtime_ns):
            self.failed.append(file)
        else:
            (self.new if state is None else self.changed).append(file)

    def _is_seen(self, path: str, looked_into: Collection[str]) -> bool:
        """Return whether a path would have been found if it were there."""
        for here in map(str, (path, *Path(path).parents)):
            if here in self.errors:  # a link to a file that is gone is such a file; of a folder, nothing is known
                return here == path and is_gone(Path(path))
            if here in self._known:
                return here in looked_into
        return False


def is_gone(path: Path, *, follow_links: bool = True) -> bool:
    """Return whether there is certainly no such file, as opposed to one that can't be reached.

    Without `follow_links`, a link to a file that is gone is there.
    """
    try:
        path.stat(follow_symlinks=follow_links)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def has_failed_file(failure: str) -> bool:
    """Return whether there may be the file or the link of a failure, by its path, which is escaped."""
    return not all(is_gone(Path(path), follow_links=False) for path in {failure, unescape(failure)})
