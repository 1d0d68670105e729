# SPDX-License-Identifier: Apache-2.0
"""What other programs make of a file: ffmpeg, poppler, ImageMagick and rsvg-convert, as far as they are installed."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

__all__ = ["RATE", "Facts", "PeerError", "find_peers", "summarize_picture", "summarize_sound"]

RATE = 16_000
"""Samples per second of every sound that is compared."""

_SECONDS = 30  # of a sound that are compared; the audio tower takes no more
_WINDOW = RATE // 100
_SIDE = 32


class PeerError(Exception):
    """A program does not read the file."""


@dataclass
class Facts:
    """What a program found in a file.

    Attributes
    ----------
    counts : dict of str to float
        Among ``seconds``, ``frames``, ``pages``, ``width`` and ``height``: those of its kind.
    picture : list of int, optional
        Of the image, the first frame or the first page; see `summarize_picture`.
    sound : list of float, optional
        See `summarize_sound`.
    """

    counts: dict[str, float] = field(default_factory=dict)
    picture: list[int] | None = None
    sound: list[float] | None = None


def summarize_picture(picture: PILImage.Image) -> list[int]:
    """Return the averages of 32 x 32 parts of a picture, as RGB."""
    small = picture.convert("RGB").resize((_SIDE, _SIDE), PILImage.Resampling.BOX)
    return list(small.tobytes())


def summarize_sound(samples: npt.NDArray[np.float32]) -> list[float]:
    """Return the loudness of the first 30 seconds of a sound of 16 kHz, each hundredth of a second."""
    n_windows = min(len(samples), _SECONDS * RATE) // _WINDOW
    windows = samples[: n_windows * _WINDOW].astype(np.float64).reshape(n_windows, _WINDOW)
    return [round(float(value), 6) for value in np.sqrt((windows**2).mean(axis=1))]


def find_peers(kind: str) -> Iterator[tuple[str, Callable[[Path, float], Facts]]]:
    """Yield the name of each installed program that reads a kind of media, with the function that asks it.

    The function takes a path and the seconds that it may take, and raises `PeerError`.
    """
    if kind == "pdf" and shutil.which("pdfinfo") and shutil.which("pdftoppm"):
        yield "poppler", _ask_poppler
    if kind == "svg" and shutil.which("rsvg-convert"):
        yield "rsvg-convert", _ask_rsvg
    if kind == "image" and _find_imagemagick():
        yield "ImageMagick", _ask_imagemagick
    if kind in _FFMPEG and shutil.which("ffmpeg"):
        yield "ffmpeg", _FFMPEG[kind]


def _run(seconds: float, *command: str) -> bytes:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"takes over {seconds:g} seconds") from error
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise PeerError(lines[-1] if lines else f"ends with {done.returncode}")
    return done.stdout


def _read_picture(data: bytes) -> Facts:
    try:
        with PILImage.open(io.BytesIO(data)) as picture:
            return Facts({"width": picture.width, "height": picture.height}, summarize_picture(picture))
    except PILImage.DecompressionBombError as error:
        raise PeerError(f"draws a picture that is too large to compare: {error}") from error


def _ask_poppler(path: Path, seconds: float) -> Facts:
    found = re.search(rb"^Pages:\s+(\d+)$", _run(seconds, "pdfinfo", str(path)), re.MULTILINE)
    if found is None or found[1] == b"0":
        raise PeerError("finds no pages")
    page = _run(seconds, "pdftoppm", "-r", "150", "-f", "1", "-l", "1", "-cropbox", str(path))
    facts = _read_picture(page)
    facts.counts["pages"] = int(found[1])
    return facts


def _ask_rsvg(path: Path, seconds: float) -> Facts:
    return _read_picture(_run(seconds, "rsvg-convert", "--background-color=white", str(path)))


def _find_imagemagick() -> str | None:
    if shutil.which("magick"):
        return "magick"
    # Its name before version 7, which other programs have too.
    found = shutil.which("convert")
    if found is None:
        return None
    version = subprocess.run([found, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return found if b"ImageMagick" in version.stdout else None


def _ask_imagemagick(path: Path, seconds: float) -> Facts:
    # The first picture, its colours without its transparency, not turned: as the reference takes it.
    options = ("-alpha", "off", "-colorspace", "sRGB", "-depth", "8", "ppm:-")
    return _read_picture(_run(seconds, _find_imagemagick() or "", f"{path}[0]", *options))


def _ffmpeg(path: Path, seconds: float, *options: str) -> bytes:
    # -noautorotate: as it is stored
    return _run(seconds, "ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", f"file:{path}", *options, "-")


def _ask_ffmpeg_for_an_image(path: Path, seconds: float) -> Facts:
    return _read_picture(_ffmpeg(path, seconds, "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm"))


def _ask_ffmpeg_for_frames(path: Path, seconds: float) -> Facts:
    stream = ("-map", "0:V:0")  # V: not a cover picture
    lines = _ffmpeg(path, seconds, *stream, "-fps_mode", "passthrough", "-f", "framemd5").splitlines()
    n_frames = sum(not line.startswith(b"#") for line in lines)
    facts = _read_picture(_ffmpeg(path, seconds, *stream, "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm"))
    facts.counts["frames"] = n_frames
    return facts


def _ask_ffmpeg_for_sound(path: Path, seconds: float) -> Facts:
    options = ("-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "f32le")
    samples = np.frombuffer(_ffmpeg(path, seconds, *options), "<f4")
    return Facts({"seconds": len(samples) / RATE}, sound=summarize_sound(samples))


_FFMPEG: dict[str, Callable[[Path, float], Facts]] = {
    "audio": _ask_ffmpeg_for_sound,
    "image": _ask_ffmpeg_for_an_image,
    "video": _ask_ffmpeg_for_frames,
}
