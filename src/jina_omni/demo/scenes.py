# SPDX-License-Identifier: Apache-2.0
"""The toy world that the packaged model knows: pictures, clips and sounds, each described by a few attributes.

Random numbers decide what the attributes leave open (the exact place, size and shade), so that a scene looks and sounds
a little different each time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageDraw

__all__ = [
    "CLIP_SECONDS",
    "COLOURS",
    "CONTOURS",
    "MOTIONS",
    "PACES",
    "PITCHES",
    "PLACES",
    "SAMPLING_RATE",
    "SHAPES",
    "TEMPOS",
    "TIMBRES",
    "Clip",
    "Picture",
    "Sound",
]

COLOURS = {
    "red": (215, 30, 35),
    "orange": (250, 140, 20),
    "yellow": (245, 220, 40),
    "green": (35, 150, 60),
    "blue": (40, 80, 210),
    "purple": (130, 45, 160),
    "pink": (250, 150, 195),
    "black": (25, 25, 25),
}
"""Red, green and blue of each colour, from 0 to 255."""

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
PLACES = ("left", "right", "top", "bottom")
MOTIONS = ("left", "right", "up", "down", "growing", "shrinking")
PACES = ("slow", "fast")

PITCHES = {"low": 250.0, "middle": 600.0, "high": 1500.0, "very high": 3600.0}
"""The middle of each pitch, in hertz."""

TIMBRES = ("tone", "buzz", "noise")
CONTOURS = ("steady", "rising", "falling", "wobbling")
TEMPOS = ("slow", "fast")

SAMPLING_RATE = 16_000
CLIP_SECONDS = 2.0
_SOUND_SECONDS = 2.0

Frames = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """One to three equal shapes in one half of a light background.

    Attributes
    ----------
    shape, colour, place : str
        Of `SHAPES`, `COLOURS` and `PLACES`.
    count : int
        1 to 3.
    """

    shape: str
    colour: str
    count: int
    place: str

    def draw(self, rng: np.random.Generator, size: tuple[int, int] = (256, 256)) -> PILImage.Image:
        """Return the picture, with a width and a height in pixels."""
        width, height = size
        canvas, pen, fill = _create_canvas(rng, size, self.colour)
        radius = min(size) * rng.uniform(0.1, 0.14)
        # The shapes lie along the longer side of their half, each in a share of it; the other half stays empty.
        upright = self.place in ("left", "right")
        along, across = (height, width) if upright else (width, height)
        share = along / self.count
        near = self.place in ("left", "top")
        for i in range(self.count):
            middle = share * (i + 0.5)
            slack = max(0.0, share / 2 - 1.15 * radius)
            a = middle + rng.uniform(-slack, slack) * 0.9
            b = rng.uniform(1.15 * radius, across / 2 - 0.9 * radius)
            b = b if near else across - b
            _draw_shape(pen, self.shape, (b, a) if upright else (a, b), radius, rng.uniform(-0.2, 0.2), fill)
        return canvas


@dataclass(frozen=True)
class Clip:
    """One shape that moves, grows or shrinks for two seconds.

    Attributes
    ----------
    shape, colour, motion, pace : str
        Of `SHAPES`, `COLOURS`, `MOTIONS` and `PACES`.
    """

    shape: str
    colour: str
    motion: str
    pace: str

    def film(self, rng: np.random.Generator, times: npt.ArrayLike, side: int = 192) -> Frames:
        """Return the square frames at some times in seconds, shape (n, side, side, 3)."""
        canvas, _, fill = _create_canvas(rng, (side, side), self.colour)
        radius, turn = side * rng.uniform(0.13, 0.17), rng.uniform(-0.2, 0.2)
        grows = self.motion in ("growing", "shrinking")
        distance = (0.25 if self.pace == "slow" else 0.62) * rng.uniform(0.9, 1.1)  # as a fraction of the side
        ratio = (1.5 if self.pace == "slow" else 3.2) * rng.uniform(0.9, 1.1)
        # Half-way through its motion the shape is near the middle of the frame, as far off as the frame allows.
        slack = 0.5 - (0.26 if grows else 0.17 + distance / 2)
        middle = 0.5 + rng.uniform(-1, 1) * max(0.0, slack)
        other = 0.5 + rng.uniform(-1, 1) * (slack if grows else 0.25)
        frames = []
        for time in np.asarray(times, np.float64):
            progress = min(max(time / CLIP_SECONDS, 0.0), 1.0) - 0.5
            progress = -progress if self.motion in ("left", "up", "shrinking") else progress
            frame = canvas.copy()
            at, size = (middle, other), radius
            if grows:
                size = side * 0.14 * ratio**progress
            else:
                at = (middle + progress * distance, other)
            x, y = at if self.motion not in ("up", "down") else at[::-1]
            _draw_shape(ImageDraw.Draw(frame), self.shape, (x * side, y * side), size, turn, fill)
            frames.append(np.asarray(frame))
        return np.stack(frames)


@dataclass(frozen=True)
class Sound:
    """One to four equal notes.

    Attributes
    ----------
    timbre, contour, pitch, tempo : str
        Of `TIMBRES`, `CONTOURS`, `PITCHES` and `TEMPOS`. A single slow note is long, a single fast note short.
    count : int
        1 to 4.
    """

    timbre: str
    contour: str
    pitch: str
    count: int
    tempo: str

    def play(self, rng: np.random.Generator) -> Samples:
        """Return two seconds of samples at `SAMPLING_RATE`, from -1 to 1."""
        out = np.zeros(int(_SOUND_SECONDS * SAMPLING_RATE), np.float32)
        slow = self.tempo == "slow"
        length = (0.3 if slow else 0.12) if self.count > 1 else (1.2 if slow else 0.2)
        length *= rng.uniform(0.9, 1.1)
        step = (0.44 if slow else 0.2) * rng.uniform(0.95, 1.05)
        total = step * (self.count - 1) + length
        start = rng.uniform(0.03, max(0.05, min(_SOUND_SECONDS - total - 0.03, 0.5)))
        pitch = PITCHES[self.pitch] * 2 ** rng.uniform(-0.15, 0.15)
        loudness = rng.uniform(0.25, 0.6)
        for i in range(self.count):
            note = self._play_note(rng, length, pitch) * loudness
            begin = int((start + i * step) * SAMPLING_RATE)
            piece = out[begin : begin + len(note)]
            piece += note[: len(piece)]
        out += rng.normal(0, 0.0005, len(out)).astype(np.float32)
        return np.clip(out, -1, 1)

    def _play_note(self, rng: np.random.Generator, seconds: float, pitch: float) -> Samples:
        n = int(seconds * SAMPLING_RATE)
        time = np.arange(n) / SAMPLING_RATE
        octaves = {
            "steady": np.zeros(n),
            "rising": 0.9 * (time / seconds - 0.5),
            "falling": 0.9 * (0.5 - time / seconds),
            "wobbling": 0.4 * np.sin(2 * math.pi * 15 * time),
        }[self.contour]
        hertz = pitch * 2**octaves
        phase = 2 * math.pi * np.cumsum(hertz) / SAMPLING_RATE
        if self.timbre == "tone":
            wave = np.sin(phase)
        elif self.timbre == "buzz":
            n_harmonics = max(2, min(8, int(7000 / hertz.max())))
            wave = sum((np.sin(k * phase) / k for k in range(1, n_harmonics + 1)), np.zeros(n)) * 0.6
        else:
            # Noise in a band that is a fifth of its frequency wide, shifted to the pitch.
            smooth = np.hanning(max(8, int(SAMPLING_RATE / (0.15 * pitch))))
            real, imaginary = (np.convolve(rng.normal(size=n + len(smooth) - 1), smooth, "valid") for _ in range(2))
            wave = (real * np.cos(phase) - imaginary * np.sin(phase)) / math.sqrt(float(np.sum(smooth**2))) * 0.4
        edge = min(n // 4, 160)
        ramp = np.ones(n)
        ramp[:edge] = np.linspace(0, 1, edge)
        ramp[-edge:] = np.linspace(1, 0, edge)
        return (wave * ramp).astype(np.float32)


def _create_canvas(
    rng: np.random.Generator, size: tuple[int, int], colour: str
) -> tuple[PILImage.Image, ImageDraw.ImageDraw, tuple[int, int, int]]:
    """Return a light background, a pen that draws on it, and a shade of a colour."""
    light = int(rng.integers(225, 256))
    canvas = PILImage.new("RGB", size, (light, light, light))
    red, green, blue = (int(np.clip(value + rng.integers(-14, 15), 0, 255)) for value in COLOURS[colour])
    return canvas, ImageDraw.Draw(canvas), (red, green, blue)


def _draw_shape(
    pen: ImageDraw.ImageDraw,
    shape: str,
    middle: tuple[float, float],
    radius: float,
    turn: float,
    fill: tuple[int, int, int],
) -> None:
    x, y = middle
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        pen.ellipse(box, fill=fill)
    elif shape == "ring":
        pen.ellipse(box, outline=fill, width=max(1, round(radius * 0.36)))
    else:
        corners = [(radius * r, angle + turn) for r, angle in _list_corners(shape)]
        pen.polygon([(x + r * math.sin(angle), y - r * math.cos(angle)) for r, angle in corners], fill=fill)


def _list_corners(shape: str) -> list[tuple[float, float]]:
    """Return the corners of a shape, as fractions of its radius and angles from the top."""
    if shape == "square":
        return [(1.2, math.pi * (i / 2 + 0.25)) for i in range(4)]
    if shape == "triangle":
        return [(1.2, math.pi * 2 * i / 3) for i in range(3)]
    if shape == "star":
        return [(1.25 if i % 2 == 0 else 0.5, math.pi * i / 5) for i in range(10)]
    arm = 0.34  # of a cross, half its width
    corners = [(arm, 1.15), (arm, arm), (1.15, arm)]
    return [(math.hypot(x, y), math.atan2(x, y) + math.pi / 2 * quarter) for quarter in range(4) for x, y in corners]
