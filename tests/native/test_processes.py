"""Threads, signals, forks and other libraries in the same process."""

from __future__ import annotations

import importlib.util
import os
import pickle
import platform
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jina_omni
from jina_omni.native import instruction_sets
from testing.checkpoints.writer import Checkpoint

ROOT = Path(__file__).parents[2]

# Some twenty seconds of work on two cores: tokens of one sequence, whose attention is quadratic.
LONG_TEXT = "a b c d e f g h " * 1900


def run_python(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_cancel_token_stops_a_long_encode_and_leaves_the_model_usable(small: Checkpoint) -> None:
    with jina_omni.Model(small.text) as model:
        before = model.encode("a short text")
        token = jina_omni.CancelToken()
        stopped_at: list[float] = []

        def stop() -> None:
            time.sleep(1.0)
            stopped_at.append(time.monotonic())
            token.cancel()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(jina_omni.Cancelled):
            model.encode([f"{i} {LONG_TEXT}" for i in range(20)], cancel=token)
        took = time.monotonic() - stopped_at[0]
        stopper.join()
        assert took < 1.0
        assert np.array_equal(model.encode("a short text"), before)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_stops_a_long_encode_and_leaves_the_model_usable(small: Checkpoint) -> None:
    done = run_python(
        """
        import os, signal, sys, threading, time
        import jina_omni
        model = jina_omni.Model(sys.argv[1])
        before = model.encode("a short text")
        def press():
            time.sleep(1.0)
            global pressed
            pressed = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=press).start()
        try:
            model.encode([f"{i} {sys.argv[2]}" for i in range(20)])
        except KeyboardInterrupt:
            print("stopped within a second:", time.monotonic() - pressed < 1.0)
        print("same vector:", (model.encode("a short text") == before).all())
        """,
        small.text,
        LONG_TEXT,
    )
    assert (done.stdout.split("\n")[:2], done.stderr) == (["stopped within a second: True", "same vector: True"], "")


def test_many_threads_on_one_model_get_the_bits_of_one(small: Checkpoint) -> None:
    pictures = [Image.new("RGB", (40 + 8 * i, 60), (20 * i, 80, 200)) for i in range(4)]
    inputs = [["a text", "another, a bit longer"], pictures[0], [["fused", pictures[1]], "text"], "x" * 300] * 4
    with jina_omni.Model(small.text, small.vision) as model:
        expected = [model.encode(one) for one in inputs]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(model.encode, inputs))
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gets_an_error_and_a_new_model_works_there(small: Checkpoint) -> None:
    done = run_python(
        """
        import os, sys, warnings
        import jina_omni
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about threads and fork
        model = jina_omni.Model(sys.argv[1])
        vector = model.encode("a text")
        if os.fork() == 0:
            try:
                model.encode("a text")
            except jina_omni.NativeError as error:
                print("spawn" in str(error), flush=True)
            del model  # which must not wait for threads that the child has not got
            with jina_omni.Model(sys.argv[1]) as another:
                print((another.encode("a text") == vector).all(), flush=True)
            sys.exit()
        os.wait()
        print((model.encode("a text") == vector).all())
        """,
        small.text,
    )
    assert (done.stdout.split(), done.stderr) == (["True", "True", "True"], "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_may_close_the_model_or_end_with_it(small: Checkpoint) -> None:
    """Freeing would wait there for threads that the child does not have."""
    done = run_python(
        """
        import os, sys, warnings
        import jina_omni
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about threads and fork
        model = jina_omni.Model(sys.argv[1], n_threads=2)
        vector = model.encode("a text")
        if os.fork() == 0:
            model.close()
            del model
            print("closed", flush=True)
            os._exit(0)
        os.wait()
        if os.fork() == 0:
            sys.exit()
        print(os.wait()[1])
        print((model.encode("a text") == vector).all())
        """,
        small.text,
    )
    assert (done.stdout.split(), done.stderr) == (["closed", "0", "True"], "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_that_is_forked_during_calls_gets_the_error_and_may_close_the_model(small: Checkpoint) -> None:
    """The calls of the parent's other threads never end there."""
    done = run_python(
        """
        import os, signal, sys, threading, warnings
        import jina_omni
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about threads and fork
        model = jina_omni.Model(sys.argv[1], n_threads=2)
        token = jina_omni.CancelToken()
        begun = threading.Event()
        def call():
            begun.set()
            try:
                model.encode([f"{i} {sys.argv[2]}" for i in range(20)], cancel=token)
            except jina_omni.Cancelled:
                print("cancelled")
        thread = threading.Thread(target=call)
        thread.start()
        begun.wait()
        while not model._users:
            pass
        with model._usage:  # as another thread may
            child = os.fork()
        if child == 0:
            signal.alarm(60)
            try:
                model.encode("a text")
            except jina_omni.NativeError as error:
                print("fork" in str(error), flush=True)
            model.close()
            print("closed", flush=True)
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)
        token.cancel()
        thread.join()
        """,
        small.text,
        LONG_TEXT,
    )
    assert (done.stdout.split(), done.stderr) == (["True", "closed", "0", "cancelled"], "")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_threads_that_the_system_refuses_are_an_error_and_none_stays() -> None:
    done = run_python(
        """
        import os, resource
        from jina_omni.errors import NativeError
        from jina_omni.native import Context, find_device
        Context(find_device("cpu"), 2).close()
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        threads = len(os.listdir("/proc/self/task"))
        resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), resource.RLIM_INFINITY))
        try:
            Context(find_device("cpu"), 512)
        except NativeError as error:
            print("smaller n_threads" in str(error))
        print(len(os.listdir("/proc/self/task")) - threads)
        """
    )
    assert (done.stdout.split(), done.stderr) == (["True", "0"], "")


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="asks Linux on x86-64")
@pytest.mark.parametrize("chosen", ["", "amx"])
def test_nothing_is_asked_of_the_kernel_for_the_whole_process(small: Checkpoint, chosen: str) -> None:
    """Tiles of AMX would make the signal frames of all threads of the host larger, too large for small stacks."""
    if chosen and chosen not in instruction_sets():
        pytest.skip("needs AMX")
    done = run_python(
        """
        import ctypes, sys
        import jina_omni
        def permitted():
            mask = ctypes.c_uint64()
            get_permissions = 0x1022  # ARCH_GET_XCOMP_PERM
            ctypes.CDLL(None).syscall(158, get_permissions, ctypes.byref(mask))
            return mask.value
        before = permitted()
        for compute in ("fast", "exact"):
            with jina_omni.Model(*sys.argv[1:], compute=compute, n_threads=2) as model:
                model.encode("a text")
        print(permitted() & ~before)
        """,
        small.text,
        JINA_OMNI_INSTRUCTION_SET=chosen,
    )
    tile_data = 1 << 18
    assert (done.stdout, done.stderr) == (f"{tile_data if chosen else 0}\n", "")


def test_a_pickled_model_opens_its_files_anew(nano: Checkpoint) -> None:
    model = jina_omni.Model(nano.text, nano.vision, n_threads=1, dialect="sentence-transformers")
    with model, pickle.loads(pickle.dumps(model)) as copy:
        assert copy.info == model.info
        assert np.array_equal(copy.encode("a text"), model.encode("a text"))


def test_close_waits_for_the_running_call(small: Checkpoint) -> None:
    model = jina_omni.Model(small.text)
    text = "a b c d " * 1000
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(model.encode, text)
        while not running.running() or not model._users:
            time.sleep(0.001)
        model.close()
        assert running.done()
        assert running.result().shape == (model.info.dim,)
    with pytest.raises(jina_omni.ClosedError):
        model.encode("a text")


@pytest.mark.skipif(sys.platform != "linux", reason="loads the other library with its symbols for all")
@pytest.mark.usefixtures("engine")
def test_another_llama_cpp_in_the_process_changes_nothing(small: Checkpoint) -> None:
    """The worst neighbour: of default visibility, in the global namespace, loaded before us or after."""
    code = """
        import ctypes, sys
        sys.path.insert(0, ".")
        first = sys.argv[2] == "first"
        def load():
            from testing.engine import llama
            ctypes.CDLL(str(llama.library_path()), mode=ctypes.RTLD_GLOBAL)
            return llama
        llama = load() if first else None
        import jina_omni
        model = jina_omni.Model(sys.argv[1])
        before = model.encode("a text of some words")
        llama = llama or load()
        ids = model._preparer.tokenizer("a text of some words").tolist()
        with llama.Embedder(sys.argv[1], n_ctx=512, n_batch=512, n_ubatch=512, n_seq_max=1, n_threads=2) as other:
            theirs = other.embed([ids])[0]
            ours = model.encode("a text of some words")
            again = other.embed([ids])[0]
        print((ours == before).all(), (theirs == again).all(), float(ours @ theirs / (theirs @ theirs) ** 0.5) > 0.9999)
    """
    for order in ("first", "second"):
        done = run_python(code, small.text, order)
        assert (done.stdout.split(), done.returncode) == (["True"] * 3, 0), done.stderr


@pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed")
@pytest.mark.parametrize("first", ["llama_cpp", "jina_omni"])
def test_llama_cpp_python_and_we_do_not_touch_each_other(small: Checkpoint, first: str) -> None:
    done = run_python(
        """
        import importlib, sys
        import numpy as np
        importlib.import_module(sys.argv[2])
        import jina_omni, llama_cpp
        text = "a text of some words"
        def theirs():
            other = llama_cpp.Llama(
                sys.argv[1], embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_LAST, n_ctx=512, verbose=False
            )
            vector = np.array(other.embed(text, normalize=True))
            other.close()
            return vector
        model = jina_omni.Model(sys.argv[1])
        ours, other = model.encode(text), theirs()
        model_after = jina_omni.Model(sys.argv[1])
        same = [(m.encode(text) == ours).all() for m in (model, model_after)]
        model.close()
        print(*same, (theirs() == other).all(), float(ours @ other) > 0.999)
        """,
        small.text,
        first,
    )
    assert (done.stdout.split(), done.returncode) == (["True"] * 4, 0), done.stderr


def test_loading_and_closing_leaks_neither_memory_nor_files(small: Checkpoint) -> None:
    """Resident memory after fifty more loads is that of the first few, within noise."""
    done = run_python(
        """
        import gc, os, psutil, sys
        import jina_omni
        me = psutil.Process()
        def round():
            with jina_omni.Model(sys.argv[1], sys.argv[2]) as model:
                model.encode("a text")
            gc.collect()
        for _ in range(10):
            round()
        memory, files, threads = me.memory_info().rss, me.num_fds(), me.num_threads()
        for _ in range(50):
            round()
        print((me.memory_info().rss - memory) / 2**20 < 20, me.num_fds() - files, me.num_threads() <= threads)
        """,
        small.text,
        small.vision,
    )
    assert (done.stdout.split(), done.stderr) == (["True", "0", "True"], "")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_an_exception_of_a_signal_handler_stops_the_call_too(small: Checkpoint) -> None:
    def handle(_number: int, _frame: object) -> None:
        raise TimeoutError("the caller's own alarm")

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        with jina_omni.Model(small.text) as model:
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(TimeoutError):
                model.encode([f"{i} {LONG_TEXT}" for i in range(20)])
            assert model.encode("a text").shape == (model.info.dim,)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
