"""Write what ``python -m jina_omni.demo`` embeds: ``python -m tests.checkpoints.write_demo``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from tests.checkpoints.shapes import AudioShape, ModelShape, TextShape, VisionShape
from tests.checkpoints.writer import write_text, write_vision

DATA = Path(__file__).parents[2] / "src" / "jina_omni" / "demo" / "data"

# As narrow as the architecture allows, so that the package stays small: its vectors mean nothing at any width.
SHAPE = ModelShape(
    "small",
    TextShape("qwen3", 2, 128, 2, 1, 64, 256, 2064, 32768, 3_500_000.0, 1e-6),
    VisionShape(2, 64, 1, 128, 128, 1e-6, None),
    AudioShape(1, 64, 1, 128, 128),
)


def draw(name: str) -> Image.Image:
    """Return one of the demo's pictures: a coloured shape on a plain ground."""
    picture = Image.new("RGB", (160, 120), "white")
    pen = ImageDraw.Draw(picture)
    if name == "red-circle":
        pen.ellipse((40, 20, 120, 100), fill="red")
    elif name == "blue-square":
        pen.rectangle((40, 20, 120, 100), fill="blue")
    else:
        pen.polygon([(80, 15), (130, 105), (30, 105)], fill="green")
    return picture


def write_demo(directory: Path) -> None:
    """Write all files of the demo."""
    directory.mkdir(parents=True, exist_ok=True)
    write_text(directory / "text.gguf", SHAPE)
    write_vision(directory / "vision-mmproj.gguf", SHAPE)
    for name in ("red-circle", "blue-square", "green-triangle"):
        draw(name).save(directory / f"{name}.png", optimize=True)


if __name__ == "__main__":
    write_demo(DATA)
