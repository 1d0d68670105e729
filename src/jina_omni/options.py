# SPDX-License-Identifier: Apache-2.0
"""The types of the options that several functions pass on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from jina_omni.dialects import Dialect, PromptName
from jina_omni.inputs import Fetch
from jina_omni.media.picture_options import Background, Orientation
from jina_omni.native import CancelToken, Priority
from jina_omni.progress import OnProgress

__all__ = ["COMPUTES", "Compute", "EncodeOptions", "ModelOptions", "PromptedOptions"]

Compute = Literal["fast", "exact"]
COMPUTES: tuple[Compute, ...] = ("fast", "exact")


class ModelOptions(TypedDict, total=False):
    """Keyword arguments of `jina_omni.Model`, except its files."""

    device: str
    devices: Sequence[str] | None
    n_threads: int | None
    compute: Compute
    pack: bool
    dialect: Dialect
    task: str | None
    orientation: Orientation
    background: Background | None
    mmap: bool


class EncodeOptions(TypedDict, total=False):
    """Keyword arguments of `Model.encode`, except the prompt's name and those that decide the type of its result."""

    truncate_dim: int | None
    normalize_embeddings: bool
    prompt: str | None
    truncate: bool
    batch_tokens: int | None
    show_progress_bar: bool
    on_progress: OnProgress | None
    cancel: CancelToken | None
    fetch: Fetch | None
    priority: Priority | None


class PromptedOptions(EncodeOptions, total=False):
    """`EncodeOptions`, and the prompt's name."""

    prompt_name: PromptName | None
