# SPDX-License-Identifier: Apache-2.0
"""The two kinds of model files: text models and projectors."""

from __future__ import annotations

import os

import numpy as np

from jina_omni.arguments import check_int
from jina_omni.errors import ModelLoadError
from jina_omni.native.arguments import Ints, encode, require
from jina_omni.native.boundary import Handle, call, get_integer, read_string, read_struct
from jina_omni.native.devices import Device

_METADATA_BYTES = 1023


def _encode_path(path: str | os.PathLike[str]) -> bytes:
    try:
        encoded = require("path", os.fspath(path), str).encode("utf-8")
    except UnicodeEncodeError:
        raise ModelLoadError(f"the path {os.fspath(path)!r} is not Unicode; rename the file") from None
    if b"\0" in encoded:
        raise ModelLoadError(f"the path {os.fspath(path)!r} holds a NUL character")
    return encoded


class ModelFile(Handle):
    """A model file, loaded for a device.

    Parameters
    ----------
    c_type : str
        Of its handle.
    path : str or PathLike
    device : Device
    mmap : bool
        See `TextModel`.

    Attributes
    ----------
    c_type : str
    """

    def __init__(self, c_type: str, path: str | os.PathLike[str], device: Device, *, mmap: bool) -> None:
        index = require("device", device, Device, ", as find_device returns it").index
        in_memory = not require("mmap", mmap, bool)
        super().__init__(c_type, f"{c_type}_load", _encode_path(path), index, in_memory)
        self.c_type = c_type

    def metadata(self, key: str) -> str | None:
        """Return the string value of a metadata key of the file, None where it has none."""
        utf8 = encode("key", key)
        return None if b"\0" in utf8 else read_string(f"{self.c_type}_metadata", self, utf8, n_max=_METADATA_BYTES)


class TextModel(ModelFile):
    """A text model file: its vocabulary and its text tower.

    Parameters
    ----------
    path : str or PathLike
        A GGUF file of architecture ``qwen3`` (small) or ``eurobert`` (nano); of a split file, the first part.
    device : Device
        Where the tower's weights go; see `find_device`.
    mmap : bool
        Map the file, which must then stay as it is: once it was written into or cut, what computes with it raises
        `ModelLoadError`, as far as its size and time of modification show. False reads it into memory.

    Attributes
    ----------
    architecture : str
        As the file names it.
    n_embd : int
        Hidden size: the width of media embeddings and of embeddings.
    n_layer, n_head, n_vocab, n_params : int
    n_ctx : int
        Longest sequence in tokens.
    n_bytes : int
        Of the file's tensors.
    causal : bool
    normalizes_to_nfc : bool
        Whether the reference's tokenizer normalises text to Unicode's NFC first; `tokenize` leaves that to the caller.
    eos : int or None
        Id of the token to append to every sequence, None where the file asks for none.

    Raises
    ------
    ModelLoadError
        The file is missing, damaged or of another type; the message names file, key or tensor.
    """

    def __init__(self, path: str | os.PathLike[str], device: Device, *, mmap: bool = True) -> None:
        super().__init__("omni_text", path, device, mmap=mmap)
        info = read_struct("omni_text_get_info", self)
        self.architecture: str = info.architecture
        self.n_embd: int = info.n_embd
        self.n_layer: int = info.n_layer
        self.n_head: int = info.n_head
        self.n_ctx: int = info.n_ctx
        self.n_vocab: int = info.n_vocab
        self.causal = bool(info.causal)
        self.normalizes_to_nfc = bool(info.normalizes_to_nfc)
        self.eos: int | None = info.eos if info.add_eos else None
        self.n_params: int = info.n_params
        self.n_bytes: int = info.n_bytes

    def tokenize(self, string: str) -> Ints:
        """Return the token ids of a string, without beginning or end token.

        The text of a special token becomes its id. The string is taken as it is: Unicode normalisation is the caller's.
        """
        utf8 = encode("string", string)
        count = np.zeros(1, np.uintp)
        ids = np.empty(len(utf8) // 2 + 16, np.int32)
        while True:
            call("omni_text_tokenize", self, utf8, len(utf8), ids, len(ids), count)
            if count[0] <= len(ids):
                return ids[: int(count[0])]
            ids = np.empty(int(count[0]), np.int32)

    def special_token(self, spelling: str) -> int | None:
        """Return the id of the special token that is spelled exactly so, None where the vocabulary has none."""
        utf8 = encode("spelling", spelling)
        token = -1 if b"\0" in utf8 else get_integer("omni_text_special_token", self, utf8)
        return None if token < 0 else token


class Projector(ModelFile):
    """A projector file, which is also called mmproj: a vision tower, an audio tower, or both.

    Parameters
    ----------
    path : str or PathLike
        A GGUF file of architecture ``clip`` with the projector ``qwen3vl_merger`` or ``qwen2.5o``; of a split file, the
        first part.
    device : Device
        Where the weights go.
    mmap : bool
        As in `TextModel`.

    Attributes
    ----------
    path : str
    has_vision, has_audio : bool
    n_embd_out : int
        Width of the media embeddings it makes.
    patch_size : int
        Pixels per side of a patch.
    merge_size : int
        Patches per side that become one media embedding.
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
        The file is missing, damaged or of another type; the message names file, key or tensor.
    """

    def __init__(self, path: str | os.PathLike[str], device: Device, *, mmap: bool = True) -> None:
        super().__init__("omni_projector", path, device, mmap=mmap)
        self.path = os.fspath(path)
        info = read_struct("omni_projector_get_info", self)
        self.has_vision = bool(info.has_vision)
        self.has_audio = bool(info.has_audio)
        self.n_embd_out: int = info.n_embd_out
        self.patch_size: int = info.patch_size
        self.merge_size: int = info.merge_size
        self.image_min_pixels: int = info.image_min_pixels
        self.image_max_pixels: int = info.image_max_pixels
        self.video_min_pixels: int = info.video_min_pixels
        self.video_max_pixels: int = info.video_max_pixels
        self.image_mean: tuple[float, float, float] = info.image_mean
        self.image_std: tuple[float, float, float] = info.image_std
        self.n_mel: int = info.n_mel
        self.n_window: int = info.n_window
        self.max_mel_frames: int = info.max_mel_frames
        self.n_params: int = info.n_params
        self.n_bytes: int = info.n_bytes


def audio_token_count(n_frames: int) -> int:
    """Return how many media tokens a clip of mel frames takes: 275 of 1100, 0 of fewer than 3."""
    return get_integer("omni_audio_token_count", check_int("n_frames", n_frames, -(2**31), 2**31 - 1))
