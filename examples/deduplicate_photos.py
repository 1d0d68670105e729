# SPDX-License-Identifier: Apache-2.0
"""Find photos that show the same: copies that were resized, recompressed or saved in another format.

    pip install '.[all]'                    # in a checkout of jina_omni
    python examples/deduplicate_photos.py   # the toy model, on a few drawn pictures
    python examples/deduplicate_photos.py ~/photos --model small-text-matching

Nothing is deleted: groups of duplicates are printed. Lower the threshold to find photos of the same thing as well.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image
from toy_pictures import draw_pictures

import jina_omni


def find_duplicates(model: jina_omni.Model, folder: Path, threshold: float) -> list[list[Path]]:
    """Return groups of images whose cosine with the first one of their group is at least the threshold."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    # With the orientation of the EXIF data, a photo and its upright copy are alike.
    images = [jina_omni.Image(path, orientation="upright") for path in paths]
    embeddings, errors = model.encode(images, on_error="return")
    for index, error in errors.items():
        print(f"skipped {paths[index]}: {error}", file=sys.stderr)
    groups = []
    left = [i for i in range(len(paths)) if i not in errors]
    while left:
        cosines = embeddings[left] @ embeddings[left[0]]  # of unit length, so this is the cosine
        group = [i for i, cosine in zip(left, cosines, strict=True) if i == left[0] or cosine >= threshold]
        if len(group) > 1:
            groups.append([paths[i] for i in group])
        left = [i for i in left if i not in group]
    return groups


def draw_duplicates(folder: Path) -> None:
    """Draw a few pictures, one of them with a smaller copy and a JPEG copy."""
    first = Image.open(draw_pictures(folder)[0])
    first.resize((160, 160)).save(folder / "smaller.png")
    first.save(folder / "compressed.jpg", quality=40)


def main() -> None:
    """Parse the arguments and print the groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of photos; without it, drawn pictures")
    parser.add_argument("--model", help="a file, a folder or a name of a model; without it, the toy model")
    parser.add_argument("--threshold", type=float, default=0.97, help="cosine of a duplicate (default: %(default)s)")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as drawn,
        jina_omni.Model(args.model) if args.model else jina_omni.demo_model() as model,
    ):
        if args.folder is None:
            draw_duplicates(Path(drawn))
        for group in find_duplicates(model, args.folder or Path(drawn), args.threshold):
            print(*group, sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
