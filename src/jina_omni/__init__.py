# SPDX-License-Identifier: Apache-2.0
"""Text, images, video, audio and PDFs as vectors of one space, in process, with the jina-embeddings-v5-omni models."""

import logging

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
from jina_omni.info import ModelInfo
from jina_omni.inputs import Audio, Image, Pdf, Text, Video
from jina_omni.model import Model
from jina_omni.native import CancelToken
from jina_omni.precision import quantize_embeddings
from jina_omni.similarity import cosine_similarity

# A library says nothing on stderr by itself: without a handler, Python would print its warnings there.
logging.getLogger("jina_omni").addHandler(logging.NullHandler())

__version__ = "0.1.0"

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
    "NativeError",
    "Pdf",
    "Text",
    "UnsupportedMediaError",
    "Video",
    "cosine_similarity",
    "quantize_embeddings",
]
