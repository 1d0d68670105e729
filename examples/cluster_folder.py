# SPDX-License-Identifier: Apache-2.0
"""Sort the files of a folder into groups by what they show, with scikit-learn.

    pip install '.[all,examples]'           # in a checkout of jina_omni
    python examples/cluster_folder.py       # the toy model, on drawn pictures of four scenes
    python examples/cluster_folder.py ~/photos --clusters 12 --model small-clustering

A file that can't be embedded stops the program with an error that names it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from sklearn.cluster import KMeans
from toy_pictures import draw_pictures

import jina_omni


def cluster(model: jina_omni.Model, paths: list[Path], n_clusters: int) -> list[list[Path]]:
    """Return files in groups of similar content."""
    embeddings = model.encode(paths)
    labels = KMeans(n_clusters, n_init=10, random_state=0).fit_predict(embeddings)
    return [[path for path, label in zip(paths, labels, strict=True) if label == i] for i in range(n_clusters)]


def main() -> None:
    """Parse the arguments and print the groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of files; without it, drawn pictures")
    parser.add_argument("--clusters", type=int, default=4, help="number of groups (default: %(default)s)")
    parser.add_argument("--model", help="a file, a folder or a name of a model; without it, the toy model")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as drawn,
        jina_omni.Model(args.model) if args.model else jina_omni.demo_model() as model,
    ):
        if args.folder is None:
            draw_pictures(Path(drawn), n_copies=5)
        paths = sorted(path for path in (args.folder or Path(drawn)).rglob("*") if path.is_file())
        for group in cluster(model, paths, args.clusters):
            print(*group, sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
