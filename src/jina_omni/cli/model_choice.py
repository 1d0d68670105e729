# SPDX-License-Identifier: Apache-2.0
"""The model of a command: which one the user chose, opening it, and the identity of its embeddings."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jina_omni.cli.problems import CommandError
from jina_omni.demo import demo_model
from jina_omni.dialects import Dialect
from jina_omni.media.picture_options import Orientation, PictureOptions
from jina_omni.model import Model
from jina_omni.opening import make_absolute
from jina_omni.options import ModelOptions
from jina_omni.repository import Modality

__all__ = ["Conventions", "ModelChoice", "describe_identity", "log_downloads", "open_model"]


@dataclass(frozen=True)
class ModelChoice:
    """The files of a model, as the user names them.

    Attributes
    ----------
    model : str or None
        The absolute path of a text model file or of a folder, or a name on the Hub; None for the packaged toy model.
    mmproj : list of str
        The projector files of a text model file.
    modality : {"omni", "vision", "audio", "text"} or None
        Which projector files of a folder or of the Hub to use; both by default.
    """

    model: str | None
    mmproj: list[str]
    modality: Modality | None

    @classmethod
    def from_options(cls, args: argparse.Namespace) -> ModelChoice:
        """Return the model that the options of a command choose."""
        model = None if args.model is None else make_absolute(args.model)
        return cls(model, [str(path.resolve()) for path in args.mmproj], args.modality)


@dataclass(frozen=True)
class Conventions:
    """What the embeddings of one model depend on, each None where the user leaves it open.

    Attributes
    ----------
    dialect : {"card", "sentence-transformers"} or None
    orientation : {"as-stored", "upright"} or None
    background : str or None
        The name of a colour.
    """

    dialect: Dialect | None = None
    orientation: Orientation | None = None
    background: str | None = None

    @classmethod
    def from_options(cls, args: argparse.Namespace) -> Conventions:
        """Return those that the options of a command choose."""
        return cls(args.dialect, args.orientation, args.background)

    @property
    def pictures(self) -> PictureOptions:
        """How images and videos are laid out."""
        return PictureOptions().override(self.orientation, self.background)

    def complete(self, known: Conventions) -> Conventions:
        """Return these, with what they leave open from others."""
        return Conventions(
            self.dialect or known.dialect, self.orientation or known.orientation, self.background or known.background
        )


@contextmanager
def open_model(
    choice: ModelChoice, args: argparse.Namespace, conventions: Conventions = Conventions()
) -> Iterator[Model]:
    """Open a model on the device of the command's options; without a choice, the toy model, with a warning."""
    options: ModelOptions = {
        "device": args.device,
        "n_threads": args.threads,
        "compute": args.compute,
        "dialect": conventions.dialect or "card",
        "orientation": conventions.orientation or "as-stored",
        "background": conventions.background,
    }
    if choice.mmproj and not Path(choice.model or "").is_file():
        what = "the packaged model" if choice.model is None else choice.model
        raise CommandError(f"--mmproj goes with a text model file, but {what} is not one; pass --modality instead")
    if choice.model is None:
        print(
            "warning: without --model, the packaged toy model is used. It knows only a few drawn shapes and synthetic "
            "sounds; its embeddings of anything else mean nothing",
            file=sys.stderr,
        )
        model = demo_model(modality=choice.modality or "omni", **options)
    else:
        with log_downloads():
            model = Model(choice.model, choice.mmproj, modality=choice.modality, **options)
    with model:
        yield model


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


def describe_identity(model: Model, dim: int | None, prompt: str) -> str:
    """Return the identity of the embeddings that a model makes; those of two identities don't compare.

    Parameters
    ----------
    model : Model
    dim : int, optional
        The size that they are cut to.
    prompt : str
        The text before each input.
    """
    info = model.info
    pictures = f", orientation {info.orientation}" if info.orientation != "as-stored" else ""
    if info.background is not None:
        pictures += f", background {info.background}"
    return (
        f"{Path(info.path).name}, task {info.task}, dim {info.dim if dim is None else dim}, dialect {info.dialect}, "
        f"prompt {prompt!r}{pictures}"
    )
