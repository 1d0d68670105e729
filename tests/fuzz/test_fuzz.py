"""The short run of the fuzzers: the same cases each time, and files that a long run kept."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from testing.gguf_header import read_header
from tests.fuzz import files
from tests.native.loader import Loader

ROOT = Path(__file__).parents[2]
SEEDS = sorted(Path(__file__).with_name("seeds").glob("*.gguf"))
N_FILES = 40  # of each model file
N_CASES = {"requests": 400, "texts": 200, "arrays": 400, "pictures": 300, "sounds": 300, "films": 150, "pages": 40}
N_CASES["drawings"] = 40
EDGES = (0, 1, 2, 7, 255, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(files.write(tmp_path_factory.mktemp("models")))


def changed(path: Path, seed: int) -> bytes:
    """Return a file with a few of its header's numbers and texts changed, and some weights that are no numbers."""
    rng = random.Random(f"{path.stem} {seed}")
    content, places = bytearray(path.read_bytes()), read_header(path).places
    kinds = sorted({place.what for place in places} - {"magic", "version"})
    for _ in range(rng.randint(1, 3)):
        kind = rng.choice(kinds)
        place = rng.choice([place for place in places if place.what == kind])
        old = content[place.at : place.at + place.size]
        if place.size in (4, 8) and kind not in ("key", "name", "string"):
            number = int.from_bytes(old, "little")
            value = rng.choice((*EDGES, number + 1, number * 2, number // 2)) % (1 << 8 * place.size)
            content[place.at : place.at + place.size] = value.to_bytes(place.size, "little")
        elif place.size:
            content[place.at + rng.randrange(place.size)] = rng.randrange(256)
    if rng.random() < 0.3:
        at = rng.randrange(len(content) - 4)
        content[at : at + 4] = struct.pack("<f", rng.choice((float("nan"), float("inf"), 1e38)))
    return bytes(content)


def test_changed_files_are_loaded_or_refused(models: list[Path], tmp_path: Path) -> None:
    loader = Loader()
    outcomes = set()
    try:
        for path in models:
            is_text = path.stem.startswith(tuple(files.TEXTS))
            for seed in range(N_FILES):
                file = tmp_path / f"{path.stem}-{seed}{'' if is_text else '-mmproj'}.gguf"
                file.write_bytes(changed(path, seed))
                outcome = loader(file)
                outcomes.add(outcome.error)
                assert outcome.error in ("", "ModelLoadError", "NativeError", "InputError"), (file.name, outcome)
                file.unlink()
    finally:
        loader.close()
    assert {"", "ModelLoadError"} <= outcomes


@pytest.mark.parametrize("path", SEEDS, ids=[path.stem for path in SEEDS])
def test_kept_files_are_loaded_or_refused(path: Path) -> None:
    loader = Loader()
    try:
        assert loader(path).error in ("", "ModelLoadError", "NativeError", "InputError")
    finally:
        loader.close()


@pytest.mark.parametrize("name", N_CASES)
def test_inputs_end_in_vectors_or_in_an_error_that_names_them(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz.drivers", name, "0", str(N_CASES[name])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600, check=False)
    assert done.returncode == 0, f"case {done.stdout.splitlines()[-1:]}: {done.stderr[-3000:]}"
