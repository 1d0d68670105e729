"""Cancelling and Ctrl-C in each phase before the towers. The tests count work, not time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from jina_omni import Audio, Cancelled, CancelToken, Image, Model, Text, preparing
from jina_omni.cli import main
from jina_omni.media import kinds, sandbox
from jina_omni.tokenizer import Tokenizer
from testing.checkpoints.writer import Checkpoint
from testing.media_files import media_file
from tests.processes import children

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")

LONG = "words and 12345, größer. " * 120_000  # 3 MB
PICTURE = Image(np.zeros((40, 60, 3), np.uint8))
SOUND = Audio(np.zeros(16_000, np.float32), sampling_rate=16_000)

CALLS: dict[str, Callable[..., Any]] = {
    "encode": lambda model, inputs, **options: model.encode(inputs, **options),
    "encode, errors returned": lambda model, inputs, **options: model.encode(inputs, on_error="return", **options),
    "encode_iter": lambda model, inputs, **options: list(model.encode_iter(inputs, **options)),
    "count_tokens": lambda model, inputs, **options: model.count_tokens(inputs, **options),
}


@pytest.fixture(scope="module")
def model(small: Checkpoint) -> Iterator[Model]:
    with Model(small.text, small.combined, n_threads=2) as model:
        yield model


class Stop:
    """A way to stop a call: what the call gets, how it is stopped, and what it raises."""

    def __init__(self, name: str) -> None:
        self._token = CancelToken() if name == "token" else None
        self.options = {"cancel": self._token} if self._token else {}
        self.error = Cancelled if self._token else KeyboardInterrupt

    def __call__(self) -> None:
        if self._token:
            self._token.cancel()
        else:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(params=["token", pytest.param("Ctrl-C", marks=posix_only)])
def stop(request: pytest.FixtureRequest) -> Stop:
    return Stop(request.param)


def stop_at(owner: object, name: str, n: int, stop: Stop, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Have the n-th call of a function stop the call of the model; return a list with an entry for each call."""
    function = getattr(owner, name)
    calls: list[None] = []

    def call(*args: Any, **options: Any) -> Any:
        calls.append(None)
        if len(calls) == n:
            stop()
        return function(*args, **options)

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.mark.parametrize("call", CALLS)
def test_no_further_input_is_planned(call: str, stop: Stop, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stop_at(preparing, "parse_input", 50, stop, monkeypatch)
    with pytest.raises(stop.error):
        CALLS[call](model, [f"text {i}" for i in range(10_000)], **stop.options)
    assert len(calls) == 50
    assert np.isfinite(model.encode("a text")).all()


@pytest.mark.parametrize("call", CALLS)
def test_no_further_piece_of_a_text_is_tokenised(
    call: str, stop: Stop, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = stop_at(Tokenizer, "_tokenize_piece", 2, stop, monkeypatch)
    with pytest.raises(stop.error):
        CALLS[call](model, [LONG], **stop.options)
    assert len(calls) == 2
    assert np.isfinite(model.encode("a text")).all()


@pytest.mark.parametrize("truncate", [False, True])
def test_no_further_piece_is_tokenised_of_many_long_texts(
    truncate: bool,  # noqa: FBT001
    stop: Stop,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = stop_at(Tokenizer, "_tokenize_piece", 100, stop, monkeypatch)
    with pytest.raises(stop.error):
        model.encode([[Text(LONG), PICTURE]] * 1_000, truncate=truncate, on_error="return", **stop.options)
    assert len(calls) == 100


def test_a_medium_that_is_being_measured_is_left_behind(
    stop: Stop, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    n_measured = 0

    def measure(*args: Any, **options: Any) -> Any:
        nonlocal n_measured
        n_measured += 1
        begun.set()
        assert go_on.wait(60)
        return kinds.measure(*args, **options)

    monkeypatch.setattr(preparing, "kinds", type("Kinds", (), {"measure": staticmethod(measure)}))
    stopper = threading.Thread(target=lambda: (begun.wait(), stop()))
    stopper.start()
    with pytest.raises(stop.error) as caught:
        model.encode([["a text", SOUND], SOUND], **stop.options)
    stopper.join()
    if isinstance(caught.value, Cancelled):
        assert caught.value.location == (("input", 0), ("part", 1))
    go_on.set()
    assert n_measured == 1
    monkeypatch.undo()
    assert np.isfinite(model.encode(["a text", SOUND])).all()


def test_an_svg_that_is_being_drawn_is_stopped(
    stop: Stop, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    program = tmp_path / "drawing.py"
    touch = "pathlib.Path({!r}).touch()".format
    program.write_text("\n".join(["import pathlib, time", touch(str(begun)), "time.sleep(60)", touch(str(ended))]))
    monkeypatch.setattr(sandbox, "_PROGRAM", program)

    def stop_when_it_draws() -> None:
        while not begun.exists():
            time.sleep(0.01)
        stop()

    stopper = threading.Thread(target=stop_when_it_draws)
    stopper.start()
    with pytest.raises(stop.error):
        model.encode(Image(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), **stop.options)
    stopper.join()
    psutil.wait_procs(children(), timeout=30)
    assert children() == []
    assert not ended.exists()


@posix_only
def test_ctrl_c_stops_the_command_line_within_a_text(
    small: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(LONG)
    calls = stop_at(Tokenizer, "_tokenize_piece", 2, Stop("Ctrl-C"), monkeypatch)
    assert main(["embed", str(tmp_path), "--model", str(small.text), "--truncate"]) == 130
    assert len(calls) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"


# Presses Ctrl-C while it decodes, which goes on for a minute.
DECODING = """
import os, signal, sys, time
from pathlib import Path
from jina_omni.cli import run
from jina_omni.media import image

def hang(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
    Path(ended).touch()

ended = sys.argv.pop(1)
image.read_patches = hang
run()
"""


@posix_only
def test_ctrl_c_does_not_have_the_command_line_wait_for_a_decoder(small: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(media_file("png"))
    command = ["embed", str(tmp_path / "a.png"), "--model", str(small.text), "--mmproj", str(small.combined)]
    done = subprocess.run(
        [sys.executable, "-c", DECODING, str(tmp_path / "ended"), *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "interrupted")
    assert not (tmp_path / "ended").exists()
