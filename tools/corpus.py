# SPDX-License-Identifier: Apache-2.0
"""Run a folder of media through this library, and compare with what other programs make of the same files.

    python tools/corpus.py DIR [--seconds 120] [--memory 4096] [--jobs 2]

Each file is embedded by the toy model in a process of its own, with limits of time and memory. Programs that are
installed are asked too: ffmpeg for sounds, films and images, poppler for PDFs, ImageMagick for images, rsvg-convert for
SVG. Each disagreement is printed when it is found, then a table of the outcomes by kind. The exit status is 1 if a
process died or did not answer.

Seconds, frames, pages and sizes must be equal within the tolerances below, pictures and loudness similar. A program
that reads a file which this library refuses, or the other way round, disagrees too, and so does a decoder that writes
to stderr. A disagreement is a question, not a verdict: which one is right has to be looked at.
"""

from __future__ import annotations

import argparse
import collections
import json
import mimetypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from corpus_peers import RATE, Facts, PeerError, find_peers, summarize_picture, summarize_sound

# Largest difference that is not a disagreement, absolute and relative. Encoders pad sounds, and pages end in parts of
# pixels.
TOLERANCES = {"seconds": (0.1, 0.01), "frames": (0, 0), "pages": (0, 0), "width": (1, 0), "height": (1, 0)}
PICTURE_DIFFERENCE = 8  # of 255, on average: decoders round, and fonts differ
SOUND_CORRELATION = 0.98

DIED, LATE = "died", "no answer"


@dataclass
class Outcome:
    """What this library makes of a file.

    Attributes
    ----------
    kind : str
        ``image``, ``svg``, ``audio``, ``video``, ``pdf``, or ``other`` where neither bytes nor name say one.
    outcome : str
        ``vector``, ``vector of the first 30 seconds``, the name of an error, ``died`` or ``no answer``.
    message : str
        Of the error.
    facts : Facts or None
        What was embedded, None where nothing was.
    noise : str
        What the process wrote to stderr.
    """

    kind: str
    outcome: str
    message: str = ""
    facts: Facts | None = None
    noise: str = ""


@dataclass
class Report:
    """The outcomes of all files, and the disagreements."""

    outcomes: dict[str, collections.Counter[str]] = field(default_factory=dict)
    n_disagreements: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.outcomes.setdefault(outcome.kind, collections.Counter())[outcome.outcome] += 1

    def format_table(self) -> str:
        """Return the outcomes by kind."""
        names = sorted({name for counts in self.outcomes.values() for name in counts})
        rows = [("kind", *names)]
        rows += [(kind, *(str(counts[name] or "") for name in names)) for kind, counts in sorted(self.outcomes.items())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    @property
    def has_crashes(self) -> bool:
        """Whether a process died or did not answer."""
        return any(counts[name] for counts in self.outcomes.values() for name in (DIED, LATE))


# ---- in the process of a file ----


def embed(path: Path) -> Outcome:
    """Embed a file by the toy model, and find what was embedded."""
    import jina_omni

    kind = guess_kind(path)
    try:
        kind = find_kind(path)
        with jina_omni.demo_model(n_threads=1) as model:
            try:
                model.encode(path)
                outcome = "vector"
            except jina_omni.InputTooLongError:
                model.encode(path, truncate=True)
                outcome = "vector of the first 30 seconds"
            return Outcome(kind, outcome, facts=find_facts(path, kind))
    except jina_omni.JinaOmniError as error:
        return Outcome(kind, type(error).__name__, str(error))


def guess_kind(path: Path) -> str:
    """Return the kind that a name says, for the other programs, where this library does not take the bytes."""
    media_type = mimetypes.guess_type(path.name)[0] or ""
    by_type = {"image/svg+xml": "svg", "application/pdf": "pdf", "application/ogg": "audio"}
    kind = by_type.get(media_type, media_type.partition("/")[0])
    return kind if kind in ("image", "svg", "audio", "video", "pdf") else "other"


def find_kind(path: Path) -> str:
    """Return the kind that the bytes of a file say; raises the library's errors."""
    from jina_omni.media.files import open_path, read_media_type
    from jina_omni.parsing import parse_input

    (located,) = parse_input(path)
    with open_path(path) as file:
        is_svg = read_media_type(file) == "image/svg+xml"
    return "svg" if is_svg else type(located.part).__name__.lower()


def find_facts(path: Path, kind: str) -> Facts:
    """Return what this library reads of a file."""
    import jina_omni
    from jina_omni.media import audio, image, pdf, video, video_streams
    from jina_omni.media.patches import VisionGeometry

    sizes: dict[str, float]
    if kind == "audio":
        sound = jina_omni.Audio(path)
        samples = audio.read_samples(sound, truncate=True)
        return Facts({"seconds": audio.count_samples(sound) / RATE}, sound=summarize_sound(samples))
    if kind == "pdf":
        pages = pdf.list_pages(jina_omni.Pdf(path))
        sizes = {"pages": len(pages), "width": pages[0].width, "height": pages[0].height}
        return Facts(sizes, summarize_picture(pdf.decode(pages[0])))
    if kind == "video":
        film, geometry = jina_omni.Video(path), VisionGeometry()
        _, selection = video.read_patches(film, video.select(film, geometry, "card"), geometry, "card")
        height, width = selection.size
        sizes = {"frames": selection.n_frames, "width": width, "height": height}
        return Facts(sizes, summarize_picture(video_streams.decode_first_frame(path)))
    pixels = image.decode(jina_omni.Image(path))
    return Facts({"width": pixels.width, "height": pixels.height}, summarize_picture(pixels))


# ---- in the process that compares ----


def run(path: Path, seconds: float, memory: int) -> Outcome:
    """Embed a file in a process of its own.

    Parameters
    ----------
    path : Path
    seconds : float
        Wall-clock time after which it is ended.
    memory : int
        Mebibytes that it may reserve, where the system limits that.
    """
    command = [sys.executable, __file__, "--one", str(memory), str(path)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.communicate()
        return Outcome(guess_kind(path), LATE, f"within {seconds:g} seconds")
    noise = stderr.decode(errors="replace").strip()
    if process.returncode:
        return Outcome(guess_kind(path), DIED, f"with {process.returncode}: {noise[-300:]}")
    answer = json.loads(stdout)
    facts = answer.pop("facts")
    return Outcome(**answer | {"facts": facts and Facts(**facts), "noise": noise})


def answer_for_one(memory: str, path: str) -> None:
    """Print what `embed` finds as JSON, within so many mebibytes."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(memory) << 20, int(memory) << 20))
    except (ImportError, OSError, ValueError):
        pass  # Windows has no such limit, macOS refuses it
    answer = json.dumps(asdict(embed(Path(path))))
    print(answer)


def compare(path: Path, outcome: Outcome, seconds: float) -> Iterator[str]:
    """Yield what is to be looked at in the outcome of a file."""
    if outcome.outcome in (DIED, LATE):
        yield f"{outcome.outcome} {outcome.message}"
        return
    if outcome.noise:
        yield f"writes to stderr: {outcome.noise.splitlines()[0]}"
    for i, (name, ask) in enumerate(find_peers(outcome.kind)):
        try:
            theirs = ask(path, seconds)
        except PeerError as error:
            if outcome.facts is not None and i == 0:
                yield f"is read here, but {name}: {error}"
            continue
        if outcome.facts is None:
            yield f"{outcome.outcome}: {outcome.message}; {name} finds {_format(theirs.counts)}"
        else:
            yield from (f"{difference} by {name}" for difference in find_differences(outcome.facts, theirs))
        return


def find_differences(ours: Facts, theirs: Facts) -> Iterator[str]:
    """Yield in which facts two programs differ by more than the tolerances."""
    for name in sorted(ours.counts.keys() & theirs.counts.keys()):
        a, b = ours.counts[name], theirs.counts[name]
        absolute, relative = TOLERANCES[name]
        if abs(a - b) > max(absolute, relative * max(a, b)):
            yield f"{name}: {a:g} here, {b:g}"
    if ours.picture is not None and theirs.picture is not None:
        difference = float(np.abs(np.subtract(ours.picture, theirs.picture, dtype=np.float64)).mean())
        if difference > PICTURE_DIFFERENCE:
            yield f"pixels: differ by {difference:.1f} of 255 from those"
    if ours.sound and theirs.sound:
        n = min(len(ours.sound), len(theirs.sound))
        a_level, b_level = np.array(ours.sound[:n]), np.array(theirs.sound[:n])
        product = float(np.linalg.norm(a_level) * np.linalg.norm(b_level))
        correlation = float(a_level @ b_level) / product if product else float(not (a_level.any() or b_level.any()))
        if correlation < SOUND_CORRELATION:
            yield f"loudness: a correlation of {correlation:.3f} with that"


def _format(counts: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in counts.items())


def main() -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seconds", type=float, default=120, help="that a file may take in each program (120)")
    parser.add_argument("--memory", type=int, default=4096, help="MiB that the process of a file may reserve (4096)")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time (1)")
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if path.is_file())

    def try_file(path: Path) -> tuple[Path, Outcome, list[str]]:
        outcome = run(path, options.seconds, options.memory)
        return path, outcome, list(compare(path, outcome, options.seconds))

    report = Report()
    with ThreadPoolExecutor(options.jobs) as pool:
        for path, outcome, disagreements in pool.map(try_file, paths):
            report.add(outcome)
            report.n_disagreements += len(disagreements)
            for disagreement in disagreements:
                print(f"{path.relative_to(options.folder)}: {disagreement}", flush=True)
    print(f"\n{len(paths)} files, {report.n_disagreements} disagreements\n\n{report.format_table()}")
    return int(report.has_crashes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        answer_for_one(*sys.argv[2:])
    else:
        raise SystemExit(main())
