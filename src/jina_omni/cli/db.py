# SPDX-License-Identifier: Apache-2.0
"""``jina-omni db``: what a database has, and how it is kept."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jina_omni.cli.collection.commands import add_update_options, keeping_work, open_database_model
from jina_omni.cli.collection.database import Database, Folder, lock_database, open_database
from jina_omni.cli.collection.outcome import count_types, print_outcome
from jina_omni.cli.collection.scan import Scan, has_failed_file, is_gone
from jina_omni.cli.collection.selection import IGNORE_FILE
from jina_omni.cli.collection.update import Update
from jina_omni.cli.options import parse_path
from jina_omni.cli.problems import (
    CommandError,
    advise_removal,
    escape,
    escape_line,
    format_command,
    report,
)
from jina_omni.cli.wording import describe_count

HELP = "Show what a database has, remove from it, or make it again."
EXAMPLES = """\
examples:
  jina-omni db status --db ~/files.db
  jina-omni db list --db ~/files.db --failed
  jina-omni db remove ~/documents/private --db ~/files.db
  jina-omni db prune --db ~/files.db
  jina-omni db rebuild --db ~/files.db --model nano-retrieval

No command changes the files that were indexed. jina-omni db COMMAND --help shows the options of a command.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the commands of this command."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")

    def add(name: str, perform: Callable[[argparse.Namespace], int], what: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--db", metavar="DIR", type=parse_path, required=True, help="folder of the database")
        command.set_defaults(perform=perform)
        return command

    add("status", _show_status, "Show the model, the number of files, and what index would do. It opens no model.")
    command = add("list", _list_files, "Print the path of each file in the database.")
    command.add_argument("--failed", action="store_true", help="of each that is not, since it failed, and why")
    command.add_argument("--json", action="store_true", help="print each file as a line of JSON")
    command = add("remove", _remove, "Remove files or folders from the database; they need not exist any more.")
    command.add_argument("paths", metavar="PATH", type=parse_path, nargs="+")
    add("prune", _prune, "Remove files that are gone, except those of a folder that is gone as a whole.")
    add_update_options(add("rebuild", _rebuild, "Embed all files again, with the same or with another model."))


def run(args: argparse.Namespace) -> int:
    """Run a command on a database."""
    status: int = args.perform(args)
    return status


def _show_status(args: argparse.Namespace) -> int:
    database = open_database(args.db)
    kinds, states = database.read_kinds(), database.read_states()
    failures, folders = database.failures.read(), database.folders.read()
    n_of_kinds = [f"{count:,} {kind}" for kind, count in Counter(kinds.values()).most_common()]
    unread = [failure for failure in failures.values() if failure.is_of_unread_kind]
    print(f"embeddings  {database.count_embeddings():,} of {database.settings.identity}")
    print(f"files       {len(kinds):,}{_in_brackets(n_of_kinds)}")
    print(f"failed      {len(failures) - len(unread):,}")
    print(f"not read    {len(unread):,}{_in_brackets(count_types(unread))}")
    for path, folder in folders.items():
        scan = Scan([folder], folders, states, failures)
        counts = {"new": len(scan.new), "changed": len(scan.changed), "gone": len(scan.gone)}
        parts = [f"{count:,} {name}" for name, count in counts.items() if count]
        parts += [f"{where} {error.problem}" for where, error in scan.errors.items()]
        line = f"{path}{_in_brackets(_list_patterns(folder))}: {'; '.join(parts) or 'up to date'}"
        print(f"folder      {escape_line(line)}")
    return 0


def _in_brackets(items: Sequence[str]) -> str:
    return f" ({', '.join(items)})" if items else ""


def _list_patterns(folder: Folder) -> list[str]:
    included = [f"--include {pattern}" for pattern in folder.include.splitlines()]
    return included + [f"--exclude {pattern}" for pattern in folder.exclude.splitlines()]


def _list_files(args: argparse.Namespace) -> int:
    database = open_database(args.db)
    if args.failed:
        failures = database.failures.read()
        rows = [{"path": path, "message": failures[path].message} for path in sorted(failures)]
    else:
        rows = [{"path": path, "kind": kind} for path, kind in sorted(database.read_kinds().items())]
    for row in rows:
        print(json.dumps(row) if args.json else escape_line(row["message" if args.failed else "path"]))
    return 0


def _remove(args: argparse.Namespace) -> int:
    with _lock(args) as database:
        states, failures, folders = database.read_states(), database.failures.read(), database.folders.read()
        removed: set[str] = set()
        for path in args.paths:
            places = os.path.abspath(path), str(path.resolve())  # noqa: PTH100 - what is under a link has its path
            targets = [Path(escape(place)) for place in places]  # as the names of failures are
            held = {*states, *failures, *folders}
            found = {known for known in held if any(map(Path(known).is_relative_to, targets))}
            if not found:
                command = format_command("db", "list", "--db", args.db)
                raise CommandError(f"{path} is not in {args.db}; to see what is: {command}")
            removed |= found
        database.remove(removed.intersection(states))
        database.failures.remove(removed.intersection(failures))
        database.folders.remove(removed.intersection(folders))
        database.compact()
    _report_removed(removed.intersection(states), removed.intersection(failures), removed.intersection(folders))
    kept = folders.keys() - removed
    if any(Path(path).is_relative_to(folder) and has_failed_file(path) for path in removed for folder in kept):
        print(f"index adds them again, unless --exclude or {IGNORE_FILE} leaves them out", file=sys.stderr)
    return 0


def _prune(args: argparse.Namespace) -> int:
    with _lock(args) as database:
        absent = [Path(folder) for folder in database.folders.read() if is_gone(Path(folder))]
        gone = [Path(path) for path in database.read_states() if is_gone(Path(path))]
        removed = [str(path) for path in gone if not any(map(path.is_relative_to, absent))]
        database.remove(removed)
        failures = [path for path in database.failures.read() if not has_failed_file(path)]
        forgotten = [path for path in failures if not any(map(Path(path).is_relative_to, absent))]
        database.failures.remove(forgotten)
        database.compact()
    _report_removed(removed, forgotten, [])
    for folder in absent:
        n_files, advice = sum(path.is_relative_to(folder) for path in gone), advise_removal(folder, args.db)
        kept = f"{describe_count(n_files, 'file')} {'is' if n_files == 1 else 'are'} kept"
        print(escape_line(f"{folder} is not there as a whole, so its {kept}; {advice}"), file=sys.stderr)
    return 0


def _report_removed(files: Collection[str], failures: Collection[str], folders: Collection[str]) -> None:
    counts = {"removed": len(files)}
    for what, forgotten in ("failure", failures), ("folder", folders):
        counts[f"{what}{'' if len(forgotten) == 1 else 's'} forgotten"] = len(forgotten)
    report(counts, [])


def _rebuild(args: argparse.Namespace) -> int:
    """Make another database in the folder of this one, and put it in the place of the old one once it is complete."""
    with _lock(args) as database:
        folders = database.folders.read()
        if not folders:  # and nothing would be left
            raise CommandError(f"{args.db} has no folders; pass those to index")
        _check_readable(args, database)
        place = database.folder / "rebuild"
        with open_database_model(args, database) as (model, settings):
            made = Database.open(place)
            if made is not None and (made.settings, made.folders.read()) != (settings, folders):
                shutil.rmtree(place)
                made = None
            if made is None:
                made = Database.create(place, settings, settings.dim or model.info.dim)
                made.folders.put(list(folders.values()))
                # What failed before is tried again, but is nothing new.
                made.failures.put([failure._replace(conditions="") for failure in database.failures.read().values()])
            update = Update(made, model, truncate=args.truncate, batch_tokens=args.batch_tokens)
            with keeping_work(args.db):
                outcome = update.run(list(folders.values()))
            database.replace(made)
            shutil.rmtree(place)
    print_outcome(outcome, verbose=args.verbose)
    return 1 if outcome.new_failures else 0


def _check_readable(args: argparse.Namespace, database: Database) -> None:
    """Check that no folder can't be read of which the database has files, as they would be lost."""
    states, folders = database.read_states(), database.folders.read()
    scan = Scan(list(folders.values()), folders, states, {})
    kept = list(map(Path, states.keys() - scan.gone))
    for folder, error in scan.errors.items():
        n_files = sum(path.is_relative_to(folder) for path in kept)
        if n_files:
            problem = error.problem.partition(";")[0]
            raise CommandError(
                f"{folder} {problem}, and its {describe_count(n_files, 'file')} would be lost; make it readable, or, "
                f"{advise_removal(folder, args.db)}"
            )


@contextmanager
def _lock(args: argparse.Namespace) -> Iterator[Database]:
    """Open the database for changes."""
    open_database(args.db)  # before a folder is made for it
    with lock_database(args.db.resolve()):
        yield open_database(args.db)
