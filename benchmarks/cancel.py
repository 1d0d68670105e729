"""Cancelling: the time from a cancel, or from Ctrl-C, to the end of the call, in each of its phases."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import media, report
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Spread
from benchmarks.report import Figures
from testing import pdfs

if TYPE_CHECKING:
    from jina_omni import CancelToken, Model

__all__ = ["add_options", "run"]

_WORDS = "the small cat and a green river write quietly of seven windows under this light, which is not memory"

# A job in the background inherits that Ctrl-C is ignored.
_COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from jina_omni.cli import run
run()
"""


class Phase(NamedTuple):
    """A phase of a call.

    Attributes
    ----------
    name
        In the report.
    begin
        Makes a call that takes longer than `seconds` in this phase.
    seconds
        After which it is cancelled; in the repeats later.
    """

    name: str
    begin: Callable[[Model, CancelToken], Any]
    seconds: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    parser.add_argument("--type", default="Q4_K_M", help="type of the text file (default: %(default)s)")
    parser.add_argument(
        "--megabytes", type=int, default=100, help="of the text that is tokenised (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    import jina_omni

    files = Checkpoints(args.cache, args.size)
    text, projectors = files.text(args.type), [files.vision(), files.audio()]
    facts = report.heading(threads=args.threads, shape=files.describe(), repeats=args.repeats, type=args.type)
    results: list[dict[str, Any]] = []

    def add(name: str, seconds: list[float]) -> None:
        print(f"  {name:<60} {Spread.of([1000 * s for s in seconds])} ms", flush=True)
        results.append({"phase": name, "seconds": seconds})
        report.save(args.json, report.figures(facts, results))

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with jina_omni.Model(text, projectors, device="cpu", n_threads=args.threads) as model:
            for phase in _make_phases(folder, args.megabytes):
                add(phase.name, [_cancel(phase, model, i) for i in range(args.repeats)])
        for name, path in _write_folders(folder).items():
            command = ["embed", str(path), "--model", str(text), "--mmproj", *map(str, projectors)]
            add(f"Ctrl-C of the command line, {name}", [_interrupt(command, folder, i) for i in range(args.repeats)])
    return report.figures(facts, results)


def _make_text(n_characters: int) -> str:
    paragraph = " ".join(random.Random(0).choices(_WORDS.split(), k=10_000)) + "\n"
    return (paragraph * (n_characters // len(paragraph) + 1))[:n_characters]


def _make_phases(folder: Path, megabytes: int) -> list[Phase]:
    from PIL import Image

    from jina_omni import Audio, CancelToken, Pdf

    texts = [f"{i} {_make_text(2_000)}" for i in range(10_000)]
    long = _make_text(megabytes * 1_000_000)
    pages = pdfs.document(*[(pdfs.INCH, b"")] * 5_000)
    numbers = itertools.count()
    Image.effect_noise((8_000, 8_000), 100).save(picture := folder / "picture.png")
    small = Image.fromarray(media.draw("small", 1_024, 1_280))
    sound = Audio(media.samples(30, 0), sampling_rate=media.SAMPLE_RATE)

    def measure_another_document(model: Model, cancel: CancelToken) -> None:
        # the one before is still open
        model.count_tokens(Pdf(pages + b"%% %d" % next(numbers)), cancel=cancel)

    def wait_behind_another(model: Model, cancel: CancelToken) -> None:
        other = CancelToken()
        threading.Thread(target=_embed_until_cancelled, args=(model, texts[:100], other)).start()
        time.sleep(0.3)  # so that it computes
        try:
            model.encode(texts[100:110], cancel=cancel)
        finally:
            other.cancel()

    return [
        Phase("planning 10,000 inputs", lambda m, c: m.encode(texts, cancel=c), 0.2),
        Phase(f"tokenising {megabytes} MB", lambda m, c: m.count_tokens(long, cancel=c), 0.2),
        Phase("measuring a PDF of 5,000 pages", measure_another_document, 0.05),
        Phase("decoding a picture of 64 megapixels", lambda m, c: m.encode(picture, cancel=c), 0.1),
        Phase("waiting behind another call", wait_behind_another, 0.5),
        Phase("the text tower, 100 texts", lambda m, c: m.encode(texts[:100], cancel=c), 1),
        Phase("the text tower, one long text", lambda m, c: m.encode(long[:100_000], truncate=True, cancel=c), 1),
        Phase("the vision tower", lambda m, c: m.encode(small, cancel=c), 0.5),
        Phase("the audio tower", lambda m, c: m.encode([sound] * 2, cancel=c), 0.5),
    ]


def _embed_until_cancelled(model: Model, texts: list[str], cancel: CancelToken) -> None:
    from jina_omni import Cancelled

    with contextlib.suppress(Cancelled):
        model.encode(texts, cancel=cancel)


def _cancel(phase: Phase, model: Model, repeat: int) -> float:
    """Return the seconds from a cancel to the end of a call."""
    from jina_omni import Cancelled, CancelToken

    token = CancelToken()
    cancelled_at = 0.0

    def cancel() -> None:
        nonlocal cancelled_at
        cancelled_at = time.perf_counter()
        token.cancel()

    timer = threading.Timer(phase.seconds * (1 + repeat / 4), cancel)
    timer.start()
    try:
        phase.begin(model, token)
    except Cancelled:
        return time.perf_counter() - cancelled_at
    finally:
        timer.cancel()
    raise SystemExit(f"{phase.name} ended before it was cancelled: take a slower type, or a larger work")


def _write_folders(folder: Path) -> dict[str, Path]:
    """Write what the command line embeds, by what the report calls it."""
    from PIL import Image

    folders = {"texts": folder / "texts", "pictures of 64 megapixels": folder / "pictures"}
    for path in folders.values():
        path.mkdir()
    for i in range(200):
        (folders["texts"] / f"{i}.txt").write_text(_make_text(2_000))
        if i < 4:
            noise = Image.effect_noise((8_000, 8_000), 100 + i)
            noise.save(folders["pictures of 64 megapixels"] / f"{i}.png", compress_level=1)
    return folders


def _interrupt(command: list[str], folder: Path, repeat: int) -> float:
    """Return the seconds from Ctrl-C to the end of a command."""
    out = folder / f"out-{time.monotonic_ns()}.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *command, "--out", str(out)], stderr=subprocess.PIPE, text=True
    )
    while not out.exists() and process.poll() is None:  # until the model is open
        time.sleep(0.01)
    time.sleep(0.5 * (1 + repeat / 4))
    begin = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, problems = process.communicate()
    seconds = time.perf_counter() - begin
    if process.returncode != 130:
        raise SystemExit(f"the command ended with {process.returncode}: {problems}")
    return seconds
