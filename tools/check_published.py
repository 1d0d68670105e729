# SPDX-License-Identifier: Apache-2.0
"""Check the files that Jina AI publishes on the Hub against what this library assumes, and against torch.

    python tools/check_published.py [--only small-clustering]... [--output docs/published.md]

For a machine that reaches the Hub, with ``pip install '.[test,parity]'``. Of each repository it compares the headers
with what is assumed, loads every file, compares texts, images, sounds, videos and a PDF with transformers' own modules
in float32 on the weights of the torch checkpoint, and the quantisations with F16, at the bars of the model cards. It
prints what differs and writes a page. The exit status is 1 if anything differs.

A repository takes some 10 GB of disk, in the cache of huggingface_hub, and of small 10 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jina_omni
from testing.checkpoints.shapes import FULL, ModelShape
from testing.published.check import check_repository
from testing.published.report import format_page


def main(
    arguments: Sequence[str] | None = None,
    models: Sequence[jina_omni.PublishedModel] | None = None,
    shapes: Mapping[str, ModelShape] = FULL,
) -> int:
    """Run the command line, and return the exit status; the suite has models and shapes of its own."""
    models = jina_omni.list_models() if models is None else models
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [model.name for model in models]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "published.md", help="the page (docs/published.md)"
    )
    options = parser.parse_args(arguments)

    reports = []
    for model in models:
        if options.only and model.name not in options.only:
            continue
        reports.append(check_repository(model, shapes[model.size]))
        print(reports[-1].format(), flush=True)
        options.output.write_text(format_page(reports), "utf-8")  # after each: the next may take hours
    n_problems = sum(len(report.problems) for report in reports)
    print(f"{len(reports)} repositories, {n_problems} differences; see {options.output}")
    return int(n_problems > 0)


if __name__ == "__main__":
    raise SystemExit(main())
