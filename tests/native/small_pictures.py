"""Tiny checkpoints that scale pictures to a few patches, so that hundreds of them are embedded in seconds."""

from __future__ import annotations

from pathlib import Path

from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, Edits, write_checkpoint

LEAST, MOST = 64 * 64, 256 * 256  # pixels


def write(directory: Path, size: str, least: int = LEAST) -> Checkpoint:
    """Write a model's files; `least` are the pixels that a picture is scaled up to."""
    limits = {"min_pixels": least, "max_pixels": MOST}
    keys = {f"clip.vision.{kind}_{end}": n for kind in ("image", "video") for end, n in limits.items()}
    return write_checkpoint(directory, TINY[size], edits=Edits(metadata=keys))
