# SPDX-License-Identifier: Apache-2.0
"""The packaged toy model: `demo_model`, the toy world that it knows, and ``python -m jina_omni.demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.model import OPENING_HINTS, Model
from jina_omni.options import ModelOptions
from jina_omni.repository import Modality

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["DATA", "demo_model"]

DATA = Path(__file__).parent / "data"
"""The folder of the model's files."""


@hint_at_unknown_arguments(OPENING_HINTS, ModelOptions.__annotations__)
def demo_model(*, modality: Modality = "omni", **options: Unpack[ModelOptions]) -> Model:
    """Open the toy model in the package: a real `Model`, quick and small, without a download.

    Use it to try the library and to test code that is built on it. It KNOWS ONLY ITS TOY WORLD: a few coloured shapes
    that stand or move on a light background, and tones, buzzes and noises, in simple English. It matches those across
    text, image, video and audio. Its embeddings of anything else mean nothing.

    Parameters
    ----------
    modality : {"omni", "vision", "audio", "text"}
        Which projector files to use: both, one of them, or none.
    **options
        Of `Model`, such as ``device``.

    Returns
    -------
    Model
        Of the size small (architecture qwen3) and the task retrieval: queries and documents have different prompts.
        Its embeddings have 128 dimensions and may be cut to 64 or 32. `jina_omni.demo.scenes` draws and plays what it
        knows.

    Notes
    -----
    The files have 4 MB. ``demo_model/`` of the source tree trained them from random weights, in the dialect ``card``
    only. Their licence is that of this library, Apache-2.0. They may change with any release.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> picture = Image.new("RGB", (256, 256), "white")
    >>> ImageDraw.Draw(picture).ellipse((90, 20, 160, 90), fill="red")
    >>> with jina_omni.demo_model() as m:
    ...     query = m.encode_query(["a red circle at the top", "three blue stars on the left", "a low buzz"])
    ...     print(m.similarity(query, m.encode_document([picture])).argmax())
    0
    """
    return Model(DATA, modality=modality, **options)
