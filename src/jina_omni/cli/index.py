# SPDX-License-Identifier: Apache-2.0
"""``jina-omni index``."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from jina_omni.cli.collection.commands import add_update_options, keeping_work, open_database_model
from jina_omni.cli.collection.database import (
    Database,
    Folder,
    Settings,
    check_place,
    is_database,
    lock_database,
    open_database,
)
from jina_omni.cli.collection.outcome import print_outcome
from jina_omni.cli.collection.selection import IGNORE_FILE, Selection
from jina_omni.cli.collection.update import Update
from jina_omni.cli.collection.watch import import_watchfiles, watch
from jina_omni.cli.files import find_files, suggest_path
from jina_omni.cli.options import parse_path
from jina_omni.cli.problems import CommandError, advise_removal, check_unicode, format_command

HELP = "Put the files of folders into a database, to be searched."
EXAMPLES = f"""\
examples:
  jina-omni index ~/documents ~/photos --db ~/files.db --model small-retrieval
  jina-omni index --db ~/files.db
  jina-omni index ~/papers --db ~/papers.db --model model/ --pages --include '*.pdf' --exclude 'drafts/'
  jina-omni index --db ~/files.db --watch

The database stores the folders and their patterns, the model and the options of its embeddings, so only the first run
needs them; it refuses another model. Without FOLDER, all folders of the database are brought up to date.

Run the command again when files have changed. It skips a file of the same size and time, reuses the embedding of a file
whose content is already in the database under any name, embeds a changed file again, and removes a file that is gone.
A damaged file is tried again when it has changed. The exit status is 1 when something failed that did not fail before.
Sounds and videos of over 30 seconds have an embedding for each 30 seconds, and search shows the time of a match.
Hidden files and databases are left out, and linked folders are followed. The same command continues a run that was
stopped or killed.

Patterns are those of .gitignore, as are the lines of a file {IGNORE_FILE} in any of the folders. Patterns that are
passed for a folder replace its earlier ones; --include '*' takes all files again.

jina-omni db shows what a database has, and removes from it.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folders", metavar="FOLDER", type=parse_path, nargs="*")
    parser.add_argument("--db", metavar="DIR", type=parse_path, required=True, help="folder of the database")
    parser.add_argument(
        "--include", metavar="PATTERN", action="append", default=[], help="only files like '*.pdf'; may be repeated"
    )
    parser.add_argument(
        "--exclude", metavar="PATTERN", action="append", default=[], help="no files like '*.tmp'; may be repeated"
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on, and take in each change of the files, until Ctrl-C"
    )
    add_update_options(parser)


def run(args: argparse.Namespace) -> int:
    """Bring the database up to date with the folders; return 1 when something failed that did not before."""
    given = _read_folders(args)
    db = args.db.resolve()
    if not given:
        open_database(args.db)  # before a folder is made for it
    check_place(args.db)
    if str(db) in (folder.path for folder in given):
        raise CommandError(f"{args.db} is to be indexed; pass a new folder with --db")
    if args.watch:
        import_watchfiles()  # fails before anything is created
    with ExitStack() as stack:
        is_new = not is_database(db)
        if not is_new:
            stack.enter_context(lock_database(db))
        model, settings = stack.enter_context(open_database_model(args, Database.open(db)))
        if is_new:  # no folder is made for it before the options have proved right
            stack.enter_context(lock_database(db))
        database = Database.open(db) or Database.create(db, settings, settings.dim or model.info.dim)
        _check_settings(database, settings)
        folders = _choose_folders(database, given)
        changes = watch([Path(folder.path) for folder in folders]) if args.watch else ()
        update = Update(database, model, truncate=args.truncate, batch_tokens=args.batch_tokens)
        with keeping_work(args.db):
            outcome = update.run(folders)
            print_outcome(outcome, verbose=args.verbose)
            for _ in changes:
                outcome = update.run(folders)
                if outcome.has_changes() or outcome.new_failures:
                    print_outcome(outcome, verbose=args.verbose)
    return 1 if outcome.new_failures else 0


