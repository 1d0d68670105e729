# SPDX-License-Identifier: Apache-2.0
"""Which files of a folder, or of a repository of the Hub, make up a model: their names decide."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from jina_omni.arguments import check_choice, hint_at_unknown_arguments
from jina_omni.describe import suggest
from jina_omni.errors import ModelLoadError
from jina_omni.info import find_quantization, spell_quantization
from jina_omni.published import recommend_quantization

__all__ = ["Modality", "ModelPaths", "check_modality", "choose_files", "list_files", "list_parts"]

Modality = Literal["omni", "vision", "audio", "text"]

# The projector files of each.
_PROJECTORS: dict[Modality, tuple[str, ...]] = {
    "omni": ("vision", "audio"),
    "vision": ("vision",),
    "audio": ("audio",),
    "text": (),
}

# The name of a part, as llama-gguf-split writes it (SPLIT_PATH_FORMAT of llama.cpp's llama_split_path).
_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>(?!00000)\d{5})(?P<ending>\.(?i:gguf))")
# Names of importance matrices, which llama-imatrix computes for llama-quantize.
_MATRIX = re.compile(r"(?<![a-z])(i|importance)[-_.]?matrix", re.IGNORECASE)
# The key general.type as it lies in a header (ggml/docs/gguf.md): length, name, the type of a string; then its value.
_TYPE_KEY = struct.pack("<Q12sI", 12, b"general.type", 8)
# Values of it that are not of a model (GGUFType of gguf-py).
_OTHER_TYPES = (b"imatrix", b"adapter")
# The writers of such files put the key among the first.
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class ModelPaths:
    """The files of a model, as `Model` takes them.

    Attributes
    ----------
    text : str
        Of a file that is split, the first part.
    mmproj : tuple of str
        The vision file, then the audio file, as far as the modality includes them.
    """

    text: str
    mmproj: tuple[str, ...]

    @hint_at_unknown_arguments({})
    def under(self, folder: Path) -> ModelPaths:
        """Return the paths of files whose names are relative to a folder."""
        return ModelPaths(os.fspath(folder / self.text), tuple(os.fspath(folder / name) for name in self.mmproj))


def check_modality(modality: str) -> None:
    """Check the name of a modality.

    Raises
    ------
    ValueError
        It is unknown.
    """
    check_choice("modality", modality, _PROJECTORS)


def list_files(folder: Path) -> list[str]:
    """Return the names of all files below a folder, relative to it.

    Files that their own header calls an importance matrix or an adapter are left out, whatever their names are.

    Raises
    ------
    ModelLoadError
        The folder can't be read.
    """
    try:
        files = [path for path in folder.rglob("*") if path.is_file()]
    except OSError as error:
        raise ModelLoadError(f"{folder}: the folder can't be read: {error}") from None
    return [path.relative_to(folder).as_posix() for path in files if not _is_of_another_type(path)]


def list_parts(name: str) -> list[str]:
    """Return the names of all parts of a split file by the name of one; of another file, its own.

    Examples
    --------
    >>> list_parts("small-Q8_0-00001-of-00002.gguf")
    ['small-Q8_0-00001-of-00002.gguf', 'small-Q8_0-00002-of-00002.gguf']
    """
    part = _PART.fullmatch(name)
    if part is None:
        return [name]
    return [f"{part['stem']}-{i + 1:05}-of-{part['count']}{part['ending']}" for i in range(int(part["count"]))]


def choose_files(names: Iterable[str], quantization: str | None, modality: Modality, source: str) -> ModelPaths:
    """Choose the text file and the projectors of a model by their names.

    The text model file is the ``.gguf`` without ``mmproj`` in its name that has the given quantisation; without one,
    the only such file, or else that of the quantisation that is recommended for its size. A projector file has
    ``mmproj`` and its tower (vision, audio) in its name; one without a tower in its name is taken where no other has
    it. Of several, the F16 file is taken, as all published ones are.

    A file that was split is one file, by the name of its first part. Importance matrices, by their names, and hidden
    files are not considered, such as the ``._`` files that macOS leaves beside others.

    Parameters
    ----------
    names : iterable of str
        Relative to the repository, with ``/``; other files than ``.gguf`` don't matter.
    quantization : str or None
        Of the text model file, such as ``Q4_K_M``; case does not matter. ``Q4_K_XL`` is ``UD-Q4_K_XL`` too, where no
        file is of ``Q4_K_XL`` itself.
    modality : {"omni", "vision", "audio", "text"}
        Both projectors, one of them, or none.
    source : str
        Name of the folder or repository, for messages.

    Returns
    -------
    ModelPaths
        Some of the names.

    Raises
    ------
    ModelLoadError
        A file or a part of one is missing, or several fit; the message lists what there is.
    """
    there = {name for name in names if name.lower().endswith(".gguf") and not _is_hidden(name)}
    files = sorted({list_parts(name)[0] for name in there if not _is_matrix(name)})
    texts = [name for name in files if not _contains(name, "mmproj")]
    projectors = [name for name in files if _contains(name, "mmproj")]
    text = _find_text_file(texts, quantization, source)
    chosen = [_find_projector(projectors, tower, modality, source) for tower in _PROJECTORS[modality]]
    for part in (part for name in (text, *chosen) for part in list_parts(name)):
        if part not in there:
            raise ModelLoadError(f"{source}: the file is split, and its part {part} is missing; add it to the others")
    return ModelPaths(text, tuple(dict.fromkeys(chosen)))  # one file may hold both


def _find_text_file(texts: list[str], quantization: str | None, source: str) -> str:
    if not texts:
        raise ModelLoadError(f"{source}: there is no text model file, which is a .gguf without 'mmproj' in its name")
    if quantization is None and len(texts) > 1:
        defaults = {recommend_quantization(PurePosixPath(name).name) for name in texts}
        quantization = defaults.pop() if len(defaults) == 1 else None
    candidates = texts
    if quantization is not None:
        # i1- marks files of an importance matrix; find_quantization leaves it out.
        wanted = spell_quantization(quantization).removeprefix("I1-")
        found = {name: find_quantization(name) for name in texts}
        candidates = [name for name in texts if found[name] == wanted]
        candidates = candidates or [name for name in texts if found[name] == f"UD-{wanted}"]
    if not candidates:
        there = dict.fromkeys(find_quantization(name) or name for name in texts)
        raise ModelLoadError(
            f"{source}: there is no text model file of {quantization}; there is {', '.join(there)}"
            f"{suggest(quantization or '', there)}"
        )
    # Of two of one quantisation, that by whose name it can't be an importance matrix.
    doubtful = {name for name in candidates if _MATRIX.search(PurePosixPath(name).name)}
    plain = {find_quantization(name) for name in candidates if name not in doubtful}
    candidates = [name for name in candidates if name not in doubtful or find_quantization(name) not in plain]
    return _require_one(candidates, "text model", source)


def _find_projector(projectors: list[str], tower: str, modality: Modality, source: str) -> str:
    named = [name for name in projectors if _contains(name, tower)]
    unnamed = [name for name in projectors if not any(_contains(name, other) for other in _PROJECTORS["omni"])]
    candidates = named or unnamed
    if len(candidates) > 1:
        candidates = [name for name in candidates if find_quantization(name) == "F16"] or candidates
    if not candidates:
        others = " or ".join(repr(m) for m in _PROJECTORS if m != modality and tower not in _PROJECTORS[m])
        raise ModelLoadError(
            f"{source}: there is no {tower} projector file, which is a .gguf with 'mmproj' and {tower!r} in its "
            f"name; there is {', '.join(projectors) or 'no projector file at all'}. Do without by modality={others}"
        )
    return _require_one(candidates, f"{tower} projector", source)


def _require_one(candidates: list[str], what: str, source: str) -> str:
    if len(candidates) > 1:
        quantizations = {find_quantization(name) for name in candidates} - {None}
        has_choice = what == "text model" and len(quantizations) == len(candidates)
        raise ModelLoadError(
            f"{source}: {len(candidates)} {what} files fit; {'name a quantisation, or pass' if has_choice else 'pass'} "
            f"the paths of those that you mean: {', '.join(candidates)}"
        )
    return candidates[0]


def _contains(name: str, word: str) -> bool:
    return word in PurePosixPath(name).name.lower()


def _is_hidden(name: str) -> bool:
    return any(step.startswith(".") for step in PurePosixPath(name).parts)


def _is_matrix(name: str) -> bool:
    """Return whether a name is that of an importance matrix, and not of a file that was quantised with one."""
    found = _MATRIX.search(stem := PurePosixPath(name).name)
    return found is not None and (found.start() == 0 or find_quantization(stem) is None)


def _is_of_another_type(path: Path) -> bool:
    if path.suffix.lower() != ".gguf":
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False  # it is an error where it is chosen
    value = head.partition(_TYPE_KEY)[2]
    return any(value.startswith(struct.pack("<Q", len(other)) + other) for other in _OTHER_TYPES)
