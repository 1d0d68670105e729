# SPDX-License-Identifier: Apache-2.0
"""Embed text, images, video, audio and PDFs in process with the jina-embeddings-v5-omni models."""

import logging
from typing import TYPE_CHECKING

from jina_omni._version import __version__ as __version__
from jina_omni.cosines import cosine_similarity
from jina_omni.demo import demo_model
from jina_omni.describe import suggest as _suggest
from jina_omni.errors import (
    Cancelled,
    ClosedError,
    DecodeError,
    InputError,
    InputTooLongError,
    JinaOmniError,
    ModalityNotLoadedError,
    ModelLoadError,
    NativeError,
    UnsupportedMediaError,
)
from jina_omni.hub import download
from jina_omni.info import ModelInfo
from jina_omni.inputs import Text
from jina_omni.media.audio import Audio
from jina_omni.media.image import Image
from jina_omni.media.pdf import Pdf
from jina_omni.media.video import Video
from jina_omni.model import Model
from jina_omni.native import CancelToken
from jina_omni.precision import quantize_embeddings
from jina_omni.progress import Progress
from jina_omni.published import PublishedModel, list_models
from jina_omni.repository import ModelPaths

# Without a handler, Python would print the warnings of this library on stderr.
logging.getLogger("jina_omni").addHandler(logging.NullHandler())

__all__ = [
    "Audio",
    "CancelToken",
    "Cancelled",
    "ClosedError",
    "DecodeError",
    "Image",
    "InputError",
    "InputTooLongError",
    "JinaOmniError",
    "ModalityNotLoadedError",
    "Model",
    "ModelInfo",
    "ModelLoadError",
    "ModelPaths",
    "NativeError",
    "Pdf",
    "Progress",
    "PublishedModel",
    "Text",
    "UnsupportedMediaError",
    "Video",
    "cosine_similarity",
    "demo_model",
    "download",
    "list_models",
    "quantize_embeddings",
]

if not TYPE_CHECKING:  # to a type checker, which knows the names, it would mean that there is any

    def __getattr__(name: str) -> object:
        """Raise the error of a name that is not there, with the one that was meant."""
        raise AttributeError(f"module 'jina_omni' has no attribute {name!r}{_suggest(name, __all__)}")
