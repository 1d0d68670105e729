# SPDX-License-Identifier: Apache-2.0
"""``jina-omni download``."""

from __future__ import annotations

import argparse

from jina_omni.cli.model_choice import log_downloads
from jina_omni.cli.options import add_modality_option, parse_path
from jina_omni.hub import download

HELP = "Download the files of a model on the Hub, and print their paths."
EXAMPLES = """\
examples:
  jina-omni download small-retrieval
  jina-omni download jinaai/jina-embeddings-v5-omni-nano-clustering-GGUF:Q8_0 --modality vision

Files that are in the cache are not downloaded again. The option --model of the other commands takes the same names.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("name", metavar="NAME", help="short name or repository, optionally with :QUANTISATION")
    add_modality_option(parser)
    parser.add_argument("--revision", help="branch, tag or commit (default: main)")
    parser.add_argument("--cache-dir", metavar="DIR", type=parse_path, help="instead of the cache of huggingface_hub")


def run(args: argparse.Namespace) -> int:
    """Print the path of each file."""
    with log_downloads():
        paths = download(args.name, modality=args.modality or "omni", revision=args.revision, cache_dir=args.cache_dir)
    for path in (paths.text, *paths.mmproj):
        print(path)
    return 0
