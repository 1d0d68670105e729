"""The pages of a PDF, an input each: `encode(Pdf.split())` against drawing in process, and a call for each page."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import media, report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Side, compare
from benchmarks.options import make_choices_parser
from benchmarks.report import Figures


class SplitPages:
    """`encode(Pdf.split())`, of a document that no process has open yet.

    Parameters
    ----------
    n_threads
        Of the model.
    dpi
        At which pages are drawn.
    files
        The model's, ``text`` and ``vision``; those of the toy model if there are none.
    """

    def __init__(self, n_threads: int, dpi: float, **files: Path) -> None:
        import jina_omni

        options = {"device": "cpu", "n_threads": n_threads}
        self._model = (
            jina_omni.Model(files["text"], files["vision"], **options)
            if files
            else jina_omni.demo_model(modality="vision", **options)
        )
        self._dpi = dpi

    def run(self, work: Path) -> NDArray[np.float32]:
        """Embed the pages of a document."""
        import jina_omni

        os.utime(work)  # as if it had changed, so that it is opened again
        return self.embed(jina_omni.Pdf(work, dpi=self._dpi).split())

    def embed(self, pages: Sequence[object]) -> NDArray[np.float32]:
        """Embed inputs in one call."""
        return self._model.encode(list(pages))


class PagesOneByOne(SplitPages):
    """A call for each page."""

    def embed(self, pages: Sequence[object]) -> NDArray[np.float32]:
        """Embed inputs, each in a call of its own."""
        return np.stack([self._model.encode(page) for page in pages])


class PagesInProcess(SplitPages):
    """Pages that the caller draws with pypdfium2 in its own process, without bounds, and embeds in one call."""

    def run(self, work: Path) -> NDArray[np.float32]:
        """Embed the pages of a document."""
        import pypdfium2

        with pypdfium2.PdfDocument(work) as document:
            return self.embed([page.render(scale=self._dpi / 72).to_pil().convert("RGB") for page in document])


_SIDES = {"in one call": SplitPages, "in process": PagesInProcess, "one by one": PagesOneByOne}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    parser.add_argument("--type", default="Q4_K_M", help="of the text file (default: %(default)s)")
    parser.add_argument("--pages", type=int, default=30, help="of the document (default: %(default)s)")
    parser.add_argument("--dpi", type=float, default=150, help="at which pages are drawn (default: %(default)s)")
    rows = "toy: the toy model, where drawing takes most of the time; full: the full-size model (default: toy,full)"
    parser.add_argument("--rows", type=make_choices_parser(("toy", "full")), default="toy,full", help=rows)


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark. Always on wall-clock time, since the process that draws is another than the side's."""
    checkpoints = Checkpoints(args.cache, args.size)
    facts = report.heading(threads=args.threads, shape=checkpoints.describe(), turns=args.repeats, clock="wall")
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = media.write_text_pdf(Path(folder, "document.pdf"), args.pages)
        for kind in args.rows:
            files = {} if kind == "toy" else {"text": checkpoints.text(args.type), "vision": checkpoints.vision()}
            row = f"{args.pages} pages at {args.dpi:g} dpi, {kind} model"
            print(row, flush=True)
            with ExitStack() as stack:
                sides = [
                    stack.enter_context(Side(name, make, n_threads=args.threads, dpi=args.dpi, **files))
                    for name, make in _SIDES.items()
                ]
                found = compare(row, sides, path, args.pages, "pages", args.repeats)
            report.show(found)
            times = found[1].ratio
            print(f"  in one call takes {1 / times.median:.2f} times as long as in process\n", flush=True)
            results += [{"files": [file.name for file in files.values()], **result.as_dict()} for result in found]
            report.save(args.json, report.figures(facts, results))
    return report.figures(facts, results)
