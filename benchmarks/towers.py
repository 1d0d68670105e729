"""The sides that stop at a tower's rows, preprocessing included: from pixels or samples in memory to rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


class _OursTower:
    def __init__(
        self,
        n_threads: int,
        text: Path,  # noqa: ARG002 - libmtmd needs it
        projector: Path,
        device: str = "cpu",
    ) -> None:
        from jina_omni.native import Context, Projector, find_device

        found = find_device(device)
        self._projector = Projector(projector, found)
        self._context = Context(found, n_threads)


class OursVision(_OursTower):
    """jina_omni's vision tower."""

    def run(self, work: Sequence[Any]) -> Rows:
        """Encode PIL images."""
        from jina_omni.media.image import patch_pixels
        from jina_omni.media.patches import VisionGeometry

        geometry = VisionGeometry.from_projector(self._projector)
        rows, grids = zip(*(patch_pixels(picture, geometry) for picture in work), strict=True)
        return self._context.encode_patches(self._projector, np.concatenate(rows), np.array(grids, np.int32))


class OursAudio(_OursTower):
    """jina_omni's audio tower."""

    def run(self, work: Sequence[NDArray[np.float32]]) -> Rows:
        """Encode clips of samples at 16 kHz."""
        from jina_omni.media.mel import compute_log_mel

        frames = [compute_log_mel(samples, self._projector.n_mel) for samples in work]
        lengths = np.array([len(mel) for mel in frames], np.int32)
        return self._context.encode_mel(self._projector, np.concatenate(frames), lengths)


class _LlamaMedia:
    def __init__(self, n_threads: int, text: Path, projector: Path, device: str = "cpu") -> None:
        from testing.engine.mtmd import MediaEncoder

        self._encoder = MediaEncoder(projector, text, n_threads=n_threads, device=device)


class LlamaVision(_LlamaMedia):
    """libmtmd's vision tower."""

    def run(self, work: Sequence[Any]) -> Rows:
        """Encode PIL images, one after the other: it takes no more at a time."""
        return np.concatenate([self._encoder.image(np.asarray(picture)) for picture in work])


class LlamaAudio(_LlamaMedia):
    """libmtmd's audio tower."""

    def run(self, work: Sequence[NDArray[np.float32]]) -> Rows:
        """Encode clips of samples at 16 kHz, one after the other: it takes no more at a time."""
        return np.concatenate([self._encoder.audio(samples) for samples in work])
