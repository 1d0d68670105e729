"""Model files that are written into or cut while a model uses them: an error, or nothing with a copy in memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from testing.checkpoints.writer import Checkpoint
from testing.gguf_parts import split_file

ROOT = Path(__file__).parents[2]
TEXT = "Some words, größer than 3.14"
IMAGE = jina_omni.Image(np.full((40, 60, 3), 99, np.uint8))
BUS_ERROR = getattr(signal, "SIGBUS", 0)  # which Windows has not
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody write into a mapped file")


def write_later(path: Path, data: bytes) -> None:
    """Write into a file, not replacing it, a second after its time of modification."""
    modified = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    os.utime(path, ns=(modified + 10**9, modified + 10**9))


@pytest.fixture
def copies(small: Checkpoint, tmp_path: Path) -> list[Path]:
    return [Path(shutil.copy(path, tmp_path)) for path in (small.text, small.vision, small.audio)]


@POSIX
@pytest.mark.parametrize("how", ["cut", "emptied", "overwritten", "longer", "zeros"])
def test_a_changed_file_is_an_error_of_what_needs_it(how: str, copies: list[Path], small: Checkpoint) -> None:
    text, vision, audio = copies
    sound = jina_omni.Audio(np.zeros(4000, np.float32), sampling_rate=16000)
    with jina_omni.Model(text, [vision, audio], n_threads=2) as model:
        expected = model.encode([TEXT, IMAGE])
        for path, item in ((audio, sound), (vision, IMAGE), (text, TEXT)):
            model.encode(item)
            data = path.read_bytes()
            changed = {
                "cut": data[: len(data) // 2],
                "emptied": b"",
                "overwritten": data[:-4] + b"abcd",
                "longer": data + b"abcd",
                "zeros": bytes(len(data)),
            }
            write_later(path, changed[how])
            for _ in range(2):
                with pytest.raises(
                    jina_omni.ModelLoadError, match=f"{path.name}: the file was changed .*; load the"
                ) as e:
                    model.encode(item)
            assert "mmap=False" in str(e.value)
            if path != text:
                assert np.array_equal(model.encode(TEXT), expected[0])  # which needs another file
        with pytest.raises(jina_omni.ModelLoadError, match="the file was changed"):
            next(model.encode_iter([TEXT], on_error="return"))
    with jina_omni.Model(small.text, small.vision) as model:
        assert np.array_equal(model.encode([TEXT, IMAGE]), expected)


# Gives weights that are no numbers to a pass that has begun.
OVERWRITE_DURING_A_PASS = """
import pathlib, sys, threading
import jina_omni

path = pathlib.Path(sys.argv[1])
whole = path.read_bytes()
text = "Some words, größer than 3.14 " * 300

