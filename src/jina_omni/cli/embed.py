# SPDX-License-Identifier: Apache-2.0
"""``jina-omni embed``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jina_omni.cli.chunks import encode_groups, in_chunks
from jina_omni.cli.files import find_files, read_inputs
from jina_omni.cli.journal import Journal
from jina_omni.cli.options import Choice, add_encoding_options, add_model_options, identity, open_model
from jina_omni.cli.outputs import check_format, write_vectors
from jina_omni.cli.problems import CommandError, describe_failure, report
from jina_omni.errors import InputError, JinaOmniError
from jina_omni.model import Model
from jina_omni.precision import CALIBRATED, PRECISIONS, check_precision, quantize_embeddings

HELP = "Embed files, folders and lines of text: a vector for each."
EXAMPLES = """\
examples:
  jina-omni embed photos/ talk.mp4 paper.pdf --model small-retrieval --out vectors.npz
  jina-omni embed documents/ --model model/ --out vectors.parquet --truncate-dim 256
  printf 'a red circle\\na blue square\\n' | jina-omni embed - --query --model model/

Texts (files of any name that are UTF-8) are embedded by their contents, all else by its bytes. Folders are read with
all that is in them, but for hidden files. With - the lines of stdin are texts; empty ones are left out.

--out takes .jsonl (name, model, vector), .npz (names, vectors), .parquet (name, vector), or .npy (a row for each input
in order, NaN or 0 where it failed). Without --out, lines of JSON go to stdout.

A run that was stopped or killed goes on with the same command: a .jsonl file is appended to, and leaves out the names
that it holds; the others keep what is done in a .part.jsonl beside them until all is.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help="file or folder, or - for the lines of stdin")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write to this .jsonl, .npy, .npz or .parquet file")
    prompts = parser.add_mutually_exclusive_group()
    prompts.add_argument(
        "--query", dest="prompt_name", action="store_const", const="query", help="embed as queries (retrieval)"
    )
    prompts.add_argument(
        "--document", dest="prompt_name", action="store_const", const="document", help="embed as documents (default)"
    )
    prompts.add_argument("--prompt", metavar="TEXT", help="text to go before every input instead")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="(default: %(default)s)")
    parser.add_argument(
        "--on-error", choices=("skip", "stop"), default="skip", help="when an input fails (default: %(default)s)"
    )
    add_encoding_options(parser)
    add_model_options(parser)


@dataclass(frozen=True)
class _Item:
    """A file or a text, by the name of its vector."""

    name: str
    source: Path | str

    def inputs(self, args: argparse.Namespace) -> list[Any]:
        return [self.source] if isinstance(self.source, str) else read_inputs(self.source, truncate=args.truncate)

    def size(self) -> int:
        try:
            return len(self.source) if isinstance(self.source, str) else self.source.stat().st_size
        except OSError:
            return 0  # reading it will say why


def run(args: argparse.Namespace) -> int:
    """Embed all that is not done yet; return 1 when some of it failed."""
    if args.out is not None:
        check_format(args.out)
    items = list(_items(args.paths))
    if not items:
        raise CommandError(f"there is nothing to embed in {', '.join(args.paths)}")
    with open_model(Choice.from_options(args), args, args.dialect) as model:
        made_by = f"{identity(model, args.truncate_dim, _prompt(model, args))}, {args.precision}"
        if args.out is None or args.out.suffix == ".jsonl":
            if args.precision in CALIBRATED:
                raise CommandError(f"{args.precision} needs the ranges of all vectors: write to .npy, .npz or .parquet")
            with _journal(args.out, made_by) as journal:
                return 1 if _embed(model, items, journal, args, args.precision) else 0
        check_precision(args.precision, len(items))
        part = args.out.with_name(args.out.name + ".part.jsonl")
        with _journal(part, made_by) as journal:
            failures = _embed(model, items, journal, args, "float32")
            if failures and args.on_error == "stop":
                return 1
            _finish(items, journal, args, made_by)
        part.unlink()
        return 1 if failures else 0


def _items(paths: Sequence[str]) -> Iterator[_Item]:
    if "-" in paths:
        if len(paths) > 1:
            raise CommandError("- stands for the lines of stdin and goes alone, without files")
        try:
            lines = sys.stdin.buffer.read().decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise CommandError(f"stdin is no UTF-8 at byte {error.start:,}; convert it") from error
        yield from (_Item(line, line) for line in (line.removesuffix("\r") for line in lines) if line)
        return
    for path in map(Path, paths):
        yield from (_Item(str(file), file) for file in (find_files(path) if path.is_dir() else [path]))


def _prompt(model: Model, args: argparse.Namespace) -> str:
    """Return the prompt in force."""
    if args.prompt is not None:
        return str(args.prompt)
    info = model.info
    by_name = {"query": info.query_prompt, "document": info.document_prompt, None: info.default_prompt}
    return by_name[args.prompt_name]


@contextmanager
def _journal(path: Path | None, made_by: str) -> Iterator[Journal]:
    if path is None:
        yield Journal(sys.stdout.buffer, made_by)
        return
    journal = Journal.at(path, made_by)
    try:
        yield journal
    except KeyboardInterrupt:
        print(f"what was done is in {path}; the same command goes on from there", file=sys.stderr)
        raise
    except OSError as error:  # of a disk that is full, which does not name the file
        raise CommandError(
            f"{error.filename or path}: {error.strerror}; what was done is kept, the same command goes on from there"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the rest, on a full disk
            journal.close()


def _embed(
    model: Model, items: Sequence[_Item], journal: Journal, args: argparse.Namespace, precision: Any
) -> list[str]:
    """Embed the items that the journal lacks; return what went wrong."""
    left = journal.done.copy()
    todo: list[_Item] = []
    for item in items:
        if left[item.name]:
            left[item.name] -= 1
        else:
            todo.append(item)
    failures: list[str] = []
    n_done = 0
    options = {key: getattr(args, key) for key in ("truncate_dim", "prompt_name", "prompt", "truncate", "batch_tokens")}
    with tqdm(total=len(items), initial=len(items) - len(todo), unit="input", disable=None) as bar:
        for chunk in in_chunks(todo, _Item.size):
            names, groups = [], []
            for item in chunk:
                try:
                    groups.append(item.inputs(args))
                    names.append(item.name)
                except InputError as error:  # noqa: PERF203 - one failing input must not stop the others
                    failures.append(describe_failure(error, item.name))
            for name, found in zip(names, encode_groups(model, groups, **options), strict=True):
                if isinstance(found, JinaOmniError):
                    failures.append(describe_failure(found, name))
                else:
                    journal.add(name, quantize_embeddings(found[0], precision))
                    n_done += 1
            journal.flush()
            bar.update(len(chunk))
            if failures and args.on_error == "stop":
                break
    report({"embedded": n_done, "were done before": len(items) - len(todo)}, failures)
    return failures


def _finish(items: Sequence[_Item], journal: Journal, args: argparse.Namespace, made_by: str) -> None:
    """Write the file that was asked for."""
    done = dict(journal.rows())
    if not done:
        print(f"{args.out} is not written, since every input failed", file=sys.stderr)
        return
    if args.out.suffix != ".npy":
        items = [item for item in items if item.name in done]
    lost = np.full_like(next(iter(done.values())), np.nan)
    vectors = np.stack([done.get(item.name, lost) for item in items])
    write_vectors(args.out, [item.name for item in items], quantize_embeddings(vectors, args.precision), made_by)
