"""Progress: by work, of calls, streams and commands, in terminals, logs and functions of the caller."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import tqdm.asyncio
import tqdm.auto
from PIL import Image as PILImage

import jina_omni
from jina_omni import Progress, progress
from jina_omni.cli import main
from jina_omni.media import video


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def m() -> Iterator[jina_omni.Model]:
    with jina_omni.demo_model(n_threads=1) as model:
        yield model


def write_film(path: Path, n_frames: int) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=8, width=64, height=64, pix_fmt="yuv420p")
        for i in range(n_frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), i % 256, np.uint8))))
        output.mux(stream.encode(None))
    return path


def write_document(path: Path, n_pages: int) -> Path:
    pages = [PILImage.new("RGB", (60, 80), (60 * i, 0, 0)) for i in range(n_pages)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def check_course(seen: list[Progress]) -> None:
    """Check what holds of the progress of every call: nothing goes back, and all is done at the end."""
    for name in ("inputs", "tokens", "seconds", "pages", "elapsed"):
        values = [getattr(one, name) for one in seen]
        assert values == sorted(values), name
    fractions = [one.fraction for one in seen if one.fraction is not None]
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert all(one.remaining is None or one.remaining >= 0 for one in seen)


# --- what is counted ---


def test_a_call_counts_inputs_tokens_seconds_and_pages(m: jina_omni.Model, tmp_path: Path) -> None:
    film, document = write_film(tmp_path / "a.mp4", 40), write_document(tmp_path / "a.pdf", 3)
    sound = jina_omni.Audio(np.zeros(24_000, np.float32), sampling_rate=16_000)
    data = io.BytesIO()
    PILImage.effect_noise((64, 64), 90).save(data, "PNG")
    cut = jina_omni.Image(data.getvalue()[:-1000])  # whose pixels alone are damaged
    inputs = ["a red circle", "a red circle", film, sound, document, "", cut, ["a", "b"]]
    seen: list[Progress] = []
    expected, _ = m.encode(inputs, on_error="return")
    found, errors = m.encode(inputs, on_error="return", on_progress=seen.append, batch_tokens=256)
    np.testing.assert_array_equal(found, expected)
    check_course(seen)
    first, last = seen[0], seen[-1]
    assert (first.inputs, first.total, first.tokens) == (1, 8, 0)  # the empty text has failed
    assert (last.inputs, last.total, last.pages, last.fraction, last.remaining) == (8, 8, 3, 1.0, 0.0)
    assert last.seconds == pytest.approx(40 / 8 + 1.5)
    assert list(errors) == [5, 6]
    assert last.tokens == sum(m.count_tokens([item for item in inputs if item != ""]))
    assert last.rate == last.tokens / last.elapsed


def test_inputs_count_by_their_work(m: jina_omni.Model) -> None:
    seen: list[Progress] = []
    long = " ".join(["red"] * 300)
    m.encode([long, "red"], on_progress=seen.append, batch_tokens=100)
    check_course(seen)
    tokens = m.count_tokens([long, "red"])
    assert seen[0].fraction == 0
    by_inputs = {one.inputs: one.fraction for one in seen}
    assert set(by_inputs) <= {0, 1, 2}
    if 1 in by_inputs:  # unless both were computed within a tenth of a second
        assert by_inputs[1] == pytest.approx(tokens[0] / sum(tokens))


def test_a_film_moves_while_it_is_decoded(m: jina_omni.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = write_film(tmp_path / "a.mp4", 80)
    seen: list[Progress] = []
    is_seen = threading.Event()
    resize = video._resize
    left = iter(range(10_000))

    def resize_slowly(*args: object) -> object:
        if next(left) == 8:  # in the middle: the decoder goes on once somebody has been shown that
            assert is_seen.wait(60)
        return resize(*args)

    def show(one: Progress) -> None:
        seen.append(one)
        if one.seconds:
            is_seen.set()

    monkeypatch.setattr(video, "_resize", resize_slowly)
    m.encode([film, "a red circle"], on_progress=show)
    check_course(seen)
    middle = next(one for one in seen if one.seconds)
    assert 0 < middle.seconds < 10
    assert 0 < middle.fraction < 0.5  # decoding is half of the work of a medium
    assert seen[-1].seconds == pytest.approx(10)


def test_a_stream_is_one_course_over_its_windows(m: jina_omni.Model) -> None:
    texts = [f"text number {i}" for i in range(600)]
    for inputs, total in ((texts, 600), (iter(texts), None)):
        seen: list[Progress] = []
        vectors = list(m.encode_iter(inputs, on_progress=seen.append))
        assert len(vectors) == 600
        check_course(seen)
        assert {one.total for one in seen} == {total}
        assert [one.inputs for one in seen if one.tokens][-1] == 600
        assert seen[-1].fraction == (None if total is None else 1.0)
        assert {256, 512, 600} <= {one.inputs for one in seen}  # each window is shown at its end


def test_a_stream_that_is_left_ends_its_display(m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    stream = m.encode_iter((f"text {i}" for i in range(600)), show_progress_bar=True)
    next(stream)
    stream.close()
    assert not tqdm.auto.tqdm._instances
    assert "256 inputs" in sys.stderr.getvalue().splitlines()[-1]


def test_an_asynchronous_call_and_stream_are_followed(m: jina_omni.Model) -> None:
    seen: list[Progress] = []

    async def embed() -> None:
        await m.encode_async(["a", "b"], on_progress=seen.append)
        assert (seen[-1].inputs, seen[-1].fraction) == (2, 1.0)
        seen.clear()
        async for _ in m.encode_iter_async([f"text {i}" for i in range(300)], on_progress=seen.append):
            pass

    asyncio.run(embed())
    check_course(seen)
    assert (seen[-1].inputs, seen[-1].total, seen[-1].fraction) == (300, 300, 1.0)


def test_a_function_that_raises_ends_the_call_and_the_model_goes_on(m: jina_omni.Model) -> None:
    def stop(_: Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        m.encode(["a", "b"], on_progress=stop)
    with pytest.raises(TypeError, match="on_progress is of the type int; it takes a function"):
        m.encode(["a", "b"], on_progress=3)
    with pytest.raises(TypeError, match="show_progress_bar is 'no'; it takes True or False"):
        m.encode(["a", "b"], show_progress_bar="no")
    assert np.isfinite(m.encode("a")).all()


@pytest.mark.parametrize("run", ["sync", "async"])
def test_a_function_that_closes_the_model_gets_an_error_instead_of_waiting_for_itself(run: str) -> None:
    with jina_omni.demo_model(n_threads=1) as model:
        options = {"on_progress": lambda _: model.close()}
        with pytest.raises(RuntimeError, match=r"^this Model is closed inside one of its own calls"):
            model.encode(["a"], **options) if run == "sync" else asyncio.run(model.encode_async(["a"], **options))
        assert np.isfinite(model.encode("a")).all()
    with pytest.raises(jina_omni.ClosedError):
        model.encode("a")


def test_nothing_is_counted_of_an_empty_list(m: jina_omni.Model) -> None:
    seen: list[Progress] = []
    m.encode([], on_progress=seen.append)
    assert [(one.inputs, one.total, one.fraction, one.rate >= 0) for one in seen] == [(0, 0, 1.0, True)]


# --- what is shown ---


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (Progress(3, 9, 500, 3_725.4, 1, 0.25, 8), "3 of 9 inputs, 0:08, about 0:24 left, 62 tokens/s, 1:02:05 of media, 1 page"),  # noqa: E501
        (Progress(0, 2_000, 0, 0, 0, 0.0, 0), "0 of 2,000 inputs, 0:00, 0 tokens/s"),
        (Progress(512, None, 10_000, 0, 12, None, 4), "512 inputs, 0:04, 2,500 tokens/s, 12 pages"),
        (Progress(2, 2, 10, 0, 0, 1.0, 1), "2 of 2 inputs, 0:01, 10 tokens/s"),
    ],
)  # fmt: skip
def test_progress_is_printed_as_a_line(shown: Progress, line: str) -> None:
    assert str(shown) == line


def test_a_terminal_gets_one_bar(m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(m.encode_iter([f"text {i}" for i in range(600)], show_progress_bar=True))
    written = sys.stderr.getvalue()
    assert written.count("\n") == 1  # the end of the only bar
    states = [state for state in written.rstrip("\n").split("\r") if state]
    assert states[0].startswith("  0%|")
    assert states[-1].startswith("100%|")
    assert "600 of 600 inputs, 0:0" in states[-1]


def test_a_log_gets_a_line_every_few_seconds_and_one_at_the_end(
    m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"text {i}" for i in range(600)]
    list(m.encode_iter(texts, show_progress_bar=True))
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(progress, "_SECONDS_PER_LINE", 0.0)
    list(m.encode_iter(texts, show_progress_bar=True))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 3
    assert lines[0].startswith("0%: 0 of 600 inputs, ")
    assert lines[-1].startswith("100%: 600 of 600 inputs, ")
    assert "\r" not in "".join(lines)


def test_a_notebook_gets_its_widget(m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[tuple[int, str]] = []

    class Widget(tqdm.asyncio.tqdm):
        def display(self, *_: object, **__: object) -> None:
            states.append((self.n, self.desc))

    monkeypatch.setattr(tqdm.auto, "tqdm", Widget)  # which tqdm.auto chooses there
    m.encode(["a", "b"], show_progress_bar=True)
    assert states[-1][0] == 1000
    assert states[-1][1].startswith("2 of 2 inputs, ")


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_a_stderr_nothing_is_shown(
    stream: str | None, m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", stream and closed)
    assert np.isfinite(m.encode(["a", "b"], show_progress_bar=True)).all()


class BrokenStream(io.StringIO):
    """A stream that fails from one of its writes on, as that of a terminal that is closed."""

    def __init__(self, n_writes: int, error: Exception, *, is_terminal: bool) -> None:
        super().__init__()
        self.n_writes = n_writes
        self.error = error
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> int:
        self.n_writes -= 1
        if self.n_writes < 0:
            raise type(self.error)(*self.error.args)  # a new one, since an error keeps the bar that it passed
        return super().write(text)


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(5, "I/O"), ValueError("closed")])
@pytest.mark.parametrize("n_writes", [0, 1, 5])
def test_a_stderr_that_breaks_ends_the_display_and_not_the_call(
    n_writes: int, error: Exception, *, is_terminal: bool, m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_SECONDS_PER_LINE", 0.0)
    monkeypatch.setattr(sys, "stderr", BrokenStream(n_writes, error, is_terminal=is_terminal))
    texts = [f"text {i}" for i in range(600)]
    assert len(list(m.encode_iter(texts, show_progress_bar=True))) == 600
    assert sys.stderr.n_writes < 0


def test_a_stderr_that_only_takes_writes_is_enough(m: jina_omni.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(sys, "stderr", type("Stream", (), {"write": lambda _, text: written.append(text)})())
    m.encode(["a", "b"], show_progress_bar=True)
    assert "".join(written).startswith("100%: 2 of 2 inputs, ")


# --- commands ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    for i in range(12):
        (tmp_path / f"files/{i:02}.txt").write_text(f"text number {i}")
    write_film(tmp_path / "files/film.mp4", 40)
    write_document(tmp_path / "files/paper.pdf", 2)
    return tmp_path / "files"


def test_a_command_has_one_bar_over_its_chunks(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["embed", str(folder), "--out", str(tmp_path / "x.npz")]) == 0
    _, bar, report, _ = sys.stderr.getvalue().split("\n")
    states = [state for state in bar.split("\r") if state]
    assert states[0].startswith("  0%|")
    assert states[-1].startswith("100%|")
    assert "14 of 14 inputs, 0:0" in states[-1]
    assert states[-1].endswith("0:05 of media, 2 pages")
    percents = [int(state[:3]) for state in states]
    assert percents == sorted(percents)
    assert report == "14 embedded"


def test_a_command_without_a_terminal_prints_lines(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["embed", str(folder), "--out", str(tmp_path / "x.npz")]) == 0
    assert capsys.readouterr().err.splitlines()[1:] == ["14 embedded"]  # within the first seconds none
    monkeypatch.setattr(progress, "_SECONDS_PER_LINE", 0.0)
    assert main(["embed", str(folder), "--out", str(tmp_path / "y.npz")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 4
    assert lines[-2].startswith("100%: 14 of 14 inputs, ")


def test_index_shows_its_progress(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lancedb")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["index", str(folder), "--db", str(tmp_path / "db")]) == 0
    assert "14 of 14 files, 0:0" in sys.stderr.getvalue()


def test_a_display_does_not_slow_a_call_that_reports_often() -> None:
    shown: list[Progress] = []
    tracker = progress.ProgressTracker(shown.append, show=False)
    tracker.begin([])
    begin = time.monotonic()
    for _ in range(10_000):
        tracker.update()
    assert len(shown) <= 2 + 10 * (time.monotonic() - begin)


def test_a_call_that_goes_on_after_its_end_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled ends the display from the event loop, while a thread still plans the call."""
    monkeypatch.setattr(progress, "open_display", lambda *_: pytest.fail("opened"))
    seen: list[Progress] = []
    tracker = progress.ProgressTracker(seen.append, show=True)
    tracker.close()
    tracker.begin([])
    tracker.finish([])
    assert seen == []
