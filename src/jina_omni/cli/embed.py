# SPDX-License-Identifier: Apache-2.0
"""``jina-omni embed``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jina_omni.cli.chunks import encode_groups, split_into_chunks
from jina_omni.cli.files import FileInput, find_files, read_inputs, suggest_path
from jina_omni.cli.journal import Journal
from jina_omni.cli.model_choice import Conventions, ModelChoice, describe_identity, open_model
from jina_omni.cli.options import add_encoding_options, add_model_options, parse_path
from jina_omni.cli.outputs import check_format, write_embeddings
from jina_omni.cli.problems import CommandError, advise_continuation, describe_failure, report
from jina_omni.cli.progress import CommandProgress
from jina_omni.errors import DecodeError, InputError, LocatedError
from jina_omni.file_names import find_file_name
from jina_omni.inputs import Text
from jina_omni.media.texts import decode_text
from jina_omni.model import Model
from jina_omni.precision import CALIBRATED, PRECISIONS, Precision, check_precision, quantize_embeddings

HELP = "Embed files, folders and lines of text: an embedding for each file or line."
EXAMPLES = """\
examples:
  jina-omni embed photos/ talk.mp4 paper.pdf --model small-retrieval --out vectors.npz
  jina-omni embed documents/ --model model/ --out vectors.parquet --truncate-dim 256
  printf 'a red circle\\na blue square\\n' | jina-omni embed - --query --model model/

Files that are text, whatever their name, are embedded as texts: UTF-8, or UTF-16 with a byte order mark. The type of
any other file is found from its bytes. Folders are read with all folders in them and those that are linked into them,
except hidden files. With - the lines of stdin are texts; an empty line fails.

--out takes .jsonl (name, model, vector), .npz (names, vectors), .parquet (name, vector), or .npy (a row for each input
in order, NaN or 0 where it failed). Without --out, JSON lines go to stdout.

The same command continues a run that was stopped or killed: it appends to a .jsonl file the names that the file lacks.
For the other formats, a .part.jsonl file beside the output keeps what is done until everything is.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help="file or folder, or - for the lines of stdin")
    parser.add_argument(
        "--out", metavar="FILE", type=parse_path, help="write to this .jsonl, .npy, .npz or .parquet file"
    )
    prompts = parser.add_mutually_exclusive_group()
    prompts.add_argument(
        "--query", dest="prompt_name", action="store_const", const="query", help="embed as queries (retrieval)"
    )
    prompts.add_argument(
        "--document", dest="prompt_name", action="store_const", const="document", help="embed as documents (default)"
    )
    prompts.add_argument("--prompt", metavar="TEXT", help="place this text before every input instead")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="(default: %(default)s)")
    parser.add_argument(
        "--on-error", choices=("skip", "stop"), default="skip", help="when an input fails (default: %(default)s)"
    )
    add_encoding_options(parser)
    add_model_options(parser)


@dataclass(frozen=True)
class _Item:
    """A file or a text, with the name of its embedding, with what messages call it, and with advice for its error."""

    name: str
    source: Path | Text
    subject: str
    advice: str = ""

    def read_inputs(self, *, truncate: bool) -> list[FileInput]:
        return [self.source] if isinstance(self.source, Text) else read_inputs(self.source, truncate=truncate)

    def get_size(self) -> int:
        try:
            return len(self.source.text) if isinstance(self.source, Text) else self.source.stat().st_size
        except OSError:
            return 0  # reading the file raises the error to report


def run(args: argparse.Namespace) -> int:
    """Embed what is not done yet; return 1 when an input failed."""
    if args.out is not None:
        check_format(args.out)
    failures: list[str] = []
    items = list(_list_items(args.paths, failures))
    if not items:
        raise CommandError("; ".join([f"there is nothing to embed in {', '.join(args.paths)}", *failures]))
    with open_model(ModelChoice.from_options(args), args, Conventions.from_options(args)) as model:
        identity = f"{describe_identity(model, args.truncate_dim, _choose_prompt(model, args))}, {args.precision}"
        if args.out is None or args.out.suffix == ".jsonl":
            if args.precision in CALIBRATED:
                raise CommandError(
                    f"{args.precision} needs the ranges of all embeddings: write to .npy, .npz or .parquet"
                )
            with _open_journal(args.out, identity) as journal:
                _embed(model, items, journal, args, args.precision, failures)
            if failures and args.on_error == "stop":
                _report_stop(args.out)
            return 1 if failures else 0
        check_precision(args.precision, len(items))
        part = args.out.with_name(args.out.name + ".part.jsonl")
        with _open_journal(part, identity) as journal:
            _embed(model, items, journal, args, "float32", failures)
            if failures and args.on_error == "stop":
                _report_stop(part)
                return 1
            _write_output(items, journal, args, identity)
        part.unlink()
        return 1 if failures else 0


