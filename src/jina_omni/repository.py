# SPDX-License-Identifier: Apache-2.0
"""Which files of a folder, or of a repository of the hub, make up a model: their names decide."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from jina_omni.errors import ModelLoadError
from jina_omni.info import quantization_of
from jina_omni.published import default_quantization

__all__ = ["Modality", "ModelPaths", "check_modality", "choose_files", "files_in"]

Modality = Literal["omni", "vision", "audio", "text"]

# The kinds of projector that each takes.
_KINDS: dict[Modality, tuple[str, ...]] = {
    "omni": ("vision", "audio"),
    "vision": ("vision",),
    "audio": ("audio",),
    "text": (),
}


@dataclass(frozen=True)
class ModelPaths:
    """The files of a model, as `Model` takes them.

    Attributes
    ----------
    text : str
    mmproj : tuple of str
        The vision file, then the audio file, as far as they were asked for.

    .. versionadded:: 0.1.0
    """

    text: str
    mmproj: tuple[str, ...]

    def under(self, folder: Path) -> ModelPaths:
        """Return the paths of files whose names are relative to a folder."""
        return ModelPaths(os.fspath(folder / self.text), tuple(os.fspath(folder / name) for name in self.mmproj))


def check_modality(modality: str) -> None:
    """Refuse a modality that does not exist, before anything else is done.

    Raises
    ------
    ValueError
        It is none of ``omni``, ``vision``, ``audio`` and ``text``.
    """
    if modality not in _KINDS:
        raise ValueError(f"modality {modality!r} is unknown; it is one of {', '.join(_KINDS)}")


def files_in(folder: Path) -> list[str]:
    """Return the names of all files under a folder, relative to it."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def choose_files(names: Iterable[str], quantization: str | None, modality: Modality, where: str) -> ModelPaths:
    """Choose the text file and the projectors of a model by their names.

    The text file is the ``.gguf`` without ``mmproj`` in its name whose quantisation is the one asked for; without one,
    the only text file, or else the one of the quantisation that is recommended for its size. A projector has
    ``mmproj`` and its kind in its name; one that tells no kind stands in for a kind that no other tells. Of several,
    the F16 file is taken, as all published ones are.

    Parameters
    ----------
    names : iterable of str
        Relative to the repository, with ``/``; other files than ``.gguf`` don't matter.
    quantization : str or None
        Of the text file, such as ``Q4_K_M``; case does not matter.
    modality : {"omni", "vision", "audio", "text"}
        Both projectors, one of them, or none.
    where : str
        What messages call the folder or repository.

    Returns
    -------
    ModelPaths
        Some of the names.

    Raises
    ------
    ModelLoadError
        A file is missing, or several fit; the message lists what there is.
    """
    files = sorted(name for name in names if name.lower().endswith(".gguf"))
    texts = [name for name in files if not _says(name, "mmproj")]
    projectors = [name for name in files if _says(name, "mmproj")]
    text = _text_file(texts, quantization, where)
    chosen = (_projector(projectors, kind, modality, where) for kind in _KINDS[modality])
    return ModelPaths(text, tuple(dict.fromkeys(chosen)))  # one file may hold both


def _text_file(texts: list[str], quantization: str | None, where: str) -> str:
    if not texts:
        raise ModelLoadError(f"{where}: there is no text file, which is a .gguf without 'mmproj' in its name")
    if quantization is None and len(texts) > 1:
        defaults = {default_quantization(PurePosixPath(name).name) for name in texts}
        quantization = defaults.pop() if len(defaults) == 1 else None
    fitting = texts
    if quantization is not None:
        fitting = [name for name in texts if quantization_of(name) == quantization.upper()]
    if not fitting:
        there = dict.fromkeys(quantization_of(name) or name for name in texts)
        raise ModelLoadError(f"{where}: there is no text file of {quantization}; there is {', '.join(there)}")
    return _only(fitting, "text", where)


def _projector(projectors: list[str], kind: str, modality: Modality, where: str) -> str:
    told = [name for name in projectors if _says(name, kind)]
    untold = [name for name in projectors if not any(_says(name, other) for other in _KINDS["omni"])]
    fitting = told or untold
    if len(fitting) > 1:
        fitting = [name for name in fitting if quantization_of(name) == "F16"] or fitting
    if not fitting:
        others = " or ".join(repr(m) for m in _KINDS if m != modality and kind not in _KINDS[m])
        raise ModelLoadError(
            f"{where}: there is no {kind} file, which is a .gguf with 'mmproj' and {kind!r} in its name; there is "
            f"{', '.join(projectors) or 'no projector at all'}. Do without by modality={others}"
        )
    return _only(fitting, kind, where)


def _only(fitting: list[str], what: str, where: str) -> str:
    if len(fitting) > 1:
        quantizations = {quantization_of(name) for name in fitting} - {None}
        name_one = "name a quantisation or " if what == "text" and len(quantizations) == len(fitting) else ""
        raise ModelLoadError(
            f"{where}: {len(fitting)} {what} files fit; {name_one}pass those that you mean to Model: "
            f"{', '.join(fitting)}"
        )
    return fitting[0]


def _says(name: str, word: str) -> bool:
    return word in PurePosixPath(name).name.lower()
