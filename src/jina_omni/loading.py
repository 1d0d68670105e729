# SPDX-License-Identifier: Apache-2.0
"""Opening the files of a model, and refusing those that don't belong together."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jina_omni.errors import ModelLoadError
from jina_omni.native import Device, Projector, TextModel
from jina_omni.prompts import AUDIO_DELIMITERS, TASKS, media_delimiters, task_of

PathLike = str | os.PathLike[str]

_log = logging.getLogger("jina_omni")


@dataclass(frozen=True)
class ModelFiles:
    """The opened files: a text file, and at most one projector for each of vision and audio."""

    text: TextModel
    vision: Projector | None
    audio: Projector | None
    task: str | None

    def close(self) -> None:
        """Let go of all files."""
        for file in (self.text, self.vision, self.audio):
            if file is not None:
                file.close()


def load_files(path: PathLike, mmproj: PathLike | Sequence[PathLike], device: Device, task: str | None) -> ModelFiles:
    """Open a text file and its projectors.

    Raises
    ------
    ModelLoadError
        A file is refused, or the files differ in width or task, or two hold the same kind of tower.
    """
    if task is not None and task not in TASKS:
        raise ModelLoadError(f"task {task!r} is unknown; the tasks are {', '.join(TASKS)}")
    text = TextModel(path, device)
    text_task = _task(text, path)
    towers: dict[str, tuple[PathLike, Projector]] = {}
    for file in [mmproj] if isinstance(mmproj, (str, os.PathLike)) else list(mmproj):
        projector = Projector(file, device)
        if projector.n_embd_out != text.n_embd:
            raise ModelLoadError(
                f"{os.fspath(file)}: makes rows of width {projector.n_embd_out}, but the text file {os.fspath(path)} "
                f"has {text.n_embd}; take both from one repository, small or nano"
            )
        projector_task = _task(projector, file)
        if text_task and projector_task and text_task != projector_task:
            raise ModelLoadError(
                f"{os.fspath(file)}: is of the task {projector_task}, but the text file {os.fspath(path)} of "
                f"{text_task}; take both from one repository"
            )
        for kind in [k for k, has in (("vision", projector.has_vision), ("audio", projector.has_audio)) if has]:
            if kind in towers:
                raise ModelLoadError(
                    f"{os.fspath(file)}: a second {kind} projector beside {os.fspath(towers[kind][0])}; "
                    "pass one of each kind"
                )
            towers[kind] = (file, projector)
    if "audio" in towers and not any(media_delimiters(pair, text.special_token) for pair in AUDIO_DELIMITERS):
        _log.warning("%s: its vocabulary has no audio delimiters; audio goes in without", os.fspath(path))
    vision, audio = (towers[kind][1] if kind in towers else None for kind in ("vision", "audio"))
    return ModelFiles(text, vision, audio, task or text_task)


def _task(file: TextModel | Projector, path: PathLike) -> str | None:
    return task_of(file.metadata("general.name"), file.metadata("general.basename"), Path(path).name)
