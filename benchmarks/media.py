"""Writes the media that the benchmarks embed; the same bytes in every run with the same encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from testing import pdfs
from testing.checkpoints import cases

SAMPLE_RATE = 16_000
FPS = 2
"""Frames per second of a clip. As many as the model takes by default, so it takes all of them."""

_WORDS = "the small cat and a green river write quietly of seven windows under this light, which is not memory"


def draw(name: str, width: int, height: int) -> NDArray[np.uint8]:
    """Draw a picture that depends on the name alone.

    Returns
    -------
    ndarray, shape (height, width, 3)
    """
    return cases.draw(name, width, height)


def samples(seconds: float, seed: int) -> NDArray[np.float32]:
    """Make a sound of noise whose loudness changes as that of speech does.

    Returns
    -------
    ndarray, shape (n,)
        At 16 kHz.
    """
    n = round(seconds * SAMPLE_RATE)
    rng = np.random.default_rng(seed)
    loudness = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(n) / SAMPLE_RATE)
    return (rng.uniform(-0.5, 0.5, n) * loudness).astype(np.float32)


def write_sound(path: Path, seconds: float, seed: int) -> Path:
    """Write a sound of the format that its name says, and return its path."""
    import soundfile

    soundfile.write(path, samples(seconds, seed), SAMPLE_RATE)
    return path


def write_video(path: Path, n_frames: int, width: int, height: int) -> Path:
    """Write an H.264 clip without sound, and return its path."""
    import av

    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(n_frames):
            frame = av.VideoFrame.from_ndarray(draw(f"{path.name} {i}", width, height), "rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_pdf(path: Path, n_pages: int) -> Path:
    """Write a document of A4 pages, each a picture at 150 DPI, and return its path."""
    from PIL import Image

    first, *others = (Image.fromarray(draw(f"{path.name} {i}", 1240, 1754)) for i in range(n_pages))
    first.save(path, "PDF", save_all=True, append_images=others, resolution=150)
    return path


def write_text_pdf(path: Path, n_pages: int) -> Path:
    """Write a document of A4 pages of text, and return its path."""
    rng = np.random.default_rng(0)

    def write_line(y: int) -> str:
        return f"1 0 0 1 60 {y} Tm ({' '.join(rng.choice(_WORDS.split(), 13))}) Tj"

    pages = ["BT /F 11 Tf " + " ".join(map(write_line, range(780, 50, -14))) + " ET" for _ in range(n_pages)]
    path.write_bytes(pdfs.document(*((b"/MediaBox[0 0 595 842]", page.encode()) for page in pages)))
    return path


def write_folder(folder: Path) -> list[Path]:
    """Write a folder of everything, and return its files in the order of their names."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for i, n_words in enumerate(rng.integers(8, 200, 12)):
        (folder / f"text-{i:02}.txt").write_text(" ".join(rng.choice(_WORDS.split(), n_words)))
    sizes = ((320, 240), (640, 480), (480, 640), (1200, 800), (1600, 1200))
    for i, (width, height) in enumerate(sizes):
        path = folder / f"picture-{i}.{'png' if i % 2 else 'jpg'}"
        Image.fromarray(draw(path.name, width, height)).save(path)
    for i, (seconds, format_) in enumerate(((3, "wav"), (11, "flac"))):
        write_sound(folder / f"sound-{i}.{format_}", seconds, seed=i)
    write_video(folder / "clip.mp4", 8, 320, 240)
    write_pdf(folder / "document.pdf", 1)
    return sorted(folder.iterdir())