def _read_folders(args: argparse.Namespace) -> list[Folder]:
    """Return the folders of the command line, with their patterns."""
    include, exclude = "\n".join(args.include), "\n".join(args.exclude)
    folders = []
    for path in args.folders:
        if not path.is_dir():
            raise CommandError(_describe_missing(path, args.db))
        if is_database(path):
            raise CommandError(f"{path} is a database; pass the folder of its files")
        root = path.resolve()
        check_unicode(root)
        Selection(root, include, exclude)  # checks the patterns
        folders.append(Folder(str(root), include, exclude))
    if not folders and (include or exclude):
        raise CommandError("--include and --exclude are for folders; pass those that they are for")
    return folders


def _describe_missing(folder: Path, db: Path) -> str:
    """Return what is wrong with a folder of the command line, and what to do instead."""
    if folder.exists():
        return f"{folder} is a file; pass its folder"
    database = Database.open(db.resolve())
    if database is not None:
        place, held = folder.resolve(), {*database.read_states(), *database.failures.read(), *database.folders.read()}
        if any(Path(path).is_relative_to(place) for path in held):
            return f"there is no folder {folder}; {advise_removal(folder, db)}"
    return f"there is no folder {folder}{suggest_path(folder, only_folders=True)}"


def _choose_folders(database: Database, given: Sequence[Folder]) -> list[Folder]:
    """Return the folders to bring up to date: those of the command line and those in them, or all of the database."""
    known = database.folders.read()
    changed = [folder for folder in given if folder.path not in known or folder.include or folder.exclude]
    _check_patterns(database, changed, {*known, *(folder.path for folder in changed)})
    database.folders.put(changed)
    known |= {folder.path: folder for folder in changed}
    if not known:
        raise CommandError(f"{database.folder} has no folders; pass those to index")
    if not given:
        return list(known.values())
    return [known[path] for path in known if any(Path(path).is_relative_to(folder.path) for folder in given)]


def _check_patterns(database: Database, folders: Sequence[Folder], known: Collection[str]) -> None:
    """Check that no patterns select nothing of a folder, which would remove all that the database has of it."""
    narrowed = [folder for folder in folders if folder.include or folder.exclude]
    states = database.read_states() if narrowed else {}
    for folder in narrowed:
        root, others = Path(folder.path), [Path(path) for path in known if path != folder.path]
        inner = [other for other in others if other.is_relative_to(root)]
        files = [path for path in map(Path, states) if path.is_relative_to(root)]
        n_files = sum(not any(map(path.is_relative_to, inner)) for path in files)
        if not n_files or _has_files(root, Selection(root, folder.include, folder.exclude), others):
            continue
        if _has_files(root, None, others):
            raise CommandError(
                f"--include and --exclude select no file of {root}, and the database would lose its {n_files:,}; pass "
                f"other patterns, or, {advise_removal(root, database.folder)}"
            )


def _has_files(root: Path, selection: Selection | None, excluded: Collection[Path]) -> bool:
    """Return whether a folder has files that are selected, or folders that can't be read and may have some."""
    unreadable: list[Path] = []
    files = find_files(root, lambda path, _: unreadable.append(path), selection=selection, excluded=excluded)
    return any(True for _ in files) or bool(unreadable)


def _check_settings(database: Database, settings: Settings) -> None:
    known = database.settings
    if (known.identity, known.pages) != (settings.identity, settings.pages):
        raise CommandError(
            f"{database.folder} has {_describe(known)}, but this run makes {_describe(settings)}, which don't belong "
            "together; make another database with --db, or this one again: "
            f"{format_command('db', 'rebuild', '--db', database.folder)}"
        )


def _describe(settings: Settings) -> str:
    return f"embeddings of {settings.identity}{', one for each page' if settings.pages else ''}"
