"""Reads a checkpoint's metadata and its tensors as float32, whatever their type in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Weights:
    """One GGUF file, mapped into memory.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._reader = GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self.architecture: str = self._reader.fields["general.architecture"].contents()

    def __contains__(self, name: str) -> bool:
        """Return whether the file has a tensor."""
        return name in self._tensors

    def __getitem__(self, name: str) -> Array:
        """Return a tensor dequantised to float32, in torch's order of dimensions."""
        tensor = self._tensors[name]
        values = dequantize(tensor.data, tensor.tensor_type)
        # A copy, because float32 tensors come as a view of the file, which torch would warn of.
        return np.array(values.reshape(tensor.shape[::-1].tolist()), dtype=np.float32)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape in torch's order of dimensions."""
        return tuple(self._tensors[name].shape[::-1].tolist())

    def type(self, name: str) -> str:
        """Return the name of a tensor's weight type, such as ``F16``."""
        return str(self._tensors[name].tensor_type.name)

    def key_names(self) -> list[str]:
        """Return the names of the metadata values."""
        return [name for name in self._reader.fields if not name.startswith("GGUF.")]

    def rows(self, name: str, ids: NDArray[np.int64]) -> Array:
        """Return some rows of a matrix, without dequantising the rest."""
        tensor = self._tensors[name]
        return np.asarray(dequantize(tensor.data[ids], tensor.tensor_type), dtype=np.float32)

    def names(self, prefix: str) -> list[str]:
        """Return the names of the tensors that begin with ``prefix``."""
        return [name for name in self._tensors if name.startswith(prefix)]

    def key(self, name: str, default: object = None) -> object:
        """Return a metadata value, or the default where the file has none."""
        field = self._reader.fields.get(name)
        return default if field is None else field.contents()

    def int(self, name: str) -> int:
        """Return an integer that the file must have."""
        return int(self._reader.fields[name].contents())

    def float(self, name: str) -> float:
        """Return a number that the file must have."""
        return float(self._reader.fields[name].contents())
