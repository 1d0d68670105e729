# SPDX-License-Identifier: Apache-2.0
"""The update of a collection: bring its database up to date with the files of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from jina_omni.cli.chunks import encode_groups, split_into_chunks
from jina_omni.cli.collection.database import Database, FileEmbeddings, FileState, Place
from jina_omni.cli.files import FileInput, find_files, read_inputs
from jina_omni.cli.problems import describe_failure
from jina_omni.errors import InputError, LocatedError
from jina_omni.media.audio import Audio
from jina_omni.media.pdf import Pdf
from jina_omni.media.video import Video
from jina_omni.model import Model

__all__ = ["Update", "UpdateResult"]


@dataclass
class UpdateResult:
    """How many files had each outcome, and a message for each that failed."""

    embedded: int = 0
    reused: int = 0
    unchanged: int = 0
    removed: int = 0
    failures: list[str] = field(default_factory=list)


class _File(NamedTuple):
    path: str
    size: int
    mtime_ns: int


class Update:
    """One pass over a folder.

    Files that are new or have changed are put into the database chunk by chunk, so that a process that is killed loses
    one chunk. Files that are gone are removed at the end, since files of other names may reuse their embeddings.

    Parameters
    ----------
    database : Database
    model : Model
        Must make embeddings of the database's identity.
    truncate, batch_tokens
        As in `Model.encode`.
    """

    def __init__(self, database: Database, model: Model, *, truncate: bool, batch_tokens: int | None) -> None:
        self._database = database
        self._model = model
        self._truncate = truncate
        self._batch_tokens = batch_tokens
        self._states = database.read_states()
        self._digests = {state.sha256 for state in self._states.values()}
        self._result = UpdateResult()

    def run(self, folder: Path) -> UpdateResult:
        """Bring the database up to date with the files of a folder, except those of the database itself."""
        paths = list(find_files(folder, excluded=self._database.folder))
        changed = list(self._find_changed(paths))
        with tqdm(total=len(changed), unit="file", disable=None) as bar:
            for chunk in split_into_chunks(changed, lambda file: file.size):
                self._store(chunk)
                bar.update(len(chunk))
        present = set(map(str, paths))
        gone = [path for path in self._states if path not in present and Path(path).is_relative_to(folder)]
        self._database.remove(gone)
        self._result.removed = len(gone)
        if self._result.embedded or self._result.reused or self._result.removed:
            self._database.compact()
        return self._result

    def _find_changed(self, paths: Sequence[Path]) -> Iterator[_File]:
        """Yield the files that are new, or whose size or time is another than when they were embedded."""
        for path in paths:
            try:
                stat = path.stat()
            except OSError as error:
                self._add_failure(str(path), InputError(f"can't be read: {error.strerror}"))
                continue
            file = _File(str(path), stat.st_size, stat.st_mtime_ns)
            state = self._states.get(file.path)
            if state is not None and (state.size, state.mtime_ns) == (file.size, file.mtime_ns):
                self._result.unchanged += 1
            else:
                yield file

    def _store(self, files: Sequence[_File]) -> None:
        """Put files into the database, in place of what it had of them."""
        copies: dict[str, list[_File]] = {}  # files of the same content, by its digest
        inputs: dict[str, list[FileInput]] = {}
        for file in files:
            try:
                file_inputs = read_inputs(
                    Path(file.path), by_page=self._database.settings.pages, by_time=True, truncate=self._truncate
                )
                digest = _compute_digest(file.path)
            except LocatedError as error:  # noqa: PERF203 - one failing file must not stop the others
                self._add_failure(file.path, error)
            except OSError as error:
                self._add_failure(file.path, InputError(f"can't be read: {error.strerror}"))
            else:
                copies.setdefault(digest, []).append(file)
                inputs[digest] = file_inputs
        embeddings = self._database.read_embeddings(copies.keys() & self._digests)
        self._result.reused += sum(len(copies[digest]) for digest in embeddings)
        embeddings |= self._embed({digest: inputs[digest] for digest in inputs if digest not in embeddings}, copies)
        self._database.remove(file.path for file in files if file.path in self._states)
        self._database.add(
            [
                (file.path, FileState(file.size, file.mtime_ns, digest), embeddings[digest])
                for digest, same in copies.items()
                if digest in embeddings
                for file in same
            ]
        )
        self._digests |= embeddings.keys()

    def _embed(self, inputs: dict[str, list[FileInput]], copies: dict[str, list[_File]]) -> dict[str, FileEmbeddings]:
        """Return the embeddings of new contents, by digest, without those that failed."""
        results = encode_groups(
            self._model,
            list(inputs.values()),
            prompt_name="document",
            truncate_dim=self._database.settings.dim,
            truncate=self._truncate,
            batch_tokens=self._batch_tokens,
        )
        embeddings: dict[str, FileEmbeddings] = {}
        for digest, result in zip(inputs, results, strict=True):
            if isinstance(result, LocatedError):
                for file in copies[digest]:
                    self._add_failure(file.path, result)
                continue
            items = inputs[digest]
            embeddings[digest] = FileEmbeddings(_find_kind(items[0]), [_find_place(item) for item in items], result)
            self._result.embedded += 1
            self._result.reused += len(copies[digest]) - 1
        return embeddings

    def _add_failure(self, path: str, error: LocatedError) -> None:
        self._result.failures.append(describe_failure(error, path))


def _find_kind(item: FileInput) -> str:
    """Return the kind of a file that has an input: text, image, audio, video or pdf."""
    return "text" if isinstance(item, str) else type(item).__name__.lower()


def _find_place(item: FileInput) -> Place:
    """Return the place of an input in its file."""
    if isinstance(item, Pdf) and item.pages:
        (number,) = item.pages
        return Place(page=number + 1)
    if isinstance(item, (Audio, Video)):
        return Place(start=item.start or 0, end=item.end or 0)
    return Place()


def _compute_digest(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
