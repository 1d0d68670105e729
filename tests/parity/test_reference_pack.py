"""Every case of the reference pack against its torch outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jina_omni
from jina_omni.media.image import read_patches
from jina_omni.media.patches import VisionGeometry
from jina_omni.native import Context, Projector, find_device
from tests.reference_pack import PACK, needs_pack

pytestmark = needs_pack


@dataclass(frozen=True)
class Pack:
    """One size of the pack."""

    folder: Path
    model: jina_omni.Model
    cases: list[dict[str, Any]]
    expected: Any

    def path(self, kind: str) -> Path:
        """Return one of the three files."""
        return next(self.folder.glob(f"*-{kind}-mmproj-F16.gguf"))


@pytest.fixture(scope="module", params=["small", "nano"])
def pack(request: pytest.FixtureRequest) -> Iterator[Pack]:
    folder = PACK / request.param
    text = next(path for path in folder.glob("*.gguf") if "mmproj" not in path.name)
    cases = json.loads((folder / "cases.json").read_text())
    with jina_omni.Model(text, sorted(folder.glob("*mmproj*.gguf"))) as model:
        yield Pack(folder, model, cases, np.load(folder / "expected.npz")["embeddings"])


def part_of(kind: str, value: str, *rest: Any) -> Any:
    """Return a part of a case as one of ours."""
    if kind == "text":
        return value
    path = PACK / "media" / value
    if kind == "video":
        return jina_omni.Video(np.load(path)["frames"], timestamps=rest[0] or False)
    return {"image": jina_omni.Image, "audio": jina_omni.Audio}[kind](path)


def inputs(pack: Pack) -> list[Any]:
    return [[part_of(*part) for part in case["parts"]] for case in pack.cases]


def test_every_case_has_the_tokens_of_the_reference(pack: Pack) -> None:
    assert pack.model.count_tokens(inputs(pack)) == [case["n_tokens"] for case in pack.cases]


def test_every_case_equals_torch(pack: Pack) -> None:
    cosine = (pack.model.encode(inputs(pack)) * pack.expected).sum(1, dtype=np.float64)
    print(f"\n{pack.folder.name}: {len(cosine)} cases, lowest cosine {cosine.min():.8f}")
    assert cosine.min() >= 0.99999


def test_the_merged_rows_equal_torch(pack: Pack) -> None:
    stages = np.load(pack.folder / "stages.npz")
    vision = Projector(pack.path("vision"), find_device("cpu"))
    image = jina_omni.Image(PACK / "media" / str(stages["image_name"]))
    rows, grid = read_patches(image, VisionGeometry.from_projector(vision))
    assert grid == tuple(stages["image_grid"])
    context = Context(find_device("cpu"), 2)
    ours = context.encode_patches(vision, rows, np.array([grid], np.int32))
    context.close()
    error = np.linalg.norm(ours - stages["image_tokens"]) / np.linalg.norm(stages["image_tokens"])
    print(f"\n{pack.folder.name}: vision rows, relative error {error:.2e}")
    assert error < 2e-3


def test_the_audio_rows_equal_torch(pack: Pack) -> None:
    stages = np.load(pack.folder / "stages.npz")
    audio = Projector(pack.path("audio"), find_device("cpu"))
    frames = stages["audio_mel"].T
    context = Context(find_device("cpu"), 2)
    ours = context.encode_mel(audio, frames, np.array([len(frames)], np.int32))
    context.close()
    error = np.linalg.norm(ours - stages["audio_tokens"]) / np.linalg.norm(stages["audio_tokens"])
    print(f"\n{pack.folder.name}: audio rows, relative error {error:.2e}")
    assert error < 2e-3
