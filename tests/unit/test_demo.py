# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jina_omni
from tests.checkpoints.write_demo import write_demo

DATA = Path(str(files("jina_omni.demo") / "data"))
TEXTS = ("a red circle", "a blue square", "a green triangle", "what is the weather like?")
PICTURES = ("red-circle.png", "blue-square.png", "green-triangle.png")


@pytest.fixture(scope="module")
def finished() -> subprocess.CompletedProcess[str]:
    # As an installed package would run: found where this process found it, with warnings as errors, from elsewhere.
    environment = os.environ | {"PYTHONPATH": str(Path(jina_omni.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", "-m", "jina_omni.demo"]
    streams = {"capture_output": True, "text": True, "encoding": "utf-8"}
    return subprocess.run(command, cwd=DATA.root, env=environment, timeout=120, check=False, **streams)


def test_it_ends_well_and_says_nothing_on_stderr(finished: subprocess.CompletedProcess[str]) -> None:
    assert (finished.returncode, finished.stderr) == (0, "")


def test_it_says_that_its_vectors_mean_nothing_and_where_to_go_on(finished: subprocess.CompletedProcess[str]) -> None:
    last = finished.stdout.rstrip().splitlines()[-2:]
    assert "RANDOM weights: its vectors mean nothing" in last[0]
    assert "jina_omni.Model" in last[1]


def test_it_prints_what_was_loaded(finished: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"^architecture +'qwen3'$", finished.stdout, re.MULTILINE)
    assert re.search(r"^device +'cpu'$", finished.stdout, re.MULTILINE)
    assert re.search(r"^modalities +\('text', 'image', 'video', 'pdf'\)$", finished.stdout, re.MULTILINE)


def test_it_prints_the_cosines_that_the_library_gives(finished: subprocess.CompletedProcess[str]) -> None:
    labels = [*TEXTS, *PICTURES, f"[{TEXTS[0]!r}, {PICTURES[0]}]"]
    printed = []
    for row, label in enumerate(labels):
        (line,) = [x for x in finished.stdout.splitlines() if x.startswith(label) and x.endswith(f" {row}")]
        printed.append([float(number) for number in line[max(map(len, labels)) :].split()[:-1]])
    assert f"{len(labels)} vectors of 128 dimensions" in finished.stdout

    images = [jina_omni.Image(DATA / name) for name in PICTURES]
    with jina_omni.Model(DATA / "text.gguf", mmproj=DATA / "vision-mmproj.gguf", device="cpu") as model:
        vectors = model.encode([*TEXTS, *images, [TEXTS[0], images[0]]])
    np.testing.assert_allclose(printed, model.similarity(vectors, vectors), atol=0.0101)


def test_the_packaged_files_are_those_that_the_suite_writes(tmp_path: Path) -> None:
    write_demo(tmp_path)
    packaged = {path.name for path in DATA.iterdir()}
    assert packaged == {path.name for path in tmp_path.iterdir()}
    for name in packaged:
        if name.endswith(".gguf"):
            assert (DATA / name).read_bytes() == (tmp_path / name).read_bytes(), name
            continue
        # Another Pillow may pack the same pixels into other bytes.
        with Image.open(DATA / name) as mine, Image.open(tmp_path / name) as theirs:
            assert (mine.mode, mine.format) == (theirs.mode, "PNG")
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def test_the_packaged_files_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 3_000_000
