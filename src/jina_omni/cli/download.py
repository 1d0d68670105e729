# SPDX-License-Identifier: Apache-2.0
"""``jina-omni download``."""

from __future__ import annotations

import argparse
from pathlib import Path

from jina_omni.cli.options import add_modality_option, log_downloads
from jina_omni.hub import download

HELP = "Download the files of a model of the hub, and print where they are."
EXAMPLES = """\
examples:
  jina-omni download small-retrieval
  jina-omni download jinaai/jina-embeddings-v5-omni-nano-clustering-GGUF:Q8_0 --modality vision

Files that are in the cache are not downloaded again. The other commands take the same names as their --model.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("name", metavar="NAME", help="short name or repository, with :QUANTISATION or without")
    add_modality_option(parser)
    parser.add_argument("--revision", help="branch, tag or commit (default: main)")
    parser.add_argument("--cache-dir", metavar="DIR", type=Path, help="instead of the hub client's own")


def run(args: argparse.Namespace) -> int:
    """Print the path of each file."""
    with log_downloads():
        paths = download(
            args.name, modality=args.modality or "omni", revision=args.revision, cache_dir=args.cache_dir
        )
    for path in (paths.text, *paths.mmproj):
        print(path)
    return 0
