# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and the model that they choose."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from jina_omni.cli.problems import CommandError
from jina_omni.model import COMPUTES, Model
from jina_omni.prompts import DIALECTS

__all__ = ["add_dialect_option", "add_encoding_options", "add_model_options", "identity", "open_model"]

_MAX_THREADS = 512


def add_model_options(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """Add the options that choose a model and what it runs on."""
    what = "text file (GGUF), or a folder that holds it and its projectors"
    group = parser.add_argument_group("model")
    if positional:
        group.add_argument("model", metavar="FILE", nargs="?", type=Path, help=what)
    else:
        group.add_argument("--model", metavar="FILE", type=Path, help=what)
    group.add_argument(
        "--mmproj", metavar="FILE", nargs="+", type=Path, default=[], help="its vision file, its audio file, or both"
    )
    group.add_argument("--device", default="auto", help="such as cpu or cuda:0 (default: %(default)s)")
    group.add_argument("--threads", metavar="N", type=_threads, help="of the CPU (default: all that may be used)")
    group.add_argument(
        "--compute", choices=COMPUTES, default="fast", help="on a CPU, with quantised files (default: %(default)s)"
    )


def add_dialect_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a way of prompting."""
    parser.add_argument("--dialect", choices=DIALECTS, help="way of prompting to be exact with (default: card)")


def add_encoding_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of making vectors."""
    parser.add_argument("--dim", metavar="N", type=int, help="cut vectors to one of the trained sizes")
    add_dialect_option(parser)
    parser.add_argument(
        "--truncate", action="store_true", help="keep the beginning of what is too long, instead of failing"
    )
    parser.add_argument("--batch-tokens", metavar="N", type=int, help="tokens of one run; fewer take less memory")


@contextmanager
def open_model(
    path: Path | None, mmproj: Sequence[Path], args: argparse.Namespace, dialect: str | None
) -> Iterator[Model]:
    """Open the model of these files; without any, the packaged one, with a warning."""
    if path is None:
        print(
            "warning: without --model, the packaged model is used: its weights are random and its vectors mean nothing",
            file=sys.stderr,
        )
        with (
            as_file(files("jina_omni.demo") / "data") as data,
            open_model(data, mmproj, args, dialect) as model,
        ):
            yield model
        return
    if path.is_dir():
        path, found = _files_in(path)
        mmproj = mmproj or found
    options = {"device": args.device, "n_threads": args.threads, "compute": args.compute, "dialect": dialect or "card"}
    with Model(path, list(mmproj), **options) as model:
        yield model


def identity(model: Model, dim: int | None, prompt: str) -> str:
    """Return what vectors must have in common to compare."""
    info = model.info
    return (
        f"{Path(info.path).name}, task {info.task}, dim {info.dim if dim is None else dim}, dialect {info.dialect}, "
        f"prompt {prompt!r}"
    )


def _files_in(folder: Path) -> tuple[Path, list[Path]]:
    """Return the text file of a folder, and its projectors, which have mmproj in their names."""
    found = sorted(folder.glob("*.gguf"))
    texts = [path for path in found if "mmproj" not in path.name.lower()]
    if len(texts) != 1:
        names = ", ".join(path.name for path in texts) or "none"
        raise CommandError(f"{folder}: a model's folder holds one text file (GGUF), but this one has {names}")
    return texts[0], [path for path in found if path != texts[0]]


def _threads(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MAX_THREADS:
        raise argparse.ArgumentTypeError(f"{number} is not within 1 to {_MAX_THREADS}")
    return number
