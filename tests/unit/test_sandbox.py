"""Processes that decode: how they start, and that they end with the process that started them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pypdfium2
import pytest
import resvg_py

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.media import sandbox
from jina_omni.media.sandbox import Sandbox
from testing.pdfs import INCH, document, forms_of_forms
from tests.processes import children

ROOT = Path(__file__).parents[2]
SVG = b'#ffffff<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"/>'  # behind the colour of its background

posix = pytest.mark.skipif(os.name != "posix", reason="sends signals, or forks")


def new():
    return Sandbox(resvg_py, "an SVG image", "render it to PNG")


# ---- one process ----


def test_requests_are_answered_one_after_the_other():
    decoder = new()
    replies = [decoder.ask(SVG, "an SVG image") for _ in range(3)]
    assert replies[0].startswith(b"\x89PNG")
    assert replies[1:] == replies[:1] * 2
    decoder.close()
    decoder.close()
    assert not decoder.is_alive
    assert children() == []


def test_the_time_of_a_reply_begins_with_what_was_taken_before(monkeypatch):
    decoder = new()
    decoder.ask(SVG, "an SVG image", None, sandbox.Seconds(3, 4))
    assert 3 <= decoder.taken.processor < 13
    assert 4 <= decoder.taken.clock < 14
    monkeypatch.setattr(sandbox, "_POLL", 60)  # so that the reply comes before anyone looks
    decoder.ask(SVG, "an SVG image")
    assert decoder.taken == sandbox.NO_TIME
    decoder.close()


def test_an_error_of_the_decoder_is_raised_and_ends_it():
    decoder = new()
    message = r"^input 4 can't be decoded as a drawing \(ValueError: .*\); it is damaged"
    with pytest.raises(DecodeError, match=message), located(input=4):
        decoder.ask(b"#ffffff<svg", "a drawing")
    assert not decoder.is_alive
    assert children() == []


def test_what_the_environment_adds_to_python_is_not_seen_there(monkeypatch, tmp_path):
    (tmp_path / "io.py").write_text("raise SystemExit('read from PYTHONPATH')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "io.py"))
    monkeypatch.chdir(tmp_path)
    assert new().ask(SVG, "an SVG image").startswith(b"\x89PNG")


@contextlib.contextmanager
def stopped(process, seconds):
    """Give a process no processor for so long."""
    process.suspend()
    timer = threading.Timer(seconds, process.resume)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the processor time of a process")
def test_a_process_that_waits_for_a_processor_may_take_longer(monkeypatch):
    decoder = new()
    monkeypatch.setattr(sandbox, "SANDBOX_SECONDS", 0.5)
    with stopped(children()[0], 1.5):
        assert decoder.ask(SVG, "an SVG image").startswith(b"\x89PNG")
    with stopped(children()[0], 60), pytest.raises(InputError, match=r"a drawing that takes over 3\.0 seconds"):
        decoder.ask(SVG, "a drawing")
    assert children() == []


# ---- no process ----


@pytest.mark.parametrize("program", ["false", "true", "yes", "cat", "nowhere"])
def test_what_is_not_a_python_is_an_error(program, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which(program) or "/nowhere/python")
    with pytest.raises(UnsupportedMediaError) as caught, located(input=3):
        new()
    assert str(caught.value).startswith(
        "input 3 is an SVG image, which is drawn by another Python process, and this program can't start one ("
    )
    assert str(caught.value).endswith("); render it to PNG")
    assert children() == []


def test_a_start_that_takes_too_long_is_an_error(monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_SECONDS", 0)
    with pytest.raises(UnsupportedMediaError, match=r"can't start one \(over 0 seconds\); render it to PNG"):
        new()
    assert children() == []


def test_a_package_that_does_not_start_there_is_an_error(tmp_path, monkeypatch):
    package = tmp_path / "resvg_py" / "__init__.py"
    package.parent.mkdir()
    package.write_text("raise ImportError('libc.so.7 is not here')")
    monkeypatch.setattr(resvg_py, "__file__", str(package))
    with pytest.raises(UnsupportedMediaError, match=r"can't start one \(ImportError: libc.so.7 is not here\); render"):
        new()


# ---- with the process that started it ----


@contextlib.contextmanager
def started(tmp_path, data, then):
    """Start a Python that opens a document and does something then; give it and the process it has for it."""
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    code = """
        import os, pathlib, psutil, signal, sys, threading, time, warnings
        from jina_omni.media import open_pdfs
        from jina_omni.media.pdf import Pdf, decode, list_pages
        pages = list_pages(Pdf(pathlib.Path(sys.argv[1])))
        (child,) = psutil.Process().children()
        print(child.pid, flush=True)
        sys.stdin.readline()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code) + textwrap.dedent(then), path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        child = psutil.Process(int(process.stdout.readline()))
        process.stdin.write("\n")
        process.stdin.flush()
        yield process, child


