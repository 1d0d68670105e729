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
from typing import Any, get_args

from jina_omni.cli.problems import CommandError
from jina_omni.demo import demo_model
from jina_omni.hub import download
from jina_omni.model import COMPUTES, Model
from jina_omni.prompts import DIALECTS
from jina_omni.repository import Modality, ModelPaths

__all__ = [
    "Choice",
    "add_dialect_option",
    "add_encoding_options",
    "add_modality_option",
    "add_model_options",
    "fetch",
    "identity",
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
    modality : {"omni", "vision", "audio", "text"}
        Which projectors of a folder or repository to take.
    """

    model: str | None
    mmproj: list[str]
    modality: Modality

    @classmethod
    def of(cls, args: argparse.Namespace) -> Choice:
        """Return what the options of a command choose."""
        model: str | None = args.model
        if model is not None and (model.endswith(".gguf") or Path(model).is_dir()):
            model = str(Path(model).resolve())
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
        default="omni",
        help="projectors of a folder or of the hub (default: %(default)s, both)",
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
def open_model(choice: Choice, args: argparse.Namespace, dialect: str | None) -> Iterator[Model]:
    """Open a model; without a choice, the packaged one, with a warning."""
    options = {"device": args.device, "n_threads": args.threads, "compute": args.compute, "dialect": dialect or "card"}
    with ExitStack() as stack:
        if choice.model is None:
            print(
                "warning: without --model, the packaged toy model is used: it knows only a few drawn shapes and made "
                "sounds, and its vectors of all else mean nothing",
                file=sys.stderr,
            )
            model = demo_model(**options)
        elif choice.model.endswith(".gguf"):
            model = Model(choice.model, choice.mmproj, **options)
        elif choice.mmproj:
            raise CommandError(f"--mmproj is for a text file, but {choice.model} is none; pass --modality")
        elif Path(choice.model).is_dir():
            model = Model.from_dir(choice.model, modality=choice.modality, **options)
        else:
            paths = fetch(choice.model, modality=choice.modality)
            model = Model(paths.text, paths.mmproj, **options)
        yield stack.enter_context(model)


def fetch(name: str, **options: Any) -> ModelPaths:
    """Download a model of the hub, and tell of it and of its license, as `jina_omni.download` does in the log."""
    log = logging.getLogger("jina_omni")
    level = log.level
    log.setLevel(logging.INFO)
    try:
        return download(name, **options)
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
