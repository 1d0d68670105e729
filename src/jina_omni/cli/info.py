# SPDX-License-Identifier: Apache-2.0
"""``jina-omni info``."""

from __future__ import annotations

import argparse

from jina_omni.cli.model_choice import Conventions, ModelChoice, open_model
from jina_omni.cli.options import add_dialect_option, add_model_options, add_picture_options

HELP = "Show what a model is: its task, sizes, prompts and device."
EXAMPLES = """\
examples:
  jina-omni info jina-embeddings-v5-omni-small-retrieval-Q4_K_M.gguf
  jina-omni info model/ --dialect sentence-transformers
  jina-omni info nano-clustering:Q8_0 --modality vision
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_model_options(parser, positional=True)
    add_dialect_option(parser)
    add_picture_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    with open_model(ModelChoice.from_options(args), args, Conventions.from_options(args)) as model:
        print(model.info)
    return 0
