"""A process of its own that reads damaged media, so that an abort in a decoder names its file.

``python -m tests.native.damaged_files TEXT VISION AUDIO FOLDER`` prints a line of JSON before and after each file.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import jina_omni
from jina_omni.dialects import DIALECTS
from jina_omni.errors import located
from jina_omni.inputs import Text
from jina_omni.media import kinds
from jina_omni.media.towers import Towers
from jina_omni.native import Projector, find_device
from jina_omni.parsing import parse_input
from testing import memory
from testing.media_files import ENDINGS, media_file

N_FLIPPED = 60  # files of each type
NEVER = threading.Event()
N_ENCODED = 4  # of those, through the whole model


def cut_files(ending: str) -> Iterator[tuple[str, bytes]]:
    """Yield a type's file cut short, each under its name."""
    data = media_file(ending)
    for percent in (5, 50, 90):
        yield f"cut-{percent}.{ending}", data[: max(1, len(data) * percent // 100)]


def flipped_files(ending: str) -> Iterator[tuple[str, bytes]]:
    """Yield a type's file with some bytes changed, most of them in its head, where the structure is."""
    data = media_file(ending)
    for i in range(N_FLIPPED):
        rng = random.Random(f"{ending} {i}")
        content = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            place = rng.randrange(min(len(content), rng.choice([64, 400, len(content)])))
            content[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        if i % 6 == 5:
            del content[rng.randrange(1, len(content)) :]
        yield f"flipped-{i}.{ending}", bytes(content)


def read(towers: Towers, path: Path) -> str:
    """Read a file as far as a model would, and return what came of it."""
    try:
        with located(input=7):
            for item in parse_input(path):
                assert not isinstance(item.part, Text)
                for medium in kinds.measure(item.part, towers, truncate=True):
                    assert np.isfinite(medium.decode(NEVER).values).all()
    except jina_omni.InputError as error:
        assert "input 7" in str(error)  # noqa: PT017
        return type(error).__name__
    return "vector"


def main(text: str, vision: str, audio: str, folder: Path) -> None:
    cpu = find_device("cpu")
    loaded = [Towers(Projector(vision, cpu), Projector(audio, cpu), dialect) for dialect in DIALECTS]
    kept: list[Path] = []
    for ending in ENDINGS:
        files = [(f"empty.{ending}", b""), *cut_files(ending), *flipped_files(ending)]
        for i, (name, content) in enumerate(files):
            path = folder / name
            path.write_bytes(content)
            print(json.dumps([name]), flush=True)
            print(json.dumps([name, read(loaded[i % 2], path)]), flush=True)
            if i < 4 + N_ENCODED:
                kept.append(path)
            else:
                path.unlink()
    print(json.dumps(["the model"]), flush=True)
    with jina_omni.Model(text, [vision, audio], n_threads=2) as model:
        rows, errors = model.encode(kept, on_error="return", truncate=True)
    for i, (path, row) in enumerate(zip(kept, rows, strict=True)):
        error = errors.get(i)
        assert isinstance(error, jina_omni.InputError | None), path
        assert np.isnan(row).all() if error else abs(np.linalg.norm(row) - 1) < 1e-5, path
        print(json.dumps([f"encoded {path.name}", type(error).__name__ if error else "vector"]), flush=True)
    print(json.dumps(["peak", memory.peak(), memory.peak_of_children()]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], Path(sys.argv[4]))
