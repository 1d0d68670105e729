"""Memory that a Vulkan device lacks: the backend reads its limits once, so each is tried in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jina_omni.native import Device
from testing.checkpoints.writer import Checkpoint

PROGRAM = """
import sys
import numpy as np
from jina_omni import JinaOmniError
from jina_omni.native import Context, TextModel, find_device

device = find_device(sys.argv[1])
context = Context(device, 1)
try:
    text = TextModel(sys.argv[2], device)
    for lengths in ([12], [2000], [300] * 8, [12]):
        tokens, media = np.ones(sum(lengths), np.int32), np.empty((0, text.n_embd), np.float32)
        try:
            vectors = context.encode_sequences(text, tokens, np.array(lengths, np.int32), media)
            print(lengths, "finite" if np.isfinite(vectors).all() else "infinite")
        except JinaOmniError as error:
            print(lengths, type(error).__name__, error)
except JinaOmniError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def vulkan(device: Device) -> Device:
    if not device.name.startswith("vulkan"):
        pytest.skip("limits are set for ggml's Vulkan backend")
    return device


def run(device: Device, file: os.PathLike[str], **limits: int) -> list[str]:
    environment = {**os.environ, **{f"GGML_VK_FORCE_MAX_{name}_SIZE": str(value) for name, value in limits.items()}}
    command = [sys.executable, "-c", PROGRAM, device.name, file]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    print(done.stdout)
    return done.stdout.splitlines()


def test_a_weight_over_the_largest_buffer_is_an_error_when_the_file_loads(vulkan: Device, small: Checkpoint) -> None:
    (line,) = run(vulkan, small.text, ALLOCATION=200_000)
    assert line.startswith("ModelLoadError")
    assert "has buffers of 1 MiB at most" in line


def test_a_pass_over_the_largest_buffer_is_split_or_an_error_and_the_next_is_well(
    vulkan: Device, small: Checkpoint
) -> None:
    first, long, several, second = run(vulkan, small.text, BUFFER=5_000_000)
    assert first == second == "[12] finite"
    assert long.startswith("[2000] InputError")
    assert 'use a smaller input, or device="cpu"' in long
    assert several.endswith("] finite")
