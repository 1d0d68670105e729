# SPDX-License-Identifier: Apache-2.0
"""Loading the files of a model, and refusing those that don't belong together."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jina_omni.dialects import AUDIO_DELIMITERS, find_delimiters, find_task
from jina_omni.errors import ModelLoadError
from jina_omni.native import Device, Projector, TextModel

__all__ = ["ModelFiles", "PathLike", "load_files"]

PathLike = str | os.PathLike[str]

_log = logging.getLogger("jina_omni")


@dataclass(frozen=True)
class ModelFiles:
    """The loaded files: a text model file, and at most one projector for each of vision and audio."""

    text: TextModel
    vision: Projector | None
    audio: Projector | None
    task: str | None

    @property
    def distinct(self) -> list[TextModel | Projector]:
        """The files, each once: one may hold both towers."""
        files = (self.text, self.vision, self.audio)
        return list({id(file): file for file in files if file is not None}.values())

    def close(self) -> None:
        """Release all files."""
        for file in self.distinct:
            file.close()


def load_files(
    path: PathLike, mmproj: Sequence[PathLike], device: Device, task: str | None, *, mmap: bool
) -> ModelFiles:
    """Load a text model file and its projector files, mapped or in memory.

    Raises
    ------
    ModelLoadError
        A file is refused, or the files differ in hidden size or task, or two hold the same tower.
    """
    text = TextModel(path, device, mmap=mmap)
    text_task = _find_task(text, path)
    towers: dict[str, tuple[PathLike, Projector]] = {}
    for file in mmproj:
        projector = Projector(file, device, mmap=mmap)
        if projector.n_embd_out != text.n_embd:
            raise ModelLoadError(
                f"{os.fspath(file)}: makes embeddings of {projector.n_embd_out} dimensions, but the text model file "
                f"{os.fspath(path)} has {text.n_embd}; take both from one repository, small or nano"
            )
        projector_task = _find_task(projector, file)
        if text_task and projector_task and text_task != projector_task:
            raise ModelLoadError(
                f"{os.fspath(file)}: is for the task {projector_task}, but the text model file {os.fspath(path)} for "
                f"{text_task}; take both from one repository"
            )
        for tower in [t for t, has in (("vision", projector.has_vision), ("audio", projector.has_audio)) if has]:
            if tower in towers:
                raise ModelLoadError(
                    f"{os.fspath(file)}: a second {tower} projector beside {os.fspath(towers[tower][0])}; "
                    "pass one for each tower"
                )
            towers[tower] = (file, projector)
    if "audio" in towers and not any(find_delimiters(pair, text.special_token) for pair in AUDIO_DELIMITERS):
        _log.warning("%s: its vocabulary has no audio delimiters; sounds are embedded without them", os.fspath(path))
    vision, audio = (towers[tower][1] if tower in towers else None for tower in ("vision", "audio"))
    return ModelFiles(text, vision, audio, task or text_task)


def _find_task(file: TextModel | Projector, path: PathLike) -> str | None:
    return find_task(file.metadata("general.name"), file.metadata("general.basename"), Path(path).name)
