# SPDX-License-Identifier: Apache-2.0
"""The update of a collection: bring its database up to date with the files of folders."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from jina_omni import __version__
from jina_omni.cli.chunks import encode_groups, split_into_chunks
from jina_omni.cli.collection.database import Database, Failure, FileEmbeddings, FileState, Folder, Place
from jina_omni.cli.collection.outcome import Outcome
from jina_omni.cli.collection.scan import File, Scan, is_gone
from jina_omni.cli.files import FileInput, read_inputs
from jina_omni.cli.problems import describe_failure, escape
from jina_omni.cli.progress import CommandProgress
from jina_omni.errors import DecodeError, InputError, InputTooLongError, LocatedError, ModalityNotLoadedError
from jina_omni.media.audio import Audio
from jina_omni.media.files import open_path, read_media_type
from jina_omni.media.pdf import Pdf
from jina_omni.media.video import Video
from jina_omni.model import Model

__all__ = ["Update"]

# What the same file raises again under the same conditions. Others may depend on permissions, on installed packages or
# on what else runs, and most are found at once.
_LASTING = frozenset(error.__name__ for error in (DecodeError, InputTooLongError, ModalityNotLoadedError))


class Update:
    """Updates of a database, one after the other. No other process may update it meanwhile.

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
        self._conditions = f"{__version__}, {', '.join(model.info.modalities)}{', truncate' * truncate}"
        self._states: dict[str, FileState] = {}
        self._paths: dict[str, set[str]] = {}  # of the files that have a content, by its digest
        self._add_states(database.read_states())
        self._failures = database.failures.read()
        self._outcome = Outcome()
        self._progress = CommandProgress(0, "files")

    def run(self, folders: Collection[Folder]) -> Outcome:
        """Bring the database up to date with the files of folders."""
        self._outcome = Outcome()
        scan = Scan(folders, self._database.folders.read(), self._states, self._failures)
        self._outcome.unchanged = scan.n_unchanged
        self._store_failures([(File(path, -1, -1), error) for path, error in scan.errors.items()])
        to_do = [*scan.new, *scan.changed]
        for file in scan.failed:
            failure = self._failures[escape(file.path)]
            if failure.error in _LASTING and failure.conditions == self._conditions:
                self._outcome.add_failure(failure, is_known=True)
            else:
                to_do.append(file)
        with contextlib.closing(CommandProgress(len(to_do), "files")) as self._progress:
            for chunk in split_into_chunks(sorted(to_do), lambda file: file.size):
                with self._progress.chunk(len(chunk)):
                    self._store(chunk)
        self._outcome.removed += self._remove(scan.gone)
        self._forget_failures(scan.settled)
        self._forget_folders()
        if self._outcome.has_changes():
            self._database.compact()
        return self._outcome

    def _store(self, files: Sequence[File]) -> None:
        """Put files into the database, in place of what it had of them."""
        copies: dict[str, list[File]] = {}  # files of the same content, by its digest
        inputs: dict[str, list[FileInput]] = {}  # of the first of them
        failures: list[tuple[File, LocatedError]] = []
        for file in files:
            try:
                file_inputs = read_inputs(
                    Path(file.path), by_page=self._database.settings.pages, by_time=True, truncate=self._truncate
                )
                digest = _compute_digest(file.path)
            except LocatedError as error:  # noqa: PERF203 - one failing file must not stop the others
                failures.append((file, error))
            except OSError as error:
                failures.append((file, InputError(f"can't be read: {error.strerror}")))
            else:
                copies.setdefault(digest, []).append(file)
                inputs.setdefault(digest, file_inputs)
        embeddings = self._database.read_embeddings(copies.keys() & self._paths.keys())
        self._outcome.reused += sum(len(copies[digest]) for digest in embeddings)
        known_copies = {path for digest in embeddings for path in self._paths[digest]}
        new = {digest: inputs[digest] for digest in inputs if digest not in embeddings}
        for digest, result in self._embed(new):
            first, *others = copies[digest]
            if isinstance(result, LocatedError):
                failures += [(file, result) for file in copies[digest]]
            elif not _is_unchanged(first):  # and may have been embedded as it is now, which its digest is not of
                failures += [
                    (file, InputError("has changed while it was read; index it again")) for file in copies[digest]
                ]
            else:
                embeddings[digest] = result
                self._outcome.embedded += 1
                self._outcome.reused += len(others)
        stored = [
            (file.path, FileState(file.size, file.mtime_ns, digest), embeddings[digest])
            for digest, same in copies.items()
            if digest in embeddings
            for file in same
        ]
        # In this order, a process that is killed leaves no file that is both stored and failed, nor one that is stored
        # both where it is and where it was, as a folder that was renamed may not be looked into again.
        self._forget_failures([path for path, _, _ in stored])
        paths = {file.path for file in files}
        vanished = {file.path for file, _ in failures if is_gone(Path(file.path))}
        moved = {path for path in known_copies - paths if is_gone(Path(path))}
        self._outcome.removed += self._remove(vanished | moved)
        self._remove(paths)
        self._database.add(stored)
        self._add_states({path: state for path, state, _ in stored})
        self._store_failures([(file, error) for file, error in failures if file.path not in vanished])

    def _embed(self, inputs: dict[str, list[FileInput]]) -> Iterator[tuple[str, FileEmbeddings | LocatedError]]:
        """Yield the embeddings of new contents, or what is wrong with them, with their digests."""
        results = encode_groups(
            self._model,
            list(inputs.values()),
            prompt_name="document",
            truncate_dim=self._database.settings.dim,
            truncate=self._truncate,
            batch_tokens=self._batch_tokens,
            on_progress=self._progress.update,
        )
        for (digest, items), result in zip(inputs.items(), results, strict=True):
            if isinstance(result, LocatedError):
                yield digest, result
            else:
                yield digest, FileEmbeddings(_find_kind(items[0]), [_find_place(item) for item in items], result)

    def _add_states(self, states: Mapping[str, FileState]) -> None:
        self._states |= states
        for path, state in states.items():
            self._paths.setdefault(state.sha256, set()).add(path)

    def _remove(self, paths: Iterable[str]) -> int:
        """Remove those files that the database has; return their number."""
        removed = [path for path in paths if path in self._states]
        for path in removed:
            self._paths[self._states.pop(path).sha256].remove(path)
        self._database.remove(removed)
        return len(removed)

    def _forget_folders(self) -> None:
        """Forget the folders that are gone and of which the database has nothing, since their files have moved."""
        for path in filter(is_gone, map(Path, self._database.folders.read())):
            if not any(Path(file).is_relative_to(path) for file in self._states):
                self._database.folders.remove([str(path)])
                self._forget_failures([failure for failure in self._failures if Path(failure).is_relative_to(path)])

    def _store_failures(self, failures: Iterable[tuple[File, LocatedError]]) -> None:
        changed = []
        for file, error in failures:
            path, name = escape(file.path), type(error).__name__
            message = escape(describe_failure(error, file.path))
            media_type = _find_media_type(Path(file.path))
            failure = Failure(path, file.size, file.mtime_ns, name, media_type, message, self._conditions)
            before = self._failures.get(path)
            is_known = before is not None and before[:4] == failure[:4]
            self._outcome.add_failure(failure, is_known=is_known)
            if failure != before:
                changed.append(failure)
                self._failures[path] = failure
        self._database.failures.put(changed)

    def _forget_failures(self, paths: Iterable[str]) -> None:
        self._database.failures.remove([path for path in map(escape, paths) if self._failures.pop(path, None)])


def _find_kind(item: FileInput) -> str:
    """Return the kind of a file that has an input: text, image, audio, video or pdf."""
    return type(item).__name__.lower()


def _find_place(item: FileInput) -> Place:
    """Return the place of an input in its file."""
    if isinstance(item, Pdf) and item.pages:
        (number,) = item.pages
        return Place(page=number + 1)
    if isinstance(item, (Audio, Video)):
        return Place(start=item.start or 0, end=item.end or 0)
    return Place()


def _is_unchanged(file: File) -> bool:
    try:
        return File.find(Path(file.path)) == file
    except OSError:
        return False


def _find_media_type(path: Path) -> str:
    try:
        with open_path(path) as file:
            return read_media_type(file)
    except InputError:
        return ""


def _compute_digest(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