def overwrite():
    with path.open("r+b") as file:
        file.seek(len(whole) // 2)
        file.write(b"\\xff" * (len(whole) // 2))

for delay in (0.01, 0.05, 0.1, 0.2):
    path.write_bytes(whole)
    with jina_omni.Model(path, n_threads=2) as model:
        timer = threading.Timer(delay, overwrite)
        timer.start()
        try:
            while True:
                model.encode(text)
        except jina_omni.ModelLoadError as error:
            print(error)
        timer.join()
"""


@POSIX
def test_a_file_that_is_overwritten_during_a_pass_is_the_reason_of_its_failure(copies: list[Path]) -> None:
    done = run(OVERWRITE_DURING_A_PASS, copies[0])
    assert done.returncode == 0, done.stderr
    assert [("the file was changed" in line) for line in done.stdout.splitlines()] == [True] * 4, done.stdout


@POSIX
def test_a_changed_part_of_a_split_file_is_named(small: Checkpoint, tmp_path: Path) -> None:
    parts = split_file(small.text, tmp_path / "a", 3)
    with jina_omni.Model(parts[0], n_threads=1) as model:
        write_later(parts[1], b"")
        with pytest.raises(
            jina_omni.ModelLoadError, match=f"{parts[1].name}: the file was changed after it was opened"
        ):
            model.encode(TEXT)


def test_a_file_that_is_replaced_or_removed_is_still_the_old_one(copies: list[Path], tmp_path: Path) -> None:
    text, vision, _ = copies
    with jina_omni.Model(text, vision, n_threads=1) as model:
        expected = model.encode([TEXT, IMAGE])
        if os.name != "nt":  # where a mapped file can't be replaced
            (tmp_path / "new").write_bytes(b"other")
            (tmp_path / "new").replace(text)
            vision.unlink()
        assert np.array_equal(model.encode([TEXT, IMAGE]), expected)


def test_a_copy_in_memory_does_not_depend_on_the_file(copies: list[Path]) -> None:
    with jina_omni.Model(copies[0], copies[1:], n_threads=1) as model:
        expected = model.encode([TEXT, IMAGE])
    with jina_omni.Model(copies[0], copies[1:], n_threads=1, mmap=False) as model:
        for path in copies:
            write_later(path, b"other")
        assert np.array_equal(model.encode([TEXT, IMAGE]), expected)


def test_an_option_that_is_not_a_bool_is_refused(small: Checkpoint) -> None:
    with pytest.raises(TypeError, match=r"^mmap is 0; it takes True or False$"):
        jina_omni.Model(small.text, mmap=0)
    with pytest.raises(TypeError, match=r"^Model\(\) has no argument 'use_mmap'; pass mmap=$"):
        jina_omni.Model(small.text, use_mmap=False)


def run(code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, which a fault may end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


# Reads a key, which is not checked before: its page is gone.
READ_A_LOST_PAGE = """
import os, sys
from jina_omni.native import TextModel, find_device

text = TextModel(sys.argv[1], find_device("cpu"))
assert text.metadata("general.architecture") == "qwen3"
os.truncate(sys.argv[1], 0)
print(text.metadata("general.architecture") != "qwen3")
"""

# Cuts the file in the middle of a forward pass of some seconds, at another moment each time.
CUT_DURING_A_PASS = """
import os, pathlib, sys, threading, time
import jina_omni

path = pathlib.Path(sys.argv[1])
whole = path.read_bytes()
text = "Some words, größer than 3.14 " * 300
for delay in (0.01, 0.05, 0.1, 0.2):
    path.unlink()
    path.write_bytes(whole)
    with jina_omni.Model(path, n_threads=2) as model:
        cutter = threading.Timer(delay, os.truncate, (path, 5000))
        cutter.start()
        try:
            while True:
                model.encode(text)
        except jina_omni.ModelLoadError as error:
            print(error)
        cutter.join()
"""


@POSIX
def test_reading_a_lost_page_does_not_end_the_process(copies: list[Path]) -> None:
    done = run(READ_A_LOST_PAGE, copies[0])
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


@POSIX
def test_a_file_that_is_cut_during_a_pass_is_an_error(copies: list[Path]) -> None:
    done = run(CUT_DURING_A_PASS, copies[0])
    assert done.returncode == 0, done.stderr
    assert [("the file was changed" in line) for line in done.stdout.splitlines()] == [True] * 4, done.stdout


# Reads a lost page that is not of a model file, or sends the signal, with or without a handler that was there before.
FOREIGN = """
import faulthandler, mmap, os, signal, sys
from jina_omni.native import TextModel, find_device

{before}
text = TextModel(sys.argv[1], find_device("cpu"))
with open(sys.argv[2], "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
    os.truncate(sys.argv[2], 0)
{act}
print("alive")
"""


@POSIX
@pytest.mark.parametrize(
    ("before", "act", "code", "stdout", "stderr"),
    [
        ("", "mapped[0]", -BUS_ERROR, "", ""),
        ("", "os.kill(os.getpid(), signal.SIGBUS)", -BUS_ERROR, "", ""),
        ("faulthandler.enable()", "mapped[0]", -BUS_ERROR, "", "Fatal Python error: Bus error"),
        ("signal.signal(signal.SIGBUS, signal.SIG_IGN)", "os.kill(os.getpid(), signal.SIGBUS)", 0, "alive", ""),
        (
            "signal.signal(signal.SIGBUS, lambda *_: print('handled'))",
            "os.kill(os.getpid(), signal.SIGBUS)",
            0,
            "handled\nalive",
            "",
        ),
    ],
)
def test_other_bus_errors_end_as_without_this_library(
    before: str, act: str, code: int, stdout: str, stderr: str, copies: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "other").write_bytes(bytes(100_000))
    done = run(FOREIGN.format(before=before, act=act), copies[0], tmp_path / "other")
    assert done.returncode == code, done.stderr
    assert done.stdout.strip() == stdout
    assert stderr in done.stderr
