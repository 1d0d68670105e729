"""Images: ours against torch, from pixels in memory to pooled rows, and the tower's rows against libmtmd's."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.report import Figures
from benchmarks.towers import LlamaVision, OursVision
from benchmarks.turns import Turns
from benchmarks.turns import add_options as add_shared_options

# (height, width); 1280 tokens are the most that the published files allow for an image
ROWS = {"a": ("512 x 512, 256 tokens", 512, 512), "b": ("1024 x 1280, 1280 tokens", 1024, 1280)}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    add_shared_options(parser, mtmd=True)
    parser.add_argument("--rows", default="a,b", help=", ".join(f"{k}: {row[0]}" for k, row in ROWS.items()))
    parser.add_argument("--images", type=int, default=2, help="images of one turn (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    from PIL import Image

    turns = Turns(args)
    rng = np.random.default_rng(0)
    for name, height, width in (ROWS[key] for key in args.rows.split(",")):
        row = f"{args.images} images of {name}"
        work = [Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)) for _ in range(args.images)]
        turns.models(row, work, args.images, "images", "vision")
        engines = {"jina_omni": OursVision, "libmtmd": LlamaVision}
        turns.towers(f"the tower on {row}", engines, "vision", work, args.images, "images", comparable=True)
    return turns.figures
