"""The sides that embed whole inputs: pictures in memory, and files of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bfloat16 import to_bfloat16
from benchmarks.engines import name_torch_device
from benchmarks.media import FPS, SAMPLE_RATE

if TYPE_CHECKING:
    from PIL.Image import Image

    from testing.checkpoints.spans import Part

Item = Path | Any
"""The path of a file, or a PIL image."""


class OursModel:
    """jina_omni's public class. Whatever of its API the benchmarks of media touch is in this class."""

    def __init__(self, n_threads: int, text: Path, *, device: str = "cpu", **projectors: Path) -> None:
        import jina_omni

        self._model = jina_omni.Model(text, list(projectors.values()), device=device, n_threads=n_threads)

    def run(self, work: Sequence[Item]) -> NDArray[np.float32]:
        """Embed inputs."""
        return self._model.encode([item.read_text() if _suffix(item) == ".txt" else item for item in work])


class TorchModel:
    """transformers' modules in float32, or in bfloat16, with the weights of the same files."""

    def __init__(
        self, n_threads: int, text: Path, *, bfloat16: bool = False, device: str = "cpu", **projectors: Path
    ) -> None:
        import torch

        from testing.checkpoints.torch_reference import TorchReference

        torch.set_num_threads(n_threads)
        self._model = TorchReference(text, **projectors)
        for tower in filter(None, (self._model.text, self._model.vision, self._model.audio)):
            if bfloat16:
                to_bfloat16(tower._model)
            tower._model.to(name_torch_device(device))

    def run(self, work: Sequence[Item]) -> NDArray[np.float32]:
        """Embed inputs, one after the other."""
        return np.stack([self._model.embed(_parts(item)) for item in work])


def _suffix(item: Item) -> str:
    return item.suffix if isinstance(item, Path) else ""


def _parts(item: Item) -> list[Part]:
    """Read an input with the decoders of the reference."""
    from PIL import Image

    from testing.checkpoints.spans import Audio, Video

    suffix = _suffix(item)
    if suffix == ".txt":
        return [item.read_text()]
    if suffix in (".wav", ".flac"):
        return [Audio(_sound(item))]
    if suffix == ".mp4":
        frames = _frames(item)
        # a pair of frames is at the middle of their times
        return [Video(frames, tuple((2 * pair + 0.5) / FPS for pair in range(len(frames) // 2)))]
    if suffix == ".pdf":
        return list(_pages(item))
    return [Image.open(item) if suffix else item]


def _sound(path: Path) -> NDArray[np.float32]:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE  # so that nothing has to be resampled
    return samples


def _frames(path: Path) -> NDArray[np.uint8]:
    import av

    with av.open(path) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def _pages(path: Path) -> list[Image]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    return [page.render(scale=150 / 72).to_pil().convert("RGB") for page in document]
