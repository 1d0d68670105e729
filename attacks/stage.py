"""What the attacks share: a bounded process, tiny files of the published layout, and the ways in which one may end."""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np

import jina_omni
from testing import memory
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, write_checkpoint

ADDRESSES = 4 << 30  # bytes that the process may reserve
RESIDENT = 1 << 30  # bytes that it may hold at any time

try:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
except (ImportError, OSError, ValueError):
    pass  # Windows has no such limit, macOS refuses it

FOLDER = Path(tempfile.mkdtemp(prefix="attack-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def model_files(size: str = "small") -> Checkpoint:
    """Return the paths of a tiny model's files."""
    return _write_model_files(size)


@functools.cache
def _write_model_files(size: str) -> Checkpoint:
    folder = FOLDER / size
    folder.mkdir()
    return write_checkpoint(folder, TINY[size])


@functools.cache
def model() -> jina_omni.Model:
    """Return a tiny model with all its towers."""
    return jina_omni.Model(model_files().text, model_files().combined, n_threads=2)


def write_file(name: str, data: bytes) -> Path:
    """Write a file, and return its path."""
    path = FOLDER / name
    path.write_bytes(data)
    return path


def expect_error(value: Any, error: type[Exception], words: str, **options: Any) -> None:
    """Check that an input is this error, which names it, beside another whose vector stays as it is."""
    expected = model().encode("a bystander")
    vectors, errors = model().encode(["a bystander", value], on_error="return", **options)
    found = errors.get(1)
    assert type(found) is error, repr(found)
    assert str(found).startswith("input 1"), found
    assert re.search(words, str(found)), found
    assert np.array_equal(vectors[0], expected)
    report(f"{error.__name__}: {str(found)[:200]}")


def expect_vector(value: Any, like: Any = None, **options: Any) -> None:
    """Check that one input, fused if it is a list, has a vector of unit length, the same as another's."""
    vector = model().encode([value], **options)[0]
    assert abs(np.linalg.norm(vector) - 1) < 1e-5, vector
    assert like is None or np.array_equal(vector, model().encode([like], **options)[0])
    report("a vector" if like is None else "the same vector as without the attack")


def expect_vector_or_error(value: Any, **options: Any) -> None:
    """Check that an input is a vector or an `InputError`, where a decoder's version decides which."""
    try:
        expect_vector(value, **options)
    except jina_omni.InputError as error:
        assert str(error).startswith("input"), error
        report(f"{type(error).__name__}: {str(error)[:200]}")


def report(outcome: str) -> None:
    """Print how an attack ended, and check that it took little memory."""
    most, of_children = memory.peak(), memory.peak_of_children()
    print(f"{outcome} ({most >> 20} MiB, children {of_children >> 20} MiB)", flush=True)
    assert most < RESIDENT, f"{most:,} bytes"
    assert of_children < RESIDENT, f"{of_children:,} bytes in a child"
