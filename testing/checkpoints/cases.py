"""The suite's own inputs: texts, media drawn from raw bits so that no file is needed, and mixtures of them."""

from __future__ import annotations  # noqa: I001

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .spans import Audio, Part, Video
from .writer import random_values


STAGE_CASE = "image-upscaled"  # the one whose patches and rows are stored too
AUDIO_LENGTHS = (3, 5, 200, 201, 401, 724, 1100, 3000)  # mel frames of the clips whose rows are stored


@dataclass(frozen=True)
class Case:
    """One input to embed: its name, its parts in order, and the dialect that it is prompted in."""

    name: str
    parts: tuple[Part, ...]
    dialect: str = "card"


def draw(name: str, width: int, height: int, channels: int = 3) -> NDArray[np.uint8]:
    """Draw a picture of ramps, blocks and a little noise that depends on the name alone, (height, width, channels).

    Integer arithmetic throughout, so that every machine draws the same one.
    """
    bits = np.random.PCG64(zlib.crc32(name.encode()))
    y, x = np.arange(height)[:, None], np.arange(width)[None]
    planes = []
    for _ in range(channels):
        a, b, c, block = (int(bit) for bit in bits.random_raw(4) % np.uint64(251))
        ramp = (x * (a + 5) // max(width - 1, 1) + y * (b + 5) // max(height - 1, 1) + c) % 256
        side = 8 + block % 40
        squares = ((x // side + y // side) % 2) * (32 + a % 96)
        planes.append((ramp + squares) % 256)
    noise = bits.random_raw(height * width * channels).reshape(height, width, channels) >> np.uint64(60)
    picture = np.stack(planes, axis=-1) + noise.astype(np.int64)
    return np.minimum(picture, 255).astype(np.uint8)


def image(name: str, width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Draw a picture in one of Pillow's modes: RGB, RGBA, L, LA, 1 or P."""
    if mode == "P":
        picture = Image.fromarray(draw(name, width, height, 1)[:, :, 0])
        # Its own palette, since Pillow's quantisers may choose another one from release to release.
        picture = picture.convert("P")
        picture.putpalette(draw(f"{name}-palette", 256, 1).tobytes())
        return picture
    if mode == "1":
        return Image.fromarray(draw(name, width, height, 1)[:, :, 0] > 127)
    pixels = draw(name, width, height, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode])
    return Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels)


def sound(name: str, n_samples: int) -> Audio:
    """Draw three tones that rise, and some noise; values are 16-bit integers over 32768, which files keep."""
    bits = np.random.PCG64(zlib.crc32(name.encode()))
    t = np.arange(n_samples, dtype=np.int64)
    total = (bits.random_raw(n_samples) >> np.uint64(55)).astype(np.int64) - 256
    for _ in range(3):
        pitch, rise, loud = (int(bit) for bit in bits.random_raw(3) % np.uint64(251))
        phase = (t * (400 + 20 * pitch) + t * t // (40 + rise)) % 65536
        total += (np.abs(phase - 32768) - 16384) * (64 + loud) // 1024
    return Audio(total.astype(np.float32) / np.float32(32768))


def clip(name: str, n_frames: int, width: int, height: int) -> NDArray[np.uint8]:
    """Draw the frames of a picture that moves past, (n_frames, height, width, 3)."""
    picture = draw(name, width + 7 * n_frames, height)
    return np.stack([picture[:, 7 * i : 7 * i + width] for i in range(n_frames)])


def mel(n_frames: int) -> NDArray[np.float32]:
    """Draw log-mel frames of noise that depends on their number alone, (128, frames)."""
    return random_values(0, f"mel-{n_frames}", 128 * n_frames).reshape(128, n_frames) * np.float32(0.5)


def text_cases() -> list[Case]:
    """Return texts in several scripts and of several shapes, none of them empty."""
    long = " ".join(f"Sentence {i} speaks of {i * i} things, none of them new." for i in range(60))
    texts = {
        "english": "Where does the river meet the sea?",
        "single": "a",
        "mixed-scripts": "Größe, ölçü, мера, μέτρο, 大きさ, 크기, مقاس, गणना",
        "emoji": "👩‍🚀🚀 to the 🌕, back by 17:45 🏳️‍🌈",
        "whitespace": " \t two  spaces,\r\n\r\n   a tab\tand an end \n ",
        "code": "if (x[i] != 0xFF) { return x['key']->value; } // it's 3.14159 'LL",
        "digits": "1 12 123 1234 12345 ١٢٣ ½ ²",
        "decomposed": "Cre\u0300me bru\u0302le\u0301e, A\u030angstro\u0308m",
        "special-token": "one <|im_end|> two <|vision_start|><image> three<|end_of_text|>",
        "long": long,
    }
    return [Case(f"text-{name}", (text,)) for name, text in texts.items()]


def image_cases() -> list[Case]:
    """Return images that are stretched up, stretched down or kept, of odd sizes and of every mode."""
    sizes = {
        "1x1": (1, 1, "RGB"),
        "17x600": (17, 600, "RGB"),
        "upscaled": (97, 61, "RGB"),
        "downscaled": (1501, 1103, "RGB"),
        "kept": (640, 416, "RGB"),
        "rgba": (333, 222, "RGBA"),
        "gray": (500, 431, "L"),
        "palette": (260, 301, "P"),
        "bilevel": (129, 480, "1"),
    }
    return [Case(f"image-{name}", (image(name, *size),)) for name, size in sizes.items()]


def fused_cases() -> list[Case]:
    """Return mixtures of texts and images."""
    first, second = image("first", 300, 200), image("second", 64, 512)
    return [
        Case("fused-text-image", ("Query: ", first)),
        Case("fused-image-text", (first, " a caption, naïve")),
        Case("fused-two-images", (first, second)),
        Case("fused-text-images-text", ("from ", second, " to ", first, "?")),
    ]


def all_cases() -> list[Case]:
    """Return every case of texts and images, in the order in which their outputs are stored."""
    return [*text_cases(), *image_cases(), *fused_cases()]


def media_cases() -> list[Case]:
    """Return sounds, videos and their mixtures in both dialects, in the order in which their outputs are stored."""
    picture = image("third", 130, 210)
    even, odd = clip("even", 4, 180, 100), clip("odd", 5, 70, 130)
    speech, noise = sound("speech", 26_500), sound("noise", 9_999)
    with_sound = Video(even, (0.5 / 24, 2.5 / 24), sound("track", 8_000))
    wrapper = "sentence-transformers"
    return [
        Case("audio-three-frames", (sound("three-frames", 321),)),
        Case("audio-short", (sound("short", 3_333),)),
        Case("audio-chunk-and-some", (sound("chunk-and-some", 37_923),)),
        Case("audio-half-minute", (sound("half-minute", 480_000),)),
        Case("video-even-times", (Video(even, (0.25, 1.25)),)),
        Case("video-odd-times", (Video(odd, (0.5, 2.5, 4.0)),)),
        Case("video-even", (Video(even),)),
        Case("video-odd", (Video(odd),)),
        Case("fused-text-audio", ("what is said: ", speech)),
        Case("fused-image-audio-text", (picture, speech, " naïve")),
        Case("fused-video-text", (Video(clip("three", 3, 96, 64), (0.0, 0.1)), " and after")),
        Case("fused-all", ("from ", noise, Video(even, (0.25, 1.25)), " to ", picture, speech, "?")),
        Case("chat-text", ("no turn around a text",), wrapper),
        Case("chat-audio", (speech,), wrapper),
        Case("chat-image-text", (picture, " a caption"), wrapper),
        Case("chat-video-with-sound", (Video(odd, (0.5 / 24, 2.5 / 24, 4 / 24), noise),), wrapper),
        Case("chat-fused", ("text ", with_sound, " text ", noise, picture), wrapper),
    ]
