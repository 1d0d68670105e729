"""The weights of the torch checkpoints that the published files come from, under the names of the GGUF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from testing.checkpoints.torch_reference import AUDIO_NAMES, AUDIO_TOP, TEXT_NAMES, VISION_NAMES, VISION_TOP
from testing.checkpoints.weights import Array, Weights

# Prefixes of the towers: small and nano name the vision tower differently, and a tower may stand below a wrapper.
_ROOTS = ("", "model.")
_TEXT = ("language_model.", "language_model.model.", "")
_VISION = ("visual.", "vision_tower.")
_AUDIO = ("audio_tower.",)


class Tensors:
    """The tensors of a folder of safetensors files, by name."""

    def __init__(self, folder: Path) -> None:
        self._files = {}
        for path in sorted(folder.rglob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                self._files |= dict.fromkeys(file.keys(), path)

    def find(self, names: list[str]) -> torch.Tensor | None:
        """Return the first tensor that is there, as float32."""
        for name in names:
            if name in self._files:
                with safe_open(self._files[name], framework="pt") as file:
                    return file.get_tensor(name).float()
        return None


class Original(Weights):
    """One of the three files, with the tensors of the torch checkpoint in place of its own.

    Parameters
    ----------
    path
        The GGUF file, for its keys, and the positions of the audio tower, which torch computes.
    tensors
        Of the checkpoint.
    """

    def __init__(self, path: Path, tensors: Tensors) -> None:
        super().__init__(path)
        self._originals = tensors
        self.missing: list[str] = []
        self._table: Array | None = None

    def __getitem__(self, name: str) -> Array:
        """Return a tensor of the checkpoint as float32, in the shape of the file."""
        if name == "a.position_embd.weight":
            return super().__getitem__(name)
        found = self._find(name)
        if found is None:
            self.missing.append(name)
            return super().__getitem__(name)
        return np.ascontiguousarray(found.numpy()).reshape(self.shape(name))

    def rows(self, name: str, ids: NDArray[np.int64]) -> Array:
        """Return some rows of a matrix."""
        if self._table is None:
            self._table = self[name]
        return self._table[ids]

    def _find(self, name: str) -> torch.Tensor | None:
        if name.startswith("v.patch_embd.weight"):
            kernel = self._originals.find(_under(_VISION, "patch_embed.proj.weight"))
            return None if kernel is None else kernel[:, :, int(name.endswith(".1"))]
        return self._originals.find(_names(name))


def _under(prefixes: tuple[str, ...], *names: str) -> list[str]:
    return [f"{root}{prefix}{name}" for root in _ROOTS for prefix in prefixes for name in names]


def _names(name: str) -> list[str]:
    """Return the names that a tensor of a GGUF file may have in a checkpoint."""
    stem, _, kind = name.rpartition(".")
    tower, _, rest = stem.partition(".")
    block, _, part = rest.removeprefix("blk.").partition(".")
    fixed = {
        "token_embd": _under(_TEXT, f"embed_tokens.{kind}"),
        "output_norm": _under(_TEXT, f"norm.{kind}"),
        "v.patch_embd": _under(_VISION, f"patch_embed.proj.{kind}"),
        "v.position_embd": _under(_VISION, f"pos_embed.{kind}"),
        "mm.a.fc": _under(("audio_projector.", "audio_tower.proj."), kind),
        **{ours: _under((*_VISION, ""), f"{theirs}.{kind}") for ours, theirs in VISION_TOP.items()},
    }
    if stem in fixed:
        return fixed[stem]
    if stem in AUDIO_TOP:
        return _under(_AUDIO, f"{AUDIO_TOP[stem]}.{kind}")
    if tower == "blk":
        return _under(_TEXT, f"layers.{block}.{TEXT_NAMES[part]}.{kind}")
    if tower == "v":
        return _under(_VISION, f"blocks.{block}.{VISION_NAMES[part]}.{kind}")
    return _under(_AUDIO, f"layers.{block}.{AUDIO_NAMES[part]}.{kind}")
