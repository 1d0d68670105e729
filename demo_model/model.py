"""The toy model while it is trained: from scenes and captions to vectors, as the library will do it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from jina_omni.demo.scenes import CLIP_SECONDS, Clip, Picture, Sound
from jina_omni.media import video
from jina_omni.media.image import patch_pixels
from jina_omni.media.mel import compute_log_mel
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.video import Video
from testing.checkpoints.hf_tokenizer import build_tokenizer

from . import towers
from .captions import Scene
from .export import NAME, export
from .shape import SHAPE
from .tokens import vocabulary

GEOMETRY = VisionGeometry(
    min_pixels=SHAPE.vision.image_pixels[0],
    max_pixels=SHAPE.vision.image_pixels[1],
    video_min_pixels=SHAPE.vision.video_pixels[0],
    video_max_pixels=SHAPE.vision.video_pixels[1],
)
SIZES = ((256, 256),) * 4 + ((320, 240), (240, 320))
"""Of pictures: mostly square."""


class ToyModel:
    """Parameters, and what makes vectors (not of unit length) of a batch of scenes of one kind."""

    def __init__(self, seed: int) -> None:
        self.parameters = towers.initial(seed)
        self._vocabulary = vocabulary()
        with tempfile.TemporaryDirectory() as folder:
            self.export(Path(folder))
            self._tokenizer = build_tokenizer(Path(folder) / f"{NAME}-F16.gguf")

    def export(self, folder: Path) -> None:
        """Write the files of the package."""
        values = {name: one.detach().numpy() for name, one in self.parameters.items()}
        export(folder, values, self._vocabulary)

    def texts(self, texts: list[str]) -> torch.Tensor:
        """Return the vectors of texts that have their prompts."""
        ids = [self._ids(text) for text in texts]
        last = torch.tensor([len(one) - 1 for one in ids])
        padded = torch.zeros(len(ids), int(last.max()) + 1, dtype=torch.long)
        for row, one in zip(padded, ids, strict=True):
            row[: len(one)] = torch.tensor(one)
        return towers.text(self.parameters, self.parameters["token_embd.weight"][padded], last)

    def media(self, kind: type[Scene], scenes: list, rng: np.random.Generator) -> torch.Tensor:
        """Return the vectors of scenes, drawn or played anew."""
        return {Picture: self._pictures, Clip: self._clips, Sound: self._sounds}[kind](scenes, rng)

    def _pictures(self, scenes: list[Picture], rng: np.random.Generator) -> torch.Tensor:
        size = SIZES[rng.integers(len(SIZES))]
        made = [patch_pixels(scene.draw(rng, size), GEOMETRY) for scene in scenes]
        _, h, w = made[0][1]
        rows = towers.vision(self.parameters, torch.from_numpy(np.stack([patches for patches, _ in made])), h, w)
        return self._sequence(["Document: <|vision_start|>", rows, "<|vision_end|>"])

    def _clips(self, scenes: list[Clip], rng: np.random.Generator) -> torch.Tensor:
        # Mostly four frames, as many as are taken of a file; the last of them lies a little before its end.
        n_frames = 6 if rng.random() < 0.25 else 4
        end = rng.uniform(0.925 * CLIP_SECONDS, CLIP_SECONDS)
        times = np.linspace(0, end, n_frames)
        videos = [Video(scene.film(rng, times), fps=(n_frames - 1) / end) for scene in scenes]
        selections = [video.select(one, GEOMETRY, "card") for one in videos]
        made = [
            video.read_patches(one, selection, GEOMETRY, "card")
            for one, selection in zip(videos, selections, strict=True)
        ]
        selection = made[0][1]
        t, h, w = selection.grid
        patches = torch.from_numpy(np.stack([patches for patches, _ in made])).view(len(scenes) * t, h * w, -1)
        rows = towers.vision(self.parameters, patches, h, w).view(len(scenes), t, h * w // 4, -1)
        spans: list[str | torch.Tensor] = []
        before = "Document: "
        for i, time in enumerate(selection.timestamps):
            spans += [f"{before}<{time:.1f} seconds><|vision_start|>", rows[:, i]]
            before = "<|vision_end|>"
        return self._sequence([*spans, before])

    def _sounds(self, scenes: list[Sound], rng: np.random.Generator) -> torch.Tensor:
        mels = np.stack([compute_log_mel(scene.play(rng)) for scene in scenes])
        rows = towers.audio(self.parameters, torch.from_numpy(mels))
        return self._sequence(["Document: <|audio_start|>", rows, "<|audio_end|>"])

    def _sequence(self, spans: list[str | torch.Tensor]) -> torch.Tensor:
        n = next(len(span) for span in spans if not isinstance(span, str))
        table = self.parameters["token_embd.weight"]
        parts = [table[self._ids(one)].expand(n, -1, -1) if isinstance(one, str) else one for one in spans]
        x = torch.cat(parts, dim=1)
        return towers.text(self.parameters, x, torch.full((n,), x.shape[1] - 1))

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids
