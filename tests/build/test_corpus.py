"""tools/corpus.py, with programs of the suite's own in the place of ffmpeg, poppler, ImageMagick and rsvg-convert."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from testing.media_files import media_file
from testing.pdfs import INCH, document, rectangle

SCRIPT = Path(__file__).parents[2] / "tools" / "corpus.py"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs are scripts that POSIX runs")


def ppm(width: int, height: int, level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (level,) * 3).save(file, "PPM")
    return file.getvalue()


class Programs:
    """A folder for PATH; each program answers by the names of files, or by its arguments, and fails otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, name: str, answers: dict[str, bytes]) -> None:
        """Let a program print the answer of the first key that its arguments contain."""
        script = self.folder / name
        script.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            f"for key, answer in {answers!r}.items():\n"
            "    if key in ' '.join(sys.argv[1:]):\n"
            "        sys.stdout.buffer.write(answer)\n"
            "        sys.exit()\n"
            "sys.exit('does not know it')\n"
        )
        script.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "bin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def run(folder: Path, programs: Programs, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(folder), *options]
    environment = os.environ | {"PATH": str(programs.folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, int]]:
    """Return the table: counts by kind and outcome."""
    lines = done.stdout.partition("disagreements\n\n")[2].splitlines()
    starts = [i for i, c in enumerate(lines[0]) if c != " " and (i == 0 or lines[0][:i].endswith("  "))]
    cells = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], 999], strict=True)] for line in lines]
    return {row[0]: {n: int(c) for n, c in zip(cells[0][1:], row[1:], strict=True) if c} for row in cells[1:]}


def test_without_other_programs_it_counts_the_outcomes(folder: Path, programs: Programs) -> None:
    for ending in ("png", "svg", "wav", "mp4", "pdf"):
        (folder / f"a.{ending}").write_bytes(media_file(ending))
    (folder / "sub").mkdir()
    (folder / "sub" / "cut.png").write_bytes(media_file("png")[:60])
    (folder / "notes.txt").write_text("words")
    done = run(folder, programs, "--jobs", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert outcomes(done) == {
        "audio": {"vector": 1},
        "image": {"vector": 1, "DecodeError": 1},
        "other": {"UnsupportedMediaError": 1},
        "pdf": {"vector": 1},
        "svg": {"vector": 1},
        "video": {"vector": 1},
    }
    assert "7 files, 0 disagreements" in done.stdout


def test_images_films_and_pages_are_compared(folder: Path, programs: Programs) -> None:
    for name, level in (("same", 99), ("other", 140)):
        Image.new("RGB", (40, 30), (level,) * 3).save(folder / f"{name}.png")
    Image.new("RGB", (50, 30), (99,) * 3).save(folder / "wide.png")
    (folder / "cut.png").write_bytes((folder / "same.png").read_bytes()[:40])
    Image.new("RGB", (40, 30)).save(folder / "only.gif")
    answers = dict.fromkeys(("same.png", "other.png", "wide.png", "cut.png"), ppm(40, 30, 99))
    programs.add("magick", answers)
    pages = {"two": 2, "three": 3}
    for name in pages:
        (folder / f"{name}.pdf").write_bytes(document(*[(INCH, rectangle((255, 0, 0), 0, 0, 9, 9))] * 2))
    programs.add("pdfinfo", {name: f"Title: x\nPages:           {n}\n".encode() for name, n in pages.items()})
    programs.add("pdftoppm", {".pdf": ppm(9999, 30, 255)})
    done = run(folder, programs)
    found = done.stdout.partition("\n\n")[0].splitlines()
    assert [line for line in found if line.endswith(".png") or ".png: " in line or ".gif: " in line] == [
        next(line for line in found if line.startswith("cut.png: DecodeError: ")),
        "only.gif: is read here, but ImageMagick: does not know it",
        "other.png: pixels: differ by 41.0 of 255 from those by ImageMagick",
        "wide.png: width: 50 here, 40 by ImageMagick",
    ]
    assert next(line for line in found if line.startswith("cut.png")).endswith(
        "; ImageMagick finds width 40, height 30"
    )
    assert "three.pdf: pages: 2 here, 3 by poppler" in found
    assert not any(line.startswith("two.pdf: pages") for line in found)
    assert sum(": width: " in line and "9999 by poppler" in line for line in found) == 2
    assert done.returncode == 0


def test_sounds_and_films_are_compared(folder: Path, programs: Programs) -> None:
    (folder / "same.wav").write_bytes(media_file("wav"))
    (folder / "longer.wav").write_bytes(media_file("wav"))
    (folder / "a.mp4").write_bytes(media_file("mp4"))
    from jina_omni import Audio
    from jina_omni.media.audio import read_samples

    samples = read_samples(Audio(folder / "same.wav"))
    late = np.concatenate([np.zeros(8000, np.float32), samples])
    frames = b"#format: frame checksums\n" + b"0, 0, 0, 1, 9, abc\n" * 1000
    programs.add(
        "ffmpeg",
        {"same.wav": samples.tobytes(), "longer.wav": late.tobytes(), "framemd5": frames, "a.mp4": ppm(8, 8, 0)},
    )
    found = run(folder, programs).stdout.partition("\n\n")[0].splitlines()
    assert not any(line.startswith("same.wav") for line in found)
    assert any(line.startswith("longer.wav: seconds: ") and line.endswith(" by ffmpeg") for line in found)
    assert any(line.startswith("longer.wav: loudness: a correlation of ") for line in found)
    assert any(line.startswith("a.mp4: frames: ") and line.endswith(" here, 1000 by ffmpeg") for line in found)


def test_a_process_that_dies_or_does_not_answer_is_counted(folder: Path, programs: Programs) -> None:
    (folder / "a.png").write_bytes(media_file("png"))
    late = run(folder, programs, "--seconds", "0.01")
    assert late.returncode == 1
    assert "a.png: no answer within 0.01 seconds" in late.stdout
    dead = run(folder, programs, "--memory", "20")  # too little for the interpreter
    assert dead.returncode == 1
    assert "a.png: died with " in dead.stdout
    assert outcomes(dead) == {"image": {"died": 1}}
