"""What the system does to a process: short files, a full disk, Ctrl-C at any moment, no memory, callers that raise."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.cli import main
from testing.checkpoints.writer import Checkpoint
from testing.media_files import media_file

ROOT = Path(__file__).parents[2]

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits or signals")


def child(code: str, *arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        check=False,
    )


# ---- files ----------------------------------------------------------------------------------------------------------


def test_a_model_file_that_shrank_before_it_is_loaded_is_refused(small: Checkpoint, tmp_path: Path) -> None:
    data = small.text.read_bytes()
    path = tmp_path / small.text.name
    for kept in (0, 3, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data)
        os.truncate(path, kept)
        with pytest.raises(jina_omni.ModelLoadError, match=r"is empty|cut short|not a GGUF file"):
            jina_omni.Model(path)


@pytest.mark.parametrize("kind", ["png", "wav", "mp4", "pdf"])
def test_a_medium_that_shrinks_between_two_looks_is_an_error_or_a_vector(
    kind: str, small: Checkpoint, tmp_path: Path
) -> None:
    """It is measured when the call is planned, and read when its turn comes."""
    path = tmp_path / "medium"
    with jina_omni.Model(small.text, small.combined, n_threads=2) as model:
        expected = model.encode("a bystander")
        plan = model._preparer.prepare
        for kept in (0, 20, len(media_file(kind)) // 2):
            path.write_bytes(media_file(kind))

            def plan_and_shrink(item: object, *rest: object, kept: int = kept, **options: object) -> object:
                planned = plan(item, *rest, **options)
                if item is path:
                    os.truncate(path, kept)
                return planned

            model._preparer.prepare = plan_and_shrink  # type: ignore[method-assign]
            rows, errors = model.encode([path, "a bystander"], on_error="return")
            assert isinstance(errors.get(0), jina_omni.InputError | None)
            assert 0 in errors or abs(np.linalg.norm(rows[0]) - 1) < 1e-5
            assert np.array_equal(rows[1], expected)


def test_reads_that_fail_halfway_are_errors(small: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gives up, or gives less than it was asked for, while a decoder reads."""
    from jina_omni.media import files

    class Failing:
        def __init__(self, file: object) -> None:
            self._file = file
            self.n_reads = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

        def __enter__(self) -> Failing:  # noqa: PYI034 - Self is of Python 3.11
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def read(self, size: int = -1) -> bytes:
            self.n_reads += 1
            if self.n_reads > 1:
                raise OSError(5, "Input/output error")
            return self._file.read(size)

    opened = files.open_path
    monkeypatch.setattr(files, "open_path", lambda path: Failing(opened(path)))
    with jina_omni.Model(small.text, small.combined, n_threads=2) as model:
        expected = model.encode("a bystander")
        for kind, wrap in (("png", jina_omni.Image), ("webp", jina_omni.Image), ("mp4", jina_omni.Video)):
            path = tmp_path / kind
            path.write_bytes(media_file(kind))
            rows, errors = model.encode([wrap(path), "a bystander"], on_error="return")
            assert isinstance(errors[0], jina_omni.InputError), kind
            assert np.array_equal(rows[1], expected)


# ---- a full disk ----------------------------------------------------------------------------------------------------

LIMITED = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)  # as a full disk, for each file
    from jina_omni.cli import main
    sys.exit(main(sys.argv[2:]))