def has_ended(child):
    gone, _ = psutil.wait_procs([child], timeout=10)
    return bool(gone) or child.status() == psutil.STATUS_ZOMBIE  # of a system where nobody collects orphans


TWO_PAGES = document((INCH, b"0 0 9 9 re f"), (INCH, b"0 0 9 9 re f"))


@pytest.mark.parametrize("then", ["", "decode(pages[0])", "decode(pages[0]); 1 / 0", "sys.exit(3)", "os._exit(3)"])
def test_a_program_that_ends_leaves_no_process(then, tmp_path):
    with started(tmp_path, TWO_PAGES, then) as (process, child):
        _, errors = process.communicate(timeout=60)
    assert errors == "" or "ZeroDivisionError" in errors
    assert has_ended(child)


@posix
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_program_that_waits_and_is_ended_leaves_no_process(number, tmp_path):
    with started(tmp_path, TWO_PAGES, "time.sleep(60)") as (process, child):
        process.send_signal(getattr(signal, number))
        process.communicate(timeout=60)
    assert has_ended(child)


@posix
def test_ctrl_c_stops_a_page_that_is_drawn_and_leaves_no_process(tmp_path):
    then = """
        try:
            decode(pages[0])
        except KeyboardInterrupt:
            print("stopped, children:", psutil.Process().children())
    """
    with started(tmp_path, forms_of_forms(), then) as (process, child):
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (output, errors) == ("stopped, children: []\n", "")
    assert has_ended(child)


@posix
def test_a_page_that_nobody_waits_for_any_more_ends_by_itself():
    folder = Path(pypdfium2.__file__).parent.parent
    command = [sys.executable, "-I", "-S", sandbox.__file__.replace("sandbox.py", "sandboxed.py"), "pypdfium2", folder]
    process = subprocess.Popen([*command, str(4 << 30), "1", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        for request in (b"", forms_of_forms(), b"draw 0 1.0 72 72 0"):
            process.stdin.write(len(request).to_bytes(8, "little") + request)
        process.stdin.flush()
        assert process.wait(timeout=60) == -signal.SIGALRM


@posix
def test_a_program_that_takes_ctrl_c_as_a_wish_gets_its_pages(tmp_path):
    then = """
        signal.signal(signal.SIGINT, lambda *_: None)
        os.killpg(0, signal.SIGINT)
        print([decode(page).size for page in pages], psutil.Process().children() == [child])
        open_pdfs._OPEN.close()
        print(psutil.Process().children())
    """
    with started(tmp_path, TWO_PAGES, then) as (process, child):
        output, errors = process.communicate(timeout=60)
    assert (output, errors) == ("[(150, 150), (150, 150)] True\n[]\n", "")
    assert has_ended(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_draws_for_itself(tmp_path):
    then = """
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about threads and fork
        first = decode(pages[0]).tobytes()
        if os.fork() == 0:
            before = psutil.Process().children()
            print(decode(pages[1]).tobytes() == first, before, len(psutil.Process().children()))
            open_pdfs._OPEN.close()
            print(psutil.Process().children(), flush=True)
            sys.exit()
        os.wait()
        print(child.is_running(), decode(pages[1]).tobytes() == first, psutil.Process().children() == [child])
        open_pdfs._OPEN.close()
        print(psutil.Process().children())
    """
    with started(tmp_path, TWO_PAGES, then) as (process, child):
        output, errors = process.communicate(timeout=60)
    assert (output, errors) == ("True [] 1\n[]\nTrue True True\n[]\n", "")
    assert has_ended(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_threads_draw_draws_for_itself_and_leaves_them_alone(tmp_path):
    then = """
        warnings.simplefilter("ignore", DeprecationWarning)
        first = decode(pages[0]).tobytes()
        wrong, done = [], threading.Event()
        def draw():
            while not done.is_set():
                if decode(pages[1]).tobytes() != first:
                    wrong.append(1)
        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        codes = []
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if decode(pages[1]).tobytes() == first else 1)
            codes.append(os.waitpid(pid, 0)[1])
        done.set()
        for thread in threads:
            thread.join()
        print(codes == [0] * 20, wrong, psutil.Process().children() == [child])
    """
    with started(tmp_path, TWO_PAGES, then) as (process, child):
        output, errors = process.communicate(timeout=120)
    assert (output, errors) == ("True [] True\n", "")
    assert has_ended(child)
