"""The Python of the README and of docs/ runs, and prints what it says that it prints.

Samples of a page share their names, as the cells of a notebook do, and a folder with the files that they open. A note
``<!-- not run: why -->`` before a sample leaves it out; ``print(...)  # text`` says a line of its output.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

import jina_omni
from testing.checkpoints.shapes import AudioShape, ModelShape, TextShape, VisionShape
from testing.checkpoints.writer import write_checkpoint

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"cluster.md", "integrations.md", "recipes.md"}  # which tests/integrations runs
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.name not in ELSEWHERE]

SAMPLE = re.compile(r"(<!-- not run: [^\n]+ -->\n)?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)

# Of the published widths and of one layer each, with random weights: quick, and as wide as the samples say.
SHAPE = ModelShape(
    "small",
    TextShape("qwen3", 1, 1024, 8, 4, 128, 512, 2064, 32768, 3_500_000.0, 1e-6),
    VisionShape(1, 128, 2, 256, 1024, 1e-6, (262_144, 12_845_056)),
    AudioShape(1, 128, 2, 256, 1024),
)
NAME = "jina-embeddings-v5-omni-small-retrieval"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the samples open."""
    folder = tmp_path_factory.mktemp("samples")
    models = folder / "models" / "small"
    models.mkdir(parents=True)
    written = write_checkpoint(models, SHAPE, task="retrieval")
    written.combined.unlink()
    written.text.rename(models / f"{NAME}-Q4_K_M.gguf")
    named = folder / "small-retrieval"  # a folder comes before the model of this name on the Hub
    named.mkdir()
    for path in models.iterdir():
        os.link(path, folder / path.name)
        os.link(path, named / path.name)
    os.link(models / f"{NAME}-Q4_K_M.gguf", folder / "text.gguf")
    for name, projector in (("vision", written.vision), ("audio", written.audio)):
        os.link(projector, folder / f"{name}-mmproj.gguf")

    picture = Image.linear_gradient("L").convert("RGB")
    picture.save(folder / "cat.jpg")
    picture.rotate(180).save(folder / "dog.jpg")
    picture.save(folder / "cats.pdf", save_all=True, append_images=[picture.rotate(90)])
    soundfile.write(folder / "purr.wav", np.sin(np.arange(16_000) / 9), 16_000)
    with av.open(str(folder / "cats.mp4"), "w") as output:
        stream = output.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        for turn in range(16):
            frame = av.VideoFrame.from_image(picture.resize((64, 64)).rotate(90 * turn))
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    photos = folder / "photos"
    photos.mkdir()
    for name in ("cat.jpg", "purr.wav", "cats.pdf"):
        shutil.copy(folder / name, photos)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_samples_of_a_page_run_and_print_what_they_say(
    page: Path, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    text = page.read_text("utf-8")
    names = {"__name__": page.stem}
    try:
        for found in SAMPLE.finditer(text):
            if found[1]:
                continue
            line = text.count("\n", 0, found.start(2))
            exec(compile("\n" * line + found[2], page, "exec", dont_inherit=True), names)
            printed = capsys.readouterr().out.splitlines()
            expected = PRINTED.findall(found[2])
            assert [line for line in printed if line in expected] == expected, "\n".join(printed)
    finally:
        for value in names.values():
            if isinstance(value, jina_omni.Model):
                value.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_python_of_a_page_escapes_the_test(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(re.findall(r"^\s*[`~]{3,} *(py|python|pycon)\b", text, re.MULTILINE)) == len(SAMPLE.findall(text))
