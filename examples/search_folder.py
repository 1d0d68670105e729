# SPDX-License-Identifier: Apache-2.0
"""Find the files of a folder that match a text: images, audio, videos and PDFs.

    pip install '.[all]'                    # in a checkout of jina_omni
    python examples/search_folder.py        # the toy model, on a few drawn pictures
    python examples/search_folder.py ~/photos "a cat asleep in the sun" --model small-retrieval

The folder is embedded at each run. `jina-omni index` and `jina-omni search` keep the embeddings in a database.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from toy_pictures import draw_pictures

import jina_omni


def search(model: jina_omni.Model, folder: Path, query: str, n_results: int) -> list[tuple[float, Path]]:
    """Return the files of a folder that match a text best, each with its cosine, the best first."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    embeddings, errors = model.encode_document(paths, on_error="return")
    for index, error in errors.items():
        print(f"skipped {paths[index]}: {error}", file=sys.stderr)
    cosines = model.similarity(model.encode_query(query), embeddings)[0]
    found = [(float(cosines[i]), path) for i, path in enumerate(paths) if i not in errors]
    return sorted(found, reverse=True)[:n_results]


def main() -> None:
    """Parse the arguments and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder to search; without it, drawn pictures")
    parser.add_argument("query", nargs="?", default="three red stars", help="what to look for")
    parser.add_argument("--model", help="a file, a folder or a name such as small-retrieval; without it, the toy model")
    parser.add_argument("-k", type=int, default=3, help="how many files to show (default: %(default)s)")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as drawn,
        jina_omni.Model(args.model) if args.model else jina_omni.demo_model() as model,
    ):
        if args.folder is None:
            draw_pictures(Path(drawn))
        for cosine, path in search(model, args.folder or Path(drawn), args.query, args.k):
            print(f"{cosine:.2f}  {path}")


if __name__ == "__main__":
    main()
