"""What a notebook shows of a model's facts and of media."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image as PILImage

import jina_omni
from jina_omni import Audio, Image, Pdf, Video
from jina_omni.media import notebook

NOISE = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), np.uint8)


class Page(HTMLParser):
    """The elements of a piece of HTML, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def find_source(self, tag: str) -> tuple[str, bytes]:
        """Return the media type and the bytes of the only element of a kind."""
        (attributes,) = [attributes for name, attributes in self.elements if name == tag]
        found = re.fullmatch(r"data:(\w+/\w+);base64,([\w+/=]+)", attributes["src"] or "")
        return found[1], base64.b64decode(found[2])


@pytest.fixture(scope="module")
def m() -> Iterator[jina_omni.Model]:
    with jina_omni.demo_model(n_threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=4, width=64, height=48, pix_fmt="yuv420p")
        for i in range(12):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8))))
        output.mux(stream.encode(None))
    return path


def find_picture(medium: Image | Video | Pdf) -> np.ndarray:
    media_type, data = Page(medium._repr_html_()).find_source("img")
    assert media_type == "image/jpeg"
    return np.asarray(PILImage.open(io.BytesIO(data)))


# --- what is shown ---


def test_the_facts_of_a_model_are_a_table(m: jina_omni.Model) -> None:
    page = Page(m.info._repr_html_())
    assert [name for name, _ in page.elements].count("tr") == len(fields(m.info))
    for field in fields(m.info):
        assert f"{field.name}{getattr(m.info, field.name)!r}" in page.text


def test_an_image_is_shown_small() -> None:
    assert find_picture(Image(NOISE)).shape == (240, 320, 3)
    red = find_picture(Image(PILImage.new("RGB", (40, 30), "red")))
    assert red.shape == (30, 40, 3)
    assert np.abs(red.reshape(-1, 3).mean(0) - (255, 0, 0)).max() < 8
    assert Page(Image(NOISE)._repr_html_()).text == "Image(<array (900, 1200, 3)>)"


def test_an_image_is_shown_as_it_is_laid_out(tmp_path: Path) -> None:
    turned = PILImage.Exif()
    turned[0x0112] = 6
    PILImage.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=turned)
    assert find_picture(Image(tmp_path / "a.jpg")).shape == (30, 40, 3)
    assert find_picture(Image(tmp_path / "a.jpg", orientation="upright")).shape == (40, 30, 3)


def test_a_sound_has_a_player_of_what_is_embedded() -> None:
    samples = np.sin(np.arange(48_000) / 9).astype(np.float32) / 2
    media_type, data = Page(Audio(samples, sampling_rate=16_000)._repr_html_()).find_source("audio")
    played, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert (media_type, rate) == ("audio/flac", 16_000)
    np.testing.assert_allclose(played, samples, atol=2**-15)
    _, data = Page(Audio(samples, sampling_rate=16_000, start=1, end=2)._repr_html_()).find_source("audio")
    assert soundfile.info(io.BytesIO(data)).frames == 16_000


def test_a_small_film_has_a_player_and_others_a_picture(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (film, str(film), film.read_bytes()):
        assert Page(Video(source)._repr_html_()).find_source("video") == ("video/mp4", film.read_bytes())
    later = find_picture(Video(film, start=2))
    assert later.shape == (48, 64, 3)
    assert abs(later.mean() - 8 * 20) < 12
    assert find_picture(Video(NOISE[None])).shape == (240, 320, 3)
    monkeypatch.setattr(notebook, "_MAX_FILM_BYTES", film.stat().st_size - 1)
    assert find_picture(Video(film)).mean() < 12


def test_a_document_shows_its_first_page(tmp_path: Path) -> None:
    pages = [PILImage.new("RGB", (60, 80), colour) for colour in ("red", "blue", "green")]
    pages[0].save(tmp_path / "a.pdf", save_all=True, append_images=pages[1:])
    document = Pdf(tmp_path / "a.pdf")
    assert find_picture(document).mean(axis=(0, 1)).argmax() == 0
    assert "and 2 more" in Page(document._repr_html_()).text
    assert find_picture(replace(document, pages=[1])).mean(axis=(0, 1)).argmax() == 2
    assert "more" not in replace(document, pages=[1])._repr_html_()


# --- of a bounded size, escaped, and without an error ---


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda _: Image(np.tile(NOISE, (4, 4, 1))), 200_000),
        (lambda _: Audio(np.random.default_rng(0).uniform(-1, 1, 400 * 48_000), sampling_rate=48_000), 1_500_000),
        (lambda _: Video(np.stack([NOISE] * 3)), 200_000),
        (lambda folder: Video(write_large(folder / "large.mp4")), 6_000_000),
        (lambda _: Image("a" * 10_000_000), 2_000),
        (lambda _: Video(np.stack([NOISE] * 2), timestamps=range(1_000_000)), 200_000),
    ],
)
def test_what_is_shown_has_a_bounded_size(make: Callable[[Path], Image], limit: int, tmp_path: Path) -> None:
    assert len(make(tmp_path)._repr_html_()) < limit


def write_large(path: Path) -> Path:
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2")
    os.truncate(path, 1 << 32)
    return path


NASTY = '<script>alert("1")</script>&\'.png'


@pytest.mark.parametrize("kind", [Image, Audio, Video, Pdf])
@pytest.mark.parametrize("content", [None, b"", b"<script>alert(1)</script>", b"\x89PNG\r\n\x1a\n<script>"])
def test_a_file_that_can_not_be_shown_says_why(
    kind: type[Image], content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = NASTY.replace("/", "_")
    if content is not None:
        Path(name).write_bytes(content)
    for source in (name, Path(name)):
        page = Page(kind(source)._repr_html_())
        assert {tag for tag, _ in page.elements} == {"figure", "figcaption", "code", "p"}
        assert page.text.startswith("It ")
        assert page.text.endswith(repr(kind(source)))


def test_facts_that_a_file_states_are_escaped_and_cut(m: jina_omni.Model) -> None:
    info = replace(m.info, license=NASTY, path="x" * 1_000_000)
    page = Page(info._repr_html_())
    assert {tag for tag, _ in page.elements} == {"table", "tr", "th", "td"}
    assert repr(NASTY) in page.text
    assert len(page.text) < 10_000


@pytest.mark.parametrize("medium", [Image(3), Image("a", orientation="up"), Pdf("a", dpi="x"), Audio(None), Video(3.5)])
def test_wrong_arguments_are_shown_not_raised(medium: Image) -> None:
    assert Page(medium._repr_html_()).text.startswith("It ")


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    PILImage.new("RGB", (60, 80)).save(tmp_path / "a.pdf")
    assert "secret" not in Pdf(tmp_path / "a.pdf", password="secret")._repr_html_()


# --- names ---


def test_similarity_is_no_module_and_a_missing_name_gets_the_right_one() -> None:
    for name, meant in {"similarity": "cosine_similarity", "Modle": "Model", "Img": "Image", "embed": None}.items():
        message = f"module 'jina_omni' has no attribute '{name}'" + (f"; did you mean '{meant}'?" if meant else "")
        with pytest.raises(AttributeError, match=f"^{re.escape(message)}$"):
            getattr(jina_omni, name)
    assert jina_omni.Model.similarity([1.0, 0.0], [1.0, 0.0]) == 1
