# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and the model that they choose."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from jina_omni.cli.problems import CommandError
from jina_omni.demo import demo_model
from jina_omni.dialects import DIALECTS
from jina_omni.model import Model
from jina_omni.opening import make_absolute
from jina_omni.options import COMPUTES
from jina_omni.repository import Modality

__all__ = [
    "Choice",
    "add_dialect_option",
    "add_encoding_options",
    "add_modality_option",
    "add_model_options",
    "identity",
    "log_downloads",
    "open_model",
]

_MAX_THREADS = 512


@dataclass(frozen=True)
class Choice:
    """A model that was chosen.

    Attributes
    ----------
    model : str or None
        A text file or a folder, with all of its path, or a name of the hub; None for the packaged model.
    mmproj : list of str
        The projectors of a text file.
    modality : {"omni", "vision", "audio", "text"} or None
        The projector files of a folder or repository to take; both by default.
    """

    model: str | None
    mmproj: list[str]
    modality: Modality | None

    @classmethod
    def from_options(cls, args: argparse.Namespace) -> Choice:
        """Return the model that the options of a command choose."""
        model = None if args.model is None else make_absolute(args.model)
        return cls(model, [str(path.resolve()) for path in args.mmproj], args.modality)


def add_model_options(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """Add the options that choose a model and what it runs on."""
    what = "text file (.gguf), folder with one and its projectors, or name of the hub, such as small-retrieval"
    group = parser.add_argument_group("model")
    if positional:
        group.add_argument("model", metavar="MODEL", nargs="?", help=what)
    else:
        group.add_argument("--model", metavar="MODEL", help=what)
    group.add_argument(
        "--mmproj", metavar="FILE", nargs="+", type=Path, default=[], help="projectors of a text file: vision, audio"
    )
    add_modality_option(group)
    group.add_argument("--device", default="auto", help="such as cpu or cuda:0 (default: %(default)s)")
    group.add_argument("--threads", metavar="N", type=_threads, help="of the CPU (default: all that may be used)")
    group.add_argument(
        "--compute", choices=COMPUTES, default="fast", help="on a CPU, with quantised files (default: %(default)s)"
    )


def add_modality_option(group: argparse._ActionsContainer) -> None:
    """Add the option that chooses among the projectors of a folder or repository."""
    group.add_argument(
        "--modality",
        choices=get_args(Modality),
        help="projector files of a folder or of the Hub (default: omni, both)",
    )


def add_dialect_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a way of prompting."""
    parser.add_argument("--dialect", choices=DIALECTS, help="way of prompting to be exact with (default: card)")


def add_encoding_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of making vectors."""
    parser.add_argument("--truncate-dim", metavar="N", type=int, help="cut vectors to one of the trained sizes")
    add_dialect_option(parser)
    parser.add_argument(
        "--truncate", action="store_true", help="keep the beginning of what is too long, instead of failing"
    )
    parser.add_argument("--batch-tokens", metavar="N", type=int, help="tokens of one run; fewer take less memory")


@contextmanager
def open_model(choice: Choice, args: argparse.Namespace, dialect: str | None) -> Iterator[Model]:
    """Open a model; without a choice, the packaged one, with a warning."""
    options = {"device": args.device, "n_threads": args.threads, "compute": args.compute, "dialect": dialect or "card"}
    if choice.mmproj and not Path(choice.model or "").is_file():
        what = "the packaged model" if choice.model is None else choice.model
        raise CommandError(f"--mmproj goes with a text model file, but {what} is not one; pass --modality instead")
    with ExitStack() as stack:
        if choice.model is None:
            print(
                "warning: without --model, the packaged toy model is used: it knows only a few drawn shapes and made "
                "sounds, and its vectors of all else mean nothing",
                file=sys.stderr,
            )
            model = demo_model(**options)
        else:
            with log_downloads():
                model = Model(choice.model, choice.mmproj, modality=choice.modality, **options)
        yield stack.enter_context(model)


@contextmanager
def log_downloads() -> Iterator[None]:
    """Show what `jina_omni.download` logs: the files that it downloads, and their license."""
    log = logging.getLogger("jina_omni")
    level = log.level
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)


def identity(model: Model, dim: int | None, prompt: str) -> str:
    """Return what vectors must have in common to compare."""
    info = model.info
    return (
        f"{Path(info.path).name}, task {info.task}, dim {info.dim if dim is None else dim}, dialect {info.dialect}, "
        f"prompt {prompt!r}"
    )


def _threads(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MAX_THREADS:
        raise argparse.ArgumentTypeError(f"{number} is not within 1 to {_MAX_THREADS}")
    return number