"""


def rows_of(path: Path) -> dict[str, list[float]]:
    return {row["name"]: row["vector"] for row in map(json.loads, path.read_text().splitlines())}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.txt").write_text(f"a text of the number {i}")
    return folder


@posix_only
@pytest.mark.parametrize("ending", ["jsonl", "npz", "npy"])
def test_embed_on_a_full_disk_is_one_line_and_goes_on_once_there_is_room(
    ending: str, small: Checkpoint, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"x.{ending}"
    command = ["embed", str(texts), "--model", str(small.text), "--out", str(out)]
    full = child(LIMITED, 40_000, *command)
    assert full.returncode == 2, full.stderr
    assert "x." in full.stderr.splitlines()[-1]
    assert "File too large" in full.stderr.splitlines()[-1]
    assert "Traceback" not in full.stderr
    assert main(command) == 0
    whole = tmp_path / f"whole.{ending}"
    assert main([*command[:-1], str(whole)]) == 0
    if ending == "jsonl":
        assert rows_of(out) == rows_of(whole)
    else:
        assert out.read_bytes() == whole.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_embed_to_a_full_pipe_is_one_line(small: Checkpoint, texts: Path) -> None:
    command = [sys.executable, "-m", "jina_omni", "embed", texts, "--model", small.text]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@posix_only
def test_index_on_a_full_disk_is_one_line_and_can_be_made_anew(small: Checkpoint, texts: Path, tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    command = ["index", str(texts), "--db", str(tmp_path / "db"), "--model", str(small.text)]
    full = child(LIMITED, 10_000, *command)
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    shutil.rmtree(tmp_path / "db")  # LanceDB does not always read what it left then
    assert main(command) == 0
    assert main(["search", "a text of the number 7", "--db", str(tmp_path / "db")]) == 0


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------------


@posix_only
def test_ctrl_c_at_random_moments_leaves_the_model_usable(small: Checkpoint, tmp_path: Path) -> None:
    """Of text, pictures, sounds and pages; the moments are spread over the length of a whole call."""
    for kind in ("png", "wav", "pdf"):
        (tmp_path / kind).write_bytes(media_file(kind))
    done = child(
        """
        import random, signal, sys, threading, time
        from pathlib import Path
        import numpy as np
        import jina_omni
        inputs = ["a text", *sorted(Path(sys.argv[3]).iterdir()), "another text " * 40]
        with jina_omni.Model(*sys.argv[1:3], n_threads=2) as model:
            expected = model.encode(inputs)
            begin = time.monotonic()
            model.encode(inputs)
            length = time.monotonic() - begin
            n_stopped = 0
            for seed in range(12):
                moment = random.Random(seed).random() * length
                timer = threading.Timer(moment, signal.raise_signal, [signal.SIGINT])
                try:
                    timer.start()
                    model.encode(inputs)
                    timer.join()
                    time.sleep(0.01)  # for a signal that came behind the call
                except KeyboardInterrupt:
                    n_stopped += 1
                while True:
                    try:
                        timer.join()
                        break
                    except KeyboardInterrupt:
                        n_stopped += 1
                assert np.array_equal(model.encode(inputs), expected), seed
            print(n_stopped)
        """,
        small.text,
        small.combined,
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 4


@posix_only
def test_embed_interrupted_at_random_moments_goes_on_and_ends_the_same(
    small: Checkpoint, texts: Path, tmp_path: Path
) -> None:
    """From before the imports are done to after the last vector; the file is never damaged."""
    out, whole = tmp_path / "x.jsonl", tmp_path / "whole.jsonl"
    command = ["embed", str(texts), "--model", str(small.text), "--batch-tokens", "1", "--out"]
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "jina_omni", *command, str(whole)], cwd=ROOT, check=True)
    seconds = time.monotonic() - start
    n_cut = 0
    for seed in range(5):
        argv = [sys.executable, "-m", "jina_omni", *command, str(out)]
        process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        start = time.monotonic()
        timer = threading.Timer(seconds * random.Random(seed).random(), process.send_signal, [signal.SIGINT])
        timer.start()
        _, stderr = process.communicate()
        timer.cancel()
        assert process.returncode in (0, 1, 130, -signal.SIGINT), stderr
        n_cut += process.returncode != 0
        seconds = min(seconds, time.monotonic() - start)  # the first run may have been slower than later ones
    assert n_cut > 0
    assert main([*command, str(out)]) == 0
    assert rows_of(out) == rows_of(whole)


# ---- callers that raise ---------------------------------------------------------------------------------------------


class Odd(Exception):  # noqa: N818
    """Of the caller."""


def test_a_stream_of_inputs_that_raises_reaches_the_caller(small: Checkpoint) -> None:
    def inputs() -> object:
        yield "a"
        raise Odd

    with jina_omni.Model(small.text, n_threads=1) as model:
        with pytest.raises(Odd):
            list(model.encode_iter(inputs()))
        stream = model.encode_iter(f"{i}" for i in range(300))
        next(stream)
        stream.close()  # a caller that wants no more
        assert np.isfinite(model.encode("a")).all()


def test_a_fetch_that_raises_is_the_error_of_its_input(small: Checkpoint) -> None:
    def fetch(_url: str) -> bytes:
        raise Odd("no route")

    with jina_omni.Model(small.text, small.vision, n_threads=1) as model:
        _, errors = model.encode([{"image": "http://a/b"}, "a"], fetch=fetch, on_error="return")
        assert list(errors) == [0]
        assert isinstance(errors[0].__cause__, Odd)
        with pytest.raises(KeyboardInterrupt):
            model.encode({"image": "http://a/b"}, fetch=lambda _url: (_ for _ in ()).throw(KeyboardInterrupt))
        assert np.isfinite(model.encode("a")).all()


def test_a_bar_that_can_not_be_written_does_not_break_the_model(
    small: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def write(self, _text: str) -> int:
            raise Odd

        def flush(self) -> None:
            raise Odd

    with jina_omni.Model(small.text, n_threads=1) as model:
        expected = model.encode("a")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", Closed())
            with pytest.raises(Odd):
                model.encode("a", show_progress_bar=True)
        assert np.array_equal(model.encode("a"), expected)
        model.close()  # waits for users, of which none is left


# ---- memory ---------------------------------------------------------------------------------------------------------


@posix_only
def test_without_memory_a_call_is_an_error_and_the_next_one_works(small: Checkpoint) -> None:
    """The limit falls to what is taken already and some MiB more, from none to enough.

    Texts alone: media start threads, and a thread of Python that finds no memory leaves its starter waiting for ever.
    """
    done = child(
        """
        import resource, sys
        from collections import Counter
        from pathlib import Path
        import numpy as np
        import jina_omni
        def taken():
            return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        inputs = [f"{i} " + "some words " * 700 for i in range(10)]
        with jina_omni.Model(*sys.argv[1:3], n_threads=2) as model:
            short = model.encode("a short text")
            free = resource.getrlimit(resource.RLIMIT_AS)
            outcomes = Counter()
            for room in (0, 2, 8, 16, 32, 64, 128, 256, 512, 1024):
                try:
                    resource.setrlimit(resource.RLIMIT_AS, (taken() + (room << 20), free[1]))
                    model.encode(inputs, batch_tokens=1 << 16)
                    outcome = "vectors"
                except (MemoryError, jina_omni.JinaOmniError, RuntimeError) as error:
                    outcome = type(error).__name__
                finally:
                    resource.setrlimit(resource.RLIMIT_AS, free)
                outcomes[outcome] += 1
                assert np.array_equal(model.encode("a short text"), short), room
            expected = model.encode(inputs, batch_tokens=1 << 16)
            assert np.isfinite(expected).all()
        print(dict(outcomes))
        """,
        small.text,
        small.combined,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-2000:]
    assert "vectors" in done.stdout
    assert "Error" in done.stdout
