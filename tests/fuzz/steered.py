"""The cases of `drivers` with choices that libFuzzer makes, by what they reach in this library.

``python -m tests.fuzz.steered NAME [OPTION OF LIBFUZZER]...``
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jina_omni"]):
    from tests.fuzz import drivers


class Choices(random.Random):
    """Choices that bytes make, and zeros from their end on."""

    def __new__(cls, _data: bytes) -> Choices:  # noqa: PYI034
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._left = io.BytesIO(data)

    def getrandbits(self, k: int) -> int:
        n_bytes = -(-k // 8)
        return int.from_bytes(self._left.read(n_bytes).ljust(n_bytes, b"\0"), "little") >> (8 * n_bytes - k)

    def random(self) -> float:
        return self.getrandbits(32) / (1 << 32)


if __name__ == "__main__":
    name = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        models = drivers.load(Path(folder))
        atheris.Setup(sys.argv[1:], lambda data: drivers.run(models, name, Choices(data)))
        atheris.Fuzz()
