# SPDX-License-Identifier: Apache-2.0
"""``jina-omni index``."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from jina_omni.cli.chunks import encode_groups, in_chunks
from jina_omni.cli.database import Contents, Database, Settings, State
from jina_omni.cli.files import find_files, read_inputs
from jina_omni.cli.lock import lock
from jina_omni.cli.options import Choice, add_encoding_options, add_model_options, identity, open_model
from jina_omni.cli.problems import CommandError, describe_failure, report
from jina_omni.errors import JinaOmniError
from jina_omni.media.pdf import Pdf
from jina_omni.model import Model

HELP = "Put the files of a folder into a database, to be searched."
EXAMPLES = """\
examples:
  jina-omni index ~/documents --db ~/documents.db --model small-retrieval
  jina-omni index ~/documents --db ~/documents.db
  jina-omni index ~/papers --db ~/papers.db --model model/ --pages

The database remembers the model and how it was used, so that only the first run has to say it, and refuses others. It
takes several folders, one after the other.

Run it again when files have changed. A file of the same size and time is left alone; one whose bytes are known keeps
their vector, also under another name; a changed one is embedded anew; one that is gone is removed. Hidden files are
left out. A run that was stopped or killed goes on with the same command.
"""

_COUNTS = ("embedded", "known by their bytes", "unchanged", "removed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--db", metavar="DIR", type=Path, required=True, help="folder of the database")
    parser.add_argument("--pages", action="store_true", help="a vector for each page of a PDF, not one for all")
    add_encoding_options(parser)
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Bring the database up to date with the folder; return 1 when some files failed."""
    folder, db = args.folder.resolve(), args.db.resolve()
    if not folder.is_dir():
        raise CommandError(f"{args.folder} is no folder")
    with _locked(db), _model(args, known := Database.open(db)) as (model, settings):
        database = known or Database.create(db, settings, args.truncate_dim or model.info.dim)
        if database.settings.identity != settings.identity or database.settings.pages != settings.pages:
            raise CommandError(
                f"{args.db} holds vectors of {_shown(database.settings)}, but this run makes those of "
                f"{_shown(settings)}, which don't belong together; make another database with --db"
            )
        update = _Update(database, model, settings, args)
        try:
            update.run(folder, db)
        except KeyboardInterrupt:
            print(f"what was done is in {args.db}; the same command goes on from there", file=sys.stderr)
            raise
        report(update.counts, update.failures)
        return 1 if update.failures else 0


@contextmanager
def _locked(db: Path) -> Iterator[None]:
    db.mkdir(parents=True, exist_ok=True)
    with (db / "index.lock").open("a") as file:
        lock(file)
        yield


@contextmanager
def _model(args: argparse.Namespace, database: Database | None) -> Iterator[tuple[Model, Settings]]:
    """Open the model of the command's options or, where they say nothing, of the database."""
    choice = Choice.from_options(args)
    if database is not None:
        known = database.settings
        choice = choice if args.model else known.choice
        args.truncate_dim = args.truncate_dim or known.dim
        args.dialect = args.dialect or known.dialect
        args.pages = args.pages or known.pages
    with open_model(choice, args, args.dialect) as opened:
        yield opened, Settings(
            choice=choice,
            dim=args.truncate_dim,
            dialect=args.dialect,
            pages=args.pages,
            identity=identity(opened, args.truncate_dim, opened.info.document_prompt),
        )


def _shown(settings: Settings) -> str:
    return f"{settings.identity}{', a vector for each page' if settings.pages else ''}"


class _File(NamedTuple):
    path: str
    size: int
    mtime_ns: int


@dataclass
class _Update:
    """One pass over a folder.

    Chunk by chunk, files that are new or have changed are put into the database, so that a process that is killed loses
    one chunk. What is gone is removed at the end, since its vectors may go on under another name.
    """

    database: Database
    model: Model
    settings: Settings
    args: argparse.Namespace
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    failures: list[str] = field(default_factory=list)

    def run(self, folder: Path, db: Path) -> None:
        states = self.database.states()
        digests = {state.sha256 for state in states.values()}
        found: set[str] = set()
        todo: list[_File] = []
        for path in find_files(folder, leave_out=db):
            found.add(str(path))
            try:
                stat = path.stat()
            except OSError as error:
                self.failures.append(f"{path} can't be read: {error.strerror}")
                continue
            state = states.get(str(path))
            if state is not None and state[:2] == (stat.st_size, stat.st_mtime_ns):
                self.counts["unchanged"] += 1
            else:
                todo.append(_File(str(path), stat.st_size, stat.st_mtime_ns))
        with tqdm(total=len(todo), unit="file", disable=None) as bar:
            for chunk in in_chunks(todo, lambda file: file.size):
                self._take(chunk, states, digests)
                bar.update(len(chunk))
        gone = [path for path in states if path not in found and Path(path).is_relative_to(folder)]
        self.database.remove(gone)
        self.counts["removed"] = len(gone)
        if any(self.counts[what] for what in ("embedded", "known by their bytes", "removed")):
            self.database.tidy()

    def _take(self, files: list[_File], states: dict[str, State], digests: set[str]) -> None:
        """Put files into the database, in the place of what they were before."""
        same: dict[str, list[_File]] = {}  # files by their contents
        inputs: dict[str, list[Any]] = {}
        for file in files:
            try:
                parts = read_inputs(Path(file.path), by_page=self.settings.pages, truncate=self.args.truncate)
                digest = _sha256(file.path)
            except JinaOmniError as error:  # noqa: PERF203 - one failing file must not stop the others
                self.failures.append(describe_failure(error, file.path))
            except OSError as error:
                self.failures.append(f"{file.path} can't be read: {error.strerror}")
            else:
                same.setdefault(digest, []).append(file)
                inputs[digest] = parts
        contents = self.database.contents(same.keys() & digests)
        self.counts["known by their bytes"] += sum(len(same[digest]) for digest in contents)
        new = [digest for digest in same if digest not in contents]
        options = {key: getattr(self.args, key) for key in ("truncate_dim", "truncate", "batch_tokens")}
        groups = [inputs[digest] for digest in new]
        results = encode_groups(self.model, groups, prompt_name="document", **options)
        for digest, result in zip(new, results, strict=True):
            if isinstance(result, JinaOmniError):
                self.failures += [describe_failure(result, file.path) for file in same[digest]]
                continue
            is_split = isinstance(inputs[digest][0], Pdf)
            contents[digest] = Contents(list(range(1, len(result) + 1)) if is_split else [0], result)
            self.counts["embedded"] += 1
            self.counts["known by their bytes"] += len(same[digest]) - 1
        self.database.remove(file.path for file in files if file.path in states)
        self.database.add(
            [
                (file.path, State(file.size, file.mtime_ns, digest), contents[digest])
                for digest, copies in same.items()
                if digest in contents
                for file in copies
            ]
        )
        digests |= contents.keys()


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
