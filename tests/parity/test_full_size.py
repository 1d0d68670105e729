"""The published shapes with random weights: parity with torch, memory and load time. Minutes each: ``-m slow``."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testing.checkpoints.cases import image
from testing.checkpoints.shapes import FULL_SMALL
from testing.checkpoints.spans import Audio
from testing.checkpoints.writer import Checkpoint, write_audio, write_text, write_vision

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXTS = ["A cute cat sitting on a mat.", "größer als 3.14 — 你好，世界", "def f(x):\n    return x ** 2\n" * 20]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkpoint]:
    folder = tmp_path_factory.mktemp("full")
    text, vision, audio = (folder / f"{name}-F16.gguf" for name in ("small", "vision-mmproj", "audio-mmproj"))
    files = write_text(text, FULL_SMALL), write_vision(vision, FULL_SMALL), write_audio(audio, FULL_SMALL)
    yield Checkpoint(*files, combined=audio)
    for path in files:
        path.unlink()


def test_texts_an_image_and_a_sound_equal_torch(full: Checkpoint) -> None:
    torch_reference = pytest.importorskip("testing.checkpoints.torch_reference", reason="torch is not installed")
    import jina_omni

    picture = image("full-size", 640, 480)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 70_000).astype(np.float32)
    sound = jina_omni.Audio(samples, sampling_rate=16_000)
    inputs: list[list[Any]] = [[text] for text in TEXTS]
    inputs += [[picture], ["a caption", picture], [sound], [picture, sound, "and a text"]]
    with jina_omni.Model(full.text, [full.vision, full.audio]) as model:
        ours = model.encode(inputs)
    reference = torch_reference.TorchReference(full.text, full.vision, full.audio)
    theirs = [reference.embed([Audio(samples) if part is sound else part for part in parts]) for parts in inputs]
    cosines = (ours * np.stack(theirs)).sum(1, dtype=np.float64)
    print("\nfull-size small, F16, cosine to float32 torch:", *(f"{cosine:.7f}" for cosine in cosines))
    assert min(cosines) >= 0.99999


def peak_memory() -> int:
    """Return the most bytes that this process has had resident; ru_maxrss begins with those of the parent."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_text_file_loads_within_a_second_and_without_a_copy(full: Checkpoint) -> None:
    code = """
        import sys, time
        import jina_omni
        from tests.parity.test_full_size import peak_memory
        start = time.perf_counter()
        model = jina_omni.Model(sys.argv[1])
        print(time.perf_counter() - start, peak_memory())
    """
    runs = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), full.text],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout.split()
        for _ in range(4)
    ]
    seconds, memory = min(float(run[0]) for run in runs[1:]), max(int(run[1]) for run in runs)
    mib = 2**20
    print(f"\nload {seconds:.2f} s, peak memory {memory / mib:.0f} MiB of a file of {_size(full.text) / mib:.0f} MiB")
    assert memory <= _size(full.text) + 300 * 2**20
    assert seconds < 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_32000_tokens_run_within_8_gib(full: Checkpoint) -> None:
    code = """
        import sys
        import numpy as np
        from jina_omni.native import Context, TextModel, find_device, usable_cpus
        from tests.parity.test_full_size import peak_memory
        cpu = find_device("cpu")
        text, context = TextModel(sys.argv[1], cpu), Context(cpu, usable_cpus())
        tokens = np.random.default_rng(0).integers(0, 2000, 32000).astype(np.int32)
        pooled = context.encode_sequences(text, tokens, np.array([32000], np.int32))
        print(np.isfinite(pooled).all(), peak_memory())
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), full.text], capture_output=True, text=True, check=True, cwd=ROOT
    )
    finite, memory = done.stdout.split()
    print(f"\n32,000 tokens: {int(memory) / 2**30:.2f} GiB resident, {time.perf_counter() - start:.0f} s")
    assert finite == "True"
    assert int(memory) <= 8 * 2**30


def _size(path: Path) -> int:
    return path.stat().st_size
