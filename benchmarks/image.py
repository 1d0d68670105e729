"""Images: ours against torch float32, from pixels in memory to pooled rows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Side, compare

Pixels = NDArray[np.uint8]

# (height, width); 1280 tokens are the most that the published files allow for an image
ROWS = {"a": ("512 x 512, 256 tokens", 512, 512), "b": ("1024 x 1280, 1280 tokens", 1024, 1280)}


class OursImage:
    """jina_omni's public class. Whatever of its API the image benchmark touches is in this class."""

    def __init__(self, text: Path, vision: Path, n_threads: int) -> None:
        import jina_omni

        self._model = jina_omni.Model(text, vision, device="cpu", n_threads=n_threads)

    def run(self, work: Sequence[Pixels]) -> NDArray[np.float32]:
        """Embed images."""
        from PIL import Image

        return self._model.encode([Image.fromarray(pixels) for pixels in work])


class TorchImage:
    """transformers' modules in float32 with the weights of the same files."""

    def __init__(self, text: Path, vision: Path, n_threads: int) -> None:
        import torch
        from tests.checkpoints.torch_reference import TorchReference

        torch.set_num_threads(n_threads)
        self._model = TorchReference(text, vision)

    def run(self, work: Sequence[Pixels]) -> NDArray[np.float32]:
        """Embed images, one after the other."""
        from PIL import Image

        return np.stack([self._model.embed([Image.fromarray(pixels)]) for pixels in work])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    parser.add_argument("--types", default="F16", help="types of the text file (default: %(default)s)")
    parser.add_argument("--rows", default="a,b", help=", ".join(f"{k}: {row[0]}" for k, row in ROWS.items()))
    parser.add_argument("--images", type=int, default=2, help="images of one turn (default: %(default)s)")
    parser.add_argument("--no-torch", action="store_true", help="leave torch out")


def run(args: argparse.Namespace) -> None:
    """Run the benchmark."""
    files = Checkpoints(args.cache, args.size)
    facts = report.heading(threads=args.threads, shape=files.describe(), turns=args.repeats, clock=args.clock)
    results: list[dict[str, Any]] = []
    rng = np.random.default_rng(0)
    for ftype in args.types.split(","):
        common: dict[str, Any] = {"text": files.text(ftype), "vision": files.vision(), "n_threads": args.threads}
        common["cpu_of_threads"] = args.threads if args.clock == "cpu" else None
        for name, height, width in (ROWS[key] for key in args.rows.split(",")):
            print(f"text {ftype}, {args.images} images of {name}", flush=True)
            work = [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(args.images)]
            sides: list[Side] = []
            try:
                sides.append(Side("jina_omni", OursImage, **common))
                if not args.no_torch:
                    sides.append(Side("torch", TorchImage, **common))
                found = compare(name, sides, work, args.images, "images", args.repeats)
            finally:
                for side in sides:
                    side.close()
            report.show(found)
            results += [{"type": ftype, **r.as_dict()} for r in found]
            report.save(args.json, facts, results)
