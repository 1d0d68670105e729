"""What runs on an accelerator, on one for tests: the programs of tests/device, in C++ without Python."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from jina_omni import Model
from jina_omni import model as model_module
from jina_omni.native import find_device
from testing.accelerator import count_inputs
from testing.checkpoints.shapes import FULL, TINY
from testing.checkpoints.writer import Checkpoint, Edits, write_text
from testing.engine import build


@pytest.fixture(scope="module")
def program() -> Path:
    return build.build_program("device", "device_test")


def run(program: Path, *arguments: str | Path) -> str:
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_inputs_together_are_what_they_are_alone(program: Path, checkpoint: Checkpoint) -> None:
    """Those there are copied, side by side and in bins; those alone are by ggml on the CPU, from the mapped file."""
    found = run(program, "compare", checkpoint.text, checkpoint.vision, checkpoint.audio).splitlines()
    differences = [[float(number) for number in line.split()[-2:]] for line in found]
    print("\n".join(found))
    assert len(found) == 11
    one_operation, products = map(max, zip(*differences, strict=True))
    assert one_operation < 3e-3  # the CPU adds up the values of an attention in float16, in the order of the keys
    assert products < 5e-3  # which these do not, so that all of its error is in the difference


def test_each_failure_is_an_error_and_the_next_call_is_well(program: Path, checkpoint: Checkpoint) -> None:
    """Each allocation while a file is loaded and while it is computed with, and each graph that is submitted."""
    counts = run(program, "fail", checkpoint.text, checkpoint.vision, checkpoint.audio).split()
    n_load, n_compute, n_graph = map(int, counts)
    assert n_load == 3  # files
    assert n_compute >= 2
    assert n_graph >= 5  # inputs


def test_graphs_are_kept_and_replayed(program: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    """A query is one launch of what was recorded; what is kept is bounded, and goes with its tower or a failure."""
    size = "small" if "small" in checkpoint.text.name else "nano"
    other = write_text(tmp_path / "other.gguf", TINY[size], edits=Edits(seed=1))
    found = run(program, "keep", checkpoint.text, other, checkpoint.vision, checkpoint.audio).splitlines()
    print("\n".join(found))
    assert len(found) == 8
    assert max(float(line.split()[-1]) for line in found) < 3e-3  # as above


def test_what_does_not_fit_the_memory_is_computed_in_smaller_passes(program: Path, checkpoint: Checkpoint) -> None:
    """And an input that does not fit alone is an error, after which the next call is well."""
    found = run(program, "memory", checkpoint.text, checkpoint.vision, checkpoint.audio).splitlines()
    print("\n".join(found))
    assert len(found) == 6


def test_a_cancelled_call_ends_with_the_piece_in_progress(program: Path, checkpoint: Checkpoint) -> None:
    found = run(program, "cancel", checkpoint.text, checkpoint.vision, checkpoint.audio).splitlines()
    assert [line.rsplit(" ", 1)[0] for line in found] == ["texts", "images of one size", "images", "sounds"]
    assert all(int(line.split()[-1]) >= 10 for line in found)  # pieces


def test_token_embeddings_are_looked_up_on_the_device(program: Path, checkpoint: Checkpoint) -> None:
    """Its table takes memory there; where it can't look up rows, and for media, that of the file serves."""
    assert int(run(program, "look-up", checkpoint.text, checkpoint.vision, checkpoint.audio)) > 0


def test_an_exception_of_a_driver_is_an_error_with_its_text(program: Path) -> None:
    run(program, "errors")


def test_names_of_ggml_become_those_that_users_write(program: Path) -> None:
    run(program, "names")


def test_exact_is_refused_on_an_accelerator(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    accelerator = dataclasses.replace(find_device("cpu"), name="cuda:0", is_cpu=False)
    monkeypatch.setattr(model_module, "find_device", lambda _: accelerator)
    with pytest.raises(ValueError, match="compute='exact' computes in float32 on a CPU, but the device is cuda:0"):
        Model(checkpoint.text, compute="exact")


# What these inputs of the full-size small model take, at most: kernels, and MiB of compute memory. 256 short texts took
# 6,837 kernels when each length had an attention of its own, and four images of different sizes 853.
LIMITS = {
    "texts:12": (500, 4),
    "texts:8..64*256": (700, 500),
    "texts:1024*16": (700, 750),
    "texts:32768": (4000, 3072),
    "images:32x32": (550, 32),
    "images:32x32,30x26,20x44,24x36": (650, 144),
    "sounds:1100": (900, 24),
    "sounds:310..380*8": (900, 56),
}


def test_inputs_take_few_kernels_and_little_memory(tmp_path: Path) -> None:
    for name, count in count_inputs(FULL["small"], list(LIMITS), tmp_path).items():
        print(f"{name}: {count.n_kernels} kernels, {count.n_bytes / 2**20:.1f} MiB")
        most_kernels, most_mebibytes = LIMITS[name]
        assert count.n_kernels <= most_kernels
        assert count.n_bytes <= most_mebibytes * 2**20