def _list_items(paths: Sequence[str], failures: list[str]) -> Iterator[_Item]:
    """Yield what the paths name; add a message for each folder that can't be read."""

    def add_failure(folder: Path, error: InputError) -> None:
        failures.append(describe_failure(error, str(folder)))

    if "-" in paths:
        if len(paths) > 1:
            raise CommandError("- stands for the lines of stdin and can't be combined with files")
        try:
            lines = decode_text(sys.stdin.buffer.read()).split("\n")
        except DecodeError as error:
            raise CommandError(error.message_for("stdin")) from error
        except OSError as error:
            raise CommandError(f"can't read stdin: {error.strerror}") from error
        if not lines[-1]:
            lines.pop()  # after the last line break
        texts = [line.removesuffix("\r") for line in lines]
        if name := find_file_name(texts):
            print(
                f"warning: the lines of stdin are texts, also {name!r}, which is the name of a file; to embed files, "
                f"pass their names: jina-omni embed {shlex.quote(name)}",
                file=sys.stderr,
            )
        yield from (_Item(text, Text(text), text or f"line {i} of stdin") for i, text in enumerate(texts, 1))
        return
    _check_existence(paths)
    for given in paths:
        path = Path(given)
        files = find_files(path, add_failure) if path.is_dir() else [path]
        advice = "" if os.path.lexists(path) else _advise_other_form(given)
        yield from (_Item(str(file), file, str(file), advice) for file in files)


def _check_existence(paths: Sequence[str]) -> None:
    """Check that any of the paths exists, and that none is empty; a few that don't exist are failures beside others."""
    if "" in paths:  # which would be the current folder
        raise CommandError("an empty text is not a path; the current folder is .")
    if any(map(os.path.lexists, paths)):
        return
    raise CommandError(f"there is no file or folder {paths[0]!r}{_advise_other_form(paths[0]) or _advise_text(paths)}")


def _advise_other_form(path: str) -> str:
    """Return the end of a message about a path that does not exist: what else may be meant, and how it is passed."""
    if close := suggest_path(Path(path)):
        return close
    if "://" in path:
        return f"; nothing is downloaded: pass the file that this writes: curl -LO {shlex.quote(path)}"
    return _advise_text([path]) if " " in path and os.sep not in path else ""


def _advise_text(words: Sequence[str]) -> str:
    text = shlex.quote(" ".join(words))
    return f"; to embed a text, pass it as a line of stdin: printf '%s\\n' {text} | jina-omni embed -"


def _choose_prompt(model: Model, args: argparse.Namespace) -> str:
    if args.prompt is not None:
        return str(args.prompt)
    info = model.info
    by_name = {"query": info.query_prompt, "document": info.document_prompt, None: info.default_prompt}
    return by_name[args.prompt_name]


@contextmanager
def _open_journal(path: Path | None, identity: str) -> Iterator[Journal]:
    """Open the journal of a path, or one that writes to stdout."""
    if path is None:
        yield Journal(sys.stdout.buffer, identity)
        return
    journal = Journal.open(path, identity)
    try:
        yield journal
    except KeyboardInterrupt:
        print(advise_continuation(path), file=sys.stderr)
        raise
    except OSError as error:  # that of a full disk does not name the file
        raise CommandError(
            f"{error.filename or path}: {error.strerror}; finished work is kept, run the same command to continue"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # closing writes what is buffered, which fails on a full disk
            journal.close()


def _embed(
    model: Model,
    items: Sequence[_Item],
    journal: Journal,
    args: argparse.Namespace,
    precision: Precision,
    failures: list[str],
) -> None:
    """Embed the items that the journal lacks; add a message for each that failed."""
    n_done = journal.n_done.copy()
    remaining: list[_Item] = []
    for item in items:
        if n_done[item.name]:
            n_done[item.name] -= 1
        else:
            remaining.append(item)
    n_embedded = 0
    n_skipped = len(items) - len(remaining)
    options = {key: getattr(args, key) for key in ("truncate_dim", "prompt_name", "prompt", "truncate", "batch_tokens")}
    with contextlib.closing(CommandProgress(len(remaining), "inputs")) as progress:
        for chunk in split_into_chunks(remaining, _Item.get_size):
            read, groups = [], []
            for item in chunk:
                try:
                    groups.append(item.read_inputs(truncate=args.truncate))
                    read.append(item)
                except InputError as error:  # noqa: PERF203 - one failing input must not stop the others
                    failures.append(describe_failure(error, item.subject) + item.advice)
            with progress.chunk(len(chunk)):
                results = encode_groups(model, groups, on_progress=progress.update, **options)
            for item, result in zip(read, results, strict=True):
                if isinstance(result, LocatedError):
                    failures.append(describe_failure(result, item.subject))
                else:
                    journal.add(item.name, quantize_embeddings(result[0], precision))
                    n_embedded += 1
            journal.flush()
            if failures and args.on_error == "stop":
                break
    report({"embedded": n_embedded, "already done": n_skipped}, failures)


def _report_stop(journal: Path | None) -> None:
    """Say on stderr that a failure stopped the command, and how to go on where its work is kept in a file."""
    advice = "" if journal is None else f"; {advise_continuation(journal)}"
    print(f"stopped at the first failure{advice}", file=sys.stderr)


def _write_output(items: Sequence[_Item], journal: Journal, args: argparse.Namespace, identity: str) -> None:
    done = dict(journal.read())
    if not done:
        print(f"{args.out} is not written, since every input failed", file=sys.stderr)
        return
    if args.out.suffix != ".npy":
        items = [item for item in items if item.name in done]
    missing = np.full_like(next(iter(done.values())), np.nan)
    embeddings = np.stack([done.get(item.name, missing) for item in items])
    write_embeddings(args.out, [item.name for item in items], quantize_embeddings(embeddings, args.precision), identity)
