# SPDX-License-Identifier: Apache-2.0
"""The two kinds of file: text models and projectors."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.errors import ModelLoadError
from jina_omni.native.boundary import Handle, call, ffi, lib, text
from jina_omni.native.devices import Device

_METADATA_BYTES = 1024


def _metadata(get: Any, pointer: Any, key: str) -> str | None:
    value = ffi.new("char[]", _METADATA_BYTES)
    return None if get(pointer, key.encode(), value, _METADATA_BYTES) < 0 else text(value)


def _load(load: Any, kind: str, path: str | os.PathLike[str], device: Device) -> Any:
    try:
        encoded = os.fspath(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelLoadError(f"the path {os.fspath(path)!r} is no Unicode; rename the file") from error
    if b"\0" in encoded:
        raise ModelLoadError(f"the path {os.fspath(path)!r} holds a NUL character")
    handle = ffi.new(f"{kind} **")
    call(load, encoded, device.index, handle)
    return handle[0]


class TextModel(Handle):
    """A text file: its vocabulary and its text tower.

    Parameters
    ----------
    path : str or PathLike
        A GGUF file of architecture ``qwen3`` (small) or ``eurobert`` (nano).
    device : Device
        Where the tower's weights go; see `find_device`.

    Attributes
    ----------
    architecture : str
    n_embd : int
        Width of rows and embeddings.
    n_layer, n_head, n_vocab, n_params : int
    n_ctx : int
        Longest sequence in tokens.
    n_bytes : int
        Of the file's tensors.
    causal : bool
    eos : int or None
        Id of the token to append to every sequence, None where the file asks for none.

    Raises
    ------
    ModelLoadError
        The file is missing, damaged or of another kind; the message names file, key or tensor.
    """

    def __init__(self, path: str | os.PathLike[str], device: Device) -> None:
        super().__init__(_load(lib.omni_text_load, "omni_text", path, device), lib.omni_text_free)
        info = ffi.new("omni_text_info *")
        lib.omni_text_get_info(self.pointer, info)
        self.architecture = text(info.architecture)
        self.n_embd: int = info.n_embd
        self.n_layer: int = info.n_layer
        self.n_head: int = info.n_head
        self.n_ctx: int = info.n_ctx
        self.n_vocab: int = info.n_vocab
        self.causal = bool(info.causal)
        self.eos: int | None = info.eos if info.add_eos else None
        self.n_params: int = info.n_params
        self.n_bytes: int = info.n_bytes

    def metadata(self, key: str) -> str | None:
        """Return the string value of a metadata key of the file, None where it has none."""
        return _metadata(lib.omni_text_metadata, self.pointer, key)

    def tokenize(self, string: str) -> npt.NDArray[np.int32]:
        """Return the token ids of a string, without beginning or end token.

        The text of a special token becomes its id. The string is taken as it is: Unicode normalisation is the caller's.
        """
        utf8 = string.encode("utf-8")
        count = ffi.new("size_t *")
        capacity = len(utf8) // 2 + 16
        while True:
            ids = np.empty(capacity, np.int32)
            out = ffi.from_buffer("int32_t[]", ids)
            call(lib.omni_text_tokenize, self.pointer, utf8, len(utf8), out, capacity, count)
            if count[0] <= capacity:
                return ids[: count[0]]
            capacity = count[0]

    def special_token(self, spelling: str) -> int | None:
        """Return the id of the special token that is spelled exactly so, None where the vocabulary has none."""
        token = lib.omni_text_special_token(self.pointer, spelling.encode("utf-8"))
        return None if token < 0 else int(token)


class Projector(Handle):
    """An mmproj file: a vision tower, an audio tower, or both.

    Parameters
    ----------
    path : str or PathLike
        A GGUF file of architecture ``clip`` with the projector ``qwen3vl_merger`` or ``qwen2.5o``.
    device : Device
        Where the weights go.

    Attributes
    ----------
    path : str
    has_vision, has_audio : bool
    n_embd_out : int
        Width of the rows it makes.
    patch_size : int
        Pixels per side of a patch.
    merge_size : int
        Patches per side that become one row.
    image_min_pixels, image_max_pixels, video_min_pixels, video_max_pixels : int
        0 where the file does not say.
    image_mean, image_std : tuple of 3 floats
        Per channel, for pixels in 0..1.
    n_mel : int
        Values of a mel frame.
    n_window : int
        Half the frames of a chunk, which is what attends together.
    max_mel_frames : int
        Longest clip in mel frames.
    n_params, n_bytes : int

    Raises
    ------
    ModelLoadError
        The file is missing, damaged or of another kind; the message names file, key or tensor.
    """

    def __init__(self, path: str | os.PathLike[str], device: Device) -> None:
        super().__init__(_load(lib.omni_projector_load, "omni_projector", path, device), lib.omni_projector_free)
        self.path = os.fspath(path)
        info = ffi.new("omni_projector_info *")
        lib.omni_projector_get_info(self.pointer, info)
        self.has_vision = bool(info.has_vision)
        self.has_audio = bool(info.has_audio)
        self.n_embd_out: int = info.n_embd_out
        self.patch_size: int = info.patch_size
        self.merge_size: int = info.merge_size
        self.image_min_pixels: int = info.image_min_pixels
        self.image_max_pixels: int = info.image_max_pixels
        self.video_min_pixels: int = info.video_min_pixels
        self.video_max_pixels: int = info.video_max_pixels
        self.image_mean: tuple[float, float, float] = tuple(info.image_mean)
        self.image_std: tuple[float, float, float] = tuple(info.image_std)
        self.n_mel: int = info.n_mel
        self.n_window: int = info.n_window
        self.max_mel_frames: int = info.max_mel_frames
        self.n_params: int = info.n_params
        self.n_bytes: int = info.n_bytes

    def metadata(self, key: str) -> str | None:
        """Return the string value of a metadata key of the file, None where it has none."""
        return _metadata(lib.omni_projector_metadata, self.pointer, key)


def mel_rows(n_frames: int) -> int:
    """Return how many rows the audio tower makes of a clip of mel frames: 275 of 1100, 0 of fewer than 3."""
    return int(lib.omni_mel_rows(n_frames))
