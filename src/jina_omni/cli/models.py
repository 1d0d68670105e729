# SPDX-License-Identifier: Apache-2.0
"""``jina-omni models``."""

from __future__ import annotations

import argparse

from jina_omni.info import MODEL_LICENSE
from jina_omni.published import list_models

HELP = "List the published models."
EXAMPLES = """\
examples:
  jina-omni models
  jina-omni download small-retrieval:Q4_K_M
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add no options, since the command has none."""


def run(_args: argparse.Namespace) -> int:
    """Print the list, which is part of this library: no network is used."""
    models = list_models()
    width = max(len(model.name) for model in models)
    for model in models:
        sizes = f"{model.dims[-1]:>4} dimensions  {model.max_seq_length:>6} tokens"
        print(f"{model.name:<{width}}  {sizes}  {model.repository}")
    for size, model in {model.size: model for model in models}.items():
        names = " ".join(name + "*" * (name == model.default_quantization) for name in model.quantizations)
        print(f"\nquantisations of {size} (* by default): {names}\ndimensions: {' '.join(map(str, model.dims))}")
    print(f"\nlicense: {MODEL_LICENSE}")
    return 0
