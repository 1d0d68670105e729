# SPDX-License-Identifier: Apache-2.0
"""Decoders in a subprocess, bounded in memory and time.

A drawing and a page are programs: a few bytes of them can ask for any amount of memory and time, and where resvg and
PDFium run out of memory or stack, they end the process they are in. So rendering runs in a subprocess; its program is
`sandboxed`.

Time is bounded everywhere, memory on Linux only: macOS and Windows have no limit that works. Linux reports the
processor time of a process, so that a document is not refused there because other processes kept the processors busy.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, BinaryIO, NamedTuple, cast

from jina_omni.errors import Cancelled, DecodeError, InputError, UnsupportedMediaError
from jina_omni.media.limits import SANDBOX_CLOCK_FACTOR, SANDBOX_MEMORY, SANDBOX_SECONDS

if sys.platform != "win32":
    import fcntl

__all__ = ["NO_TIME", "Sandbox", "Seconds"]

_POLL = 0.005  # seconds between two looks at the memory, the time and the caller's event
_MARGIN = 1 << 26  # bytes that a decoder may fill in between
_LAST_STANDARD_STREAM = 2
_PROGRAM = Path(__file__).with_name("sandboxed.py")


class Seconds(NamedTuple):
    """Time that replies took.

    Attributes
    ----------
    processor : float
        Of the process, on its processors; elsewhere than on Linux, those of the clock.
    clock : float
    """

    processor: float = 0
    clock: float = 0


NO_TIME = Seconds()
"""Before the first reply."""


class Sandbox:
    """A decoder in a Python process of its own, which answers one request after the other.

    Only one thread at a time may ask. The process ends with `close`, with its first error, with this object, and with
    the process that made it, even if that crashes.

    Parameters
    ----------
    package : module
        The decoder's.
    what : str
        What the input is, such as "a PDF".
    advice : str
        What messages advise, such as "render it to PNG".
    file : file, optional
        File that the decoder is to read, at its start. It may be closed afterwards.
    address_space : int
        Bytes that the decoder may reserve. A decoder that handles failed allocations needs no more than it may hold.
    stop : threading.Event, optional
        Ends the start soon after it is set.

    Attributes
    ----------
    taken : Seconds
        What the last reply took, with what `ask` was given as taken before.
    is_out_of_time : bool
        Whether the process was ended because a reply took too long.

    Raises
    ------
    UnsupportedMediaError
        No Python can be started.
    Cancelled
        Through `stop`.
    """

    def __init__(
        self,
        package: ModuleType,
        what: str,
        advice: str,
        *,
        file: BinaryIO | None = None,
        address_space: int = SANDBOX_MEMORY,
        stop: threading.Event | None = None,
    ) -> None:
        self._advice = advice
        problem = f"is {what}, which is drawn by another Python process, and this program"
        if getattr(sys, "frozen", False) or not sys.executable:
            raise UnsupportedMediaError(f"{problem} has no Python to start; {advice}")
        folder = Path(str(package.__file__)).parent.parent
        limits = (str(address_space), str(int(SANDBOX_CLOCK_FACTOR * SANDBOX_SECONDS) + 1))
        try:
            with _inheritable(file) as (descriptors, source):
                self._process = subprocess.Popen(  # noqa: S603 - our program, and the document comes by a pipe
                    [sys.executable, "-I", "-S", str(_PROGRAM), package.__name__, str(folder), *limits, source],
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,  # a fork closes its copies of the pipes, which must not write what a buffer holds
                    pass_fds=descriptors,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            raise UnsupportedMediaError(f"{problem} can't start one ({error}); {advice}") from None
        self._owner = os.getpid()
        self._excess = ""
        self._is_stopped = False
        self.taken = NO_TIME
        self.is_out_of_time = False
        self._end = weakref.finalize(self, _end, self._process, self._owner)
        reply = self._exchange(None, stop, NO_TIME)
        if reply is None or reply[0] != b"+":
            reason = _first_line(reply[1]) if reply else self._excess or self._reason_for_exit()
            self.close()
            raise UnsupportedMediaError(f"{problem} can't start one ({reason}); {advice}")

    @property
    def is_alive(self) -> bool:
        """Whether this process can ask; false in a fork of the one that made the sandbox."""
        return self._owner == os.getpid() and self._process.poll() is None

    @property
    def memory(self) -> int:
        """Resident bytes of the process; 0 elsewhere than on Linux."""
        return _read_memory(self._process.pid)

    def close(self) -> None:
        """End the process, if it has not ended yet."""
        self._end()

    def ask(
        self, request: bytes, what: str, stop: threading.Event | None = None, taken: Seconds = NO_TIME
    ) -> bytes | bytearray:
        """Send a request, and return the reply; any error ends the process.

        Parameters
        ----------
        request : bytes
            As the decoder in `sandboxed` takes it.
        what : str
            What the request is about, such as "a page of a PDF", for messages.
        stop : threading.Event, optional
            Ends the process and this call soon after it is set. One that is set already leaves the process as it is.
        taken : Seconds
            What was taken before for the same reply, which the limits count too.

        Raises
        ------
        DecodeError
            The input is damaged.
        InputError
            The decoder refuses it, or takes more time or memory than it may.
        Cancelled
            Through `stop`.
        """
        if stop is not None and stop.is_set():
            raise Cancelled
        reply = self._exchange(request, stop, taken)
        if reply is None:
            excess = self._excess or "too much memory"
            reason = "" if self._excess else f" ({self._reason_for_exit()})"
            self.close()
            raise InputError(f"is {what} that takes {excess} to draw{reason}; simplify it, or {self._advice}")
        status, body = reply
        if status == b"+":
            return body
        self.close()
        if status == b"!":
            raise InputError(_first_line(body))
        raise DecodeError(f"can't be decoded as {what} ({_first_line(body)}); it is damaged or cut short")

    def _exchange(
        self, request: bytes | None, stop: threading.Event | None, taken: Seconds
    ) -> tuple[bytes, bytearray] | None:
        """Send a request, if any, and return the status and body of the reply; None where the process ends before it.

        Raises
        ------
        Cancelled
            Through `stop`.
        """
        stdin, stdout = cast(io.RawIOBase, self._process.stdin), cast(io.RawIOBase, self._process.stdout)
        self.taken = taken
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done, stop, taken), daemon=True)
        watch.start()
        try:
            if request is not None:
                with contextlib.suppress(OSError):  # it has ended, so there is no reply either
                    _write(stdin, len(request).to_bytes(8, "little"))
                    _write(stdin, request)
            head = _read(stdout, 9)
            size = int.from_bytes(head[1:], "little")
            body = _read(stdout, size if size <= SANDBOX_MEMORY else 0)
        except BaseException:
            self.close()
            raise
        finally:
            done.set()
            watch.join()
        if self._is_stopped:
            self.close()
            raise Cancelled
        return None if len(head) < 9 or len(body) < size or self._excess else (bytes(head[:1]), body)

    def _watch(self, done: threading.Event, stop: threading.Event | None, taken: Seconds) -> None:
        """End a process that takes too long or too much, or whose caller gives up."""
        pid = self._process.pid
        begin = Seconds(_read_seconds(pid) - taken.processor, time.monotonic() - taken.clock)
        while not done.wait(_POLL):
            self.taken = Seconds(_read_seconds(pid) - begin.processor, time.monotonic() - begin.clock)
            if stop is not None and stop.is_set():
                self._is_stopped = True
            elif self.taken.processor > SANDBOX_SECONDS:
                self._excess = f"over {SANDBOX_SECONDS} seconds"
                self.is_out_of_time = True
            elif self.taken.clock > SANDBOX_CLOCK_FACTOR * SANDBOX_SECONDS:
                self._excess = f"over {SANDBOX_CLOCK_FACTOR * SANDBOX_SECONDS} seconds"
                self.is_out_of_time = True
            elif _read_memory(pid) > SANDBOX_MEMORY - _MARGIN:
                self._excess = f"over {SANDBOX_MEMORY / 2**30:g} GiB of memory"
            else:
                continue
            self._process.kill()
            return

    def _reason_for_exit(self) -> str:
        """End the process and return its last message, or its exit code."""
        self._process.kill()
        code = self._process.wait()
        return _first_line(cast(IO[bytes], self._process.stderr).read()) or f"exit code {code}"


@contextlib.contextmanager
def _inheritable(file: BinaryIO | None) -> Iterator[tuple[tuple[int, ...], str]]:
    """Return the descriptors that another process inherits to read a file, and what it opens the file by.

    Where the caller has closed a standard stream, a file may have its number, which is that of a pipe in the other
    process; a copy has another. On Windows only standard streams are inherited, so the file goes by its path.
    """
    if file is None:
        yield (), ""
    elif sys.platform == "win32":
        yield (), str(Path(file.name).absolute())
    elif file.fileno() > _LAST_STANDARD_STREAM:
        yield (file.fileno(),), str(file.fileno())
    else:
        copy = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, _LAST_STANDARD_STREAM + 1)
        try:
            yield (copy,), str(copy)
        finally:
            os.close(copy)


def _write(pipe: io.RawIOBase, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[pipe.write(rest) :]


def _read(pipe: io.RawIOBase, size: int) -> bytearray:
    """Return so many bytes of a pipe, fewer if it ends before."""
    content = bytearray(size)
    n_read = 0
    with memoryview(content) as view:
        while n_read < size and (n := pipe.readinto(view[n_read:])):
            n_read += n
    del content[n_read:]
    return content


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:
        process.kill()
        process.wait()
    else:  # a fork, whose child it is not
        process.returncode = 0
    for pipe in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):  # the rest of a request that nobody reads
            cast(IO[bytes], pipe).close()


def _read_memory(pid: int) -> int:
    """Return the resident bytes of a process, 0 where the system has no /proc as Linux has."""
    try:
        _, pages, *_ = Path(f"/proc/{pid}/statm").read_bytes().split()
    except (OSError, ValueError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _read_seconds(pid: int) -> float:
    """Return the processor seconds of a process, 0 where it has ended; elsewhere than on Linux, those of the clock."""
    if sys.platform != "linux":
        return time.monotonic()
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _first_line(text: bytes | bytearray) -> str:
    return (text.decode(errors="replace").strip().splitlines() or [""])[0]
