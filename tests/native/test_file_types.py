"""One file of every listed type, written by a real encoder, through the model by its path; and what damage does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jina_omni import Audio, Image, Model, Pdf, Video
from testing.checkpoints.writer import Checkpoint
from testing.media_files import ENDINGS, media_file
from tests.native import small_pictures
from tests.native.sequences import cosines

ROOT = Path(__file__).parents[2]
FIRST_VIDEO, FIRST_SOUND, FIRST_PDF = map(ENDINGS.index, ("mp4", "wav", "pdf"))
WRAPPERS = dict.fromkeys(ENDINGS[:FIRST_VIDEO], Image) | dict.fromkeys(ENDINGS[FIRST_VIDEO:FIRST_SOUND], Video)
WRAPPERS |= dict.fromkeys(ENDINGS[FIRST_SOUND:FIRST_PDF], Audio) | {"pdf": Pdf}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return small_pictures.write(tmp_path_factory.mktemp("small-pictures"), "small")


@pytest.fixture(scope="module")
def model(files: Checkpoint) -> Iterator[Model]:
    with Model(files.text, [files.vision, files.audio], n_threads=2) as model:
        yield model


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_every_listed_type_embeds_by_its_path_whatever_its_name(
    ending: str, model: Model, tmp_path: Path
) -> None:
    names = [f"file.{ending}", "file.jpg" if ending != "jpg" else "file.mp4", "no ending"]
    for name in names:
        (tmp_path / name).write_bytes(media_file(ending))
    found = model.encode([tmp_path / name for name in names])
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    wrapped = model.encode(WRAPPERS[ending](media_file(ending)))
    assert all(np.array_equal(row, wrapped) for row in found)


def test_types_of_one_content_give_one_vector_and_others_other_ones(model: Model, tmp_path: Path) -> None:
    """Lossless files hold the same pixels or samples; lossy codecs keep the tones and the plain frames nearly so."""
    for ending in ENDINGS:
        (tmp_path / ending).write_bytes(media_file(ending))
    found = dict(zip(ENDINGS, model.encode([tmp_path / ending for ending in ENDINGS]), strict=True))
    for one, *same in (("png", "bmp", "tif", "tiff", "ico", "jp2"), ("wav", "flac"), ("mp4", "avi", "mov", "mkv")):
        assert all(np.array_equal(found[one], found[other]) for other in same), one
    for one, *like in (("wav", "mp3", "ogg", "m4a", "opus"), ("mp4", "webm", "flv", "wmv", "ogv", "mpg", "ts", "m2v")):
        assert min(cosines(found[one], found[other]) for other in like) > 0.95, one
    assert max(cosines(found["png"], found["wav"]), cosines(found["png"], found["mp4"])) < 0.9


def test_damaged_files_of_every_type_are_errors_or_vectors_in_little_memory(files: Checkpoint, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.native.damaged_files", files.text, files.vision, files.audio, tmp_path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=500,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{lines[-1:]}: {done.stderr[-3000:]}"
    *results, (_, peak, peak_of_children) = lines
    outcomes = dict(result for result in results if len(result) == 2)
    print(f"\n{len(outcomes)} files, peak {peak >> 20} and {peak_of_children >> 20} MiB:", Counter(outcomes.values()))
    flipped = {name: outcome for name, outcome in outcomes.items() if name.startswith("flipped")}
    assert len(flipped) >= 1_000
    for ending in ENDINGS:
        assert outcomes[f"empty.{ending}"] == outcomes[f"encoded empty.{ending}"] == "DecodeError"
        found = {outcome for name, outcome in flipped.items() if name.endswith(f".{ending}")}
        assert found != {"vector"}, ending
    assert 0.1 < Counter(flipped.values())["vector"] / len(flipped) < 0.9
    assert max(peak, peak_of_children) < 1 << 30
