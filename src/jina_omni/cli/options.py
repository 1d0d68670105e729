# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import get_args

from jina_omni.cli.collection.scope import FILE_KINDS
from jina_omni.dialects import DIALECTS
from jina_omni.media.picture_options import ORIENTATIONS, read_background
from jina_omni.native import MAX_THREADS
from jina_omni.options import COMPUTES
from jina_omni.repository import Modality

__all__ = [
    "add_dialect_option",
    "add_encoding_options",
    "add_modality_option",
    "add_model_options",
    "add_picture_options",
    "add_scope_options",
    "add_truncate_option",
    "parse_number",
    "parse_path",
    "parse_whole_number",
]


def add_model_options(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """Add the options that choose a model and the device that it runs on."""
    what = "text model file (.gguf), folder with one and its projector files, or name on the Hub: small-retrieval"
    group = parser.add_argument_group("model")
    if positional:
        group.add_argument("model", metavar="MODEL", nargs="?", help=what)
    else:
        group.add_argument("--model", metavar="MODEL", help=what)
    group.add_argument(
        "--mmproj",
        metavar="FILE",
        nargs="+",
        type=parse_path,
        default=[],
        help="projector files of a text model file: vision, audio or both",
    )
    add_modality_option(group)
    group.add_argument("--device", default="auto", help="cpu, cuda:0, ... (default: %(default)s)")
    group.add_argument(
        "--threads", metavar="N", type=_parse_threads, help="number of CPU threads (default: all that may be used)"
    )
    group.add_argument(
        "--compute",
        choices=COMPUTES,
        default="fast",
        help="on a CPU: rounded activations, or float32 throughout (default: %(default)s)",
    )


def add_modality_option(group: argparse._ActionsContainer) -> None:
    """Add the option that chooses among the projector files of a folder or of the Hub."""
    group.add_argument(
        "--modality",
        choices=get_args(Modality),
        help="which projector files of a folder or of the Hub to use (default: omni, which is both)",
    )


def add_dialect_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a dialect."""
    parser.add_argument("--dialect", choices=DIALECTS, help="convention of prompting the model (default: card)")


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how images and videos are laid out."""
    parser.add_argument(
        "--orientation",
        choices=ORIENTATIONS,
        help="upright turns images and videos as their metadata say (default: as-stored)",
    )
    parser.add_argument(
        "--background",
        metavar="COLOUR",
        type=_parse_background,
        help="what shows where images and videos are transparent: white, '#ff8000', ... (default: their own colours, "
        "and white behind SVG)",
    )


def add_encoding_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `Model.encode` that several commands have."""
    parser.add_argument(
        "--truncate-dim", metavar="N", type=parse_whole_number, help="cut embeddings to one of the trained sizes"
    )
    add_dialect_option(parser)
    add_picture_options(parser)
    add_truncate_option(parser)
    parser.add_argument(
        "--batch-tokens",
        metavar="N",
        type=parse_whole_number,
        help="tokens that are computed together; fewer take less memory",
    )


def add_truncate_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that cuts inputs that are too long."""
    parser.add_argument(
        "--truncate", action="store_true", help="keep the beginning of an input that is too long, instead of failing"
    )


def add_scope_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a database and which of its files are looked at."""
    parser.add_argument("--db", metavar="DIR", type=parse_path, required=True, help="folder of the database")
    parser.add_argument(
        "--kind",
        choices=FILE_KINDS,
        action="append",
        default=[],
        help="only files of this kind; may be repeated",
    )
    parser.add_argument(
        "--under",
        metavar="FOLDER",
        type=parse_path,
        action="append",
        default=[],
        help="only files in this folder; may be repeated",
    )


def parse_number(text: str) -> float:
    """Return the number of an option, as `parse_whole_number` does."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def parse_path(text: str) -> Path:
    """Return the path of an option. An empty one, as of a shell variable that is not set, isn't the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("an empty text is not a path; the current folder is .")
    return Path(text)


def parse_whole_number(text: str) -> int:
    """Return the number of an option; its range is checked where it is used, with what it takes there."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _parse_background(text: str) -> str:
    try:
        read_background(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an opaque colour, such as white or '#ff8000'") from error
    return text


def _parse_threads(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 1 <= int(text) <= MAX_THREADS:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_THREADS}")
