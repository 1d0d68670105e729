# SPDX-License-Identifier: Apache-2.0
"""A few scenes, each with a text that describes it; they are drawn and played when they are needed."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image as PILImage

from jina_omni.demo.scenes import CLIP_SECONDS, SAMPLING_RATE, Clip, Picture, Sound
from jina_omni.media.audio import Audio
from jina_omni.media.image import Image
from jina_omni.media.kinds import Media
from jina_omni.media.video import Video

__all__ = ["QUERIES", "SAMPLES", "Sample"]

_MODEL_FRAMES = 4  # as many as the model takes from a file of two seconds
_BROWSER_FRAMES = 20
_CLIP_SIDE = 192  # pixels


@dataclass(frozen=True)
class Sample:
    """A scene and a text for it.

    Attributes
    ----------
    kind : {"image", "audio", "video"}
    text : str
        Describes this scene and no other.
    scene : Picture, Clip or Sound
    """

    kind: str
    text: str
    scene: Picture | Clip | Sound

    @cached_property
    def medium(self) -> Media:
        """The scene as an input of `Model.encode`."""
        rng = np.random.default_rng(1)
        if isinstance(self.scene, Picture):
            return Image(self.scene.draw(rng))
        if isinstance(self.scene, Sound):
            return Audio(self.scene.play(rng), sampling_rate=SAMPLING_RATE)
        times = np.linspace(0, CLIP_SECONDS, _MODEL_FRAMES)
        return Video(self.scene.film(rng, times, _CLIP_SIDE), fps=(_MODEL_FRAMES - 1) / CLIP_SECONDS)

    def encode_file(self) -> tuple[str, bytes]:
        """Return a file that browsers show, with its media type: a PNG image, a WAV sound or an animated PNG."""
        rng = np.random.default_rng(1)
        out = io.BytesIO()
        if isinstance(self.scene, Picture):
            self.scene.draw(rng).save(out, "PNG")
            return "image/png", out.getvalue()
        if isinstance(self.scene, Sound):
            with wave.open(out, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLING_RATE)
                file.writeframes((self.scene.play(rng) * 32767).astype("<i2").tobytes())
            return "audio/wav", out.getvalue()
        times = np.linspace(0, CLIP_SECONDS, _BROWSER_FRAMES)
        first, *others = map(PILImage.fromarray, self.scene.film(rng, times, _CLIP_SIDE))
        pause = round(CLIP_SECONDS * 1000 / _BROWSER_FRAMES)
        first.save(out, "PNG", save_all=True, append_images=others, duration=pause, loop=0, default_image=False)
        return "image/png", out.getvalue()


SAMPLES = (
    Sample("image", "three red stars on the left", Picture("star", "red", 3, "left")),
    Sample("image", "a picture of a blue circle at the bottom", Picture("circle", "blue", 1, "bottom")),
    Sample("image", "at the top there are two green triangles", Picture("triangle", "green", 2, "top")),
    Sample("audio", "three low buzzes in quick succession", Sound("buzz", "steady", "low", 3, "fast")),
    Sample("audio", "a long rising high whistle", Sound("tone", "rising", "high", 1, "slow")),
    Sample("audio", "two slow falling bursts of noise", Sound("noise", "falling", "middle", 2, "slow")),
    Sample("video", "a purple square moving quickly to the right", Clip("square", "purple", "right", "fast")),
    Sample("video", "a yellow ring that shrinks slowly", Clip("ring", "yellow", "shrinking", "slow")),
)

QUERIES = (
    *(sample.text for sample in SAMPLES),
    "red things",
    "a blue thing",
    "green shapes",
    "stars",
    "a circle",
    "triangles",
    "a square",
    "a ring",
    "two objects",
    "three objects",
    "a picture of shapes",
    "a video of a thing moving",
    "the sound of a whistle",
    "low sounds",
    "a high sound",
    "a rising tone",
    "falling noises",
    "harsh notes",
    "a thing moving right",
    "a thing getting smaller",
    "shapes at the top",
    "shapes on the left",
)
"""The queries that the page's search box knows; the first are the texts of the samples."""
