# SPDX-License-Identifier: Apache-2.0
"""Decoders that may end their process: they run in one of their own, bounded in memory and time.

A drawing and a page are programs: a few bytes of them can ask for any memory and time, and where resvg and PDFium run
out of memory or stack, they end the process they are in. So that process is not ours. What it runs is in `sandboxed`.

Time is bounded everywhere, memory on Linux alone: macOS and Windows have no limit that would hold. Linux tells the time
that a process computes, so that there a document is not refused because other processes had the processors.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from types import ModuleType
from typing import IO, BinaryIO, cast

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError

__all__ = ["MEMORY_LIMIT", "TIME_LIMIT", "Sandbox"]

MEMORY_LIMIT = 1 << 30
"""Bytes that a decoder may hold."""

TIME_LIMIT = 20
"""Seconds of processor time that a decoder may take for one reply; of the clock's where the system is not Linux."""

_PATIENCE = 6  # times as long may it take by the clock
_PERIOD = 0.005  # seconds between two looks at the memory
_MARGIN = 1 << 26  # bytes that a decoder may fill in between
_PROGRAM = Path(__file__).with_name("sandboxed.py")


class Sandbox:
    """A decoder in a Python process of its own, which replies to one request after the other.

    One thread at a time may ask. The process ends with `close`, with its first error, with this object, and with the
    process that made it, however that ends.

    Parameters
    ----------
    package : module
        The decoder's.
    what : str
        What the input is, such as "a PDF".
    where : str
        What messages call the input.
    instead : str
        What messages advise, such as "render it to PNG".
    file : file, optional
        What the decoder is to read, at its start. It may be closed afterwards.
    address_space : int
        Bytes that the decoder may reserve. One that notices where it gets no more needs no more than it may hold.

    Raises
    ------
    UnsupportedMediaError
        No Python can be started.

    .. versionadded:: 0.1.0
    """

    def __init__(
        self,
        package: ModuleType,
        what: str,
        where: str,
        instead: str,
        *,
        file: BinaryIO | None = None,
        address_space: int = MEMORY_LIMIT,
    ) -> None:
        self._instead = instead
        drawn = f"{where} is {what}, which is drawn by another Python process, and this program"
        if getattr(sys, "frozen", False) or not sys.executable:
            raise UnsupportedMediaError(f"{drawn} has no Python to start; {instead}")
        folder = Path(str(package.__file__)).parent.parent
        # Elsewhere only standard streams are inherited, and they are taken.
        descriptors = (file.fileno(),) if file and os.name == "posix" else ()
        source = str(descriptors[0]) if descriptors else str(Path(file.name).absolute()) if file else ""
        limits = (str(address_space), str(int(_PATIENCE * TIME_LIMIT) + 1))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our program, and the document comes by a pipe
                [sys.executable, "-I", "-S", str(_PROGRAM), package.__name__, str(folder), *limits, source],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=descriptors,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise UnsupportedMediaError(f"{drawn} can't start one ({error}); {instead}") from error
        self._owner = os.getpid()
        self._excess = ""
        self._end = weakref.finalize(self, _end, self._process)
        reply = self._exchange()
        if reply is None or reply[0] != b"+":
            reason = _first_line(reply[1]) if reply else self._excess or self._last_words()
            self.close()
            raise UnsupportedMediaError(f"{drawn} can't start one ({reason}); {instead}")

    @property
    def is_alive(self) -> bool:
        """Whether this process can ask; false in a fork of the one that made the sandbox."""
        return self._owner == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        """End the process, if it has not ended yet."""
        self._end()

    def ask(self, request: bytes, what: str, where: str) -> bytes:
        """Send a request, and return the reply; any error ends the process.

        Parameters
        ----------
        request : bytes
            What the decoder in `sandboxed` takes.
        what, where : str
            What messages call the input, and what it is.

        Raises
        ------
        DecodeError
            The input is damaged.
        InputError
            The decoder refuses it, or takes over `TIME_LIMIT` or `MEMORY_LIMIT`.

        .. versionadded:: 0.1.0
        """
        reply = self._exchange(request)
        if reply is None:
            excess = self._excess or "too much memory"
            reason = "" if self._excess else f" ({self._last_words()})"
            self.close()
            raise InputError(
                f"{where} is {what} that takes {excess} to draw{reason}; simplify it, or {self._instead}"
            )
        kind, body = reply
        if kind == b"+":
            return body
        self.close()
        if kind == b"!":
            raise InputError(f"{where} {_first_line(body)}")
        raise DecodeError(f"{where} can't be decoded as {what} ({_first_line(body)}); it is damaged or cut short")

    def _exchange(self, *requests: bytes) -> tuple[bytes, bytes] | None:
        """Send requests and return the next reply, its kind and body; none where the process ends before."""
        stdin, stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watch.start()
        try:
            with contextlib.suppress(OSError):  # it has ended, so that there is no reply either
                for request in requests:
                    stdin.write(len(request).to_bytes(8, "little"))
                    stdin.write(request)
                stdin.flush()
            head = stdout.read(9)
            size = int.from_bytes(head[1:], "little")
            body = stdout.read(size) if size <= MEMORY_LIMIT else b""
        except BaseException:
            self.close()
            raise
        finally:
            done.set()
            watch.join()
        return None if len(head) < 9 or len(body) < size or self._excess else (head[:1], body)

    def _watch(self, done: threading.Event) -> None:
        """End a process that takes too long or too much."""
        pid = self._process.pid
        begin, used = time.monotonic(), _seconds_of(pid)
        while not done.wait(_PERIOD):
            if _seconds_of(pid) - used > TIME_LIMIT:
                self._excess = f"over {TIME_LIMIT} seconds"
            elif time.monotonic() - begin > _PATIENCE * TIME_LIMIT:
                self._excess = f"over {_PATIENCE * TIME_LIMIT} seconds"
            elif _memory_of(pid) > MEMORY_LIMIT - _MARGIN:
                self._excess = f"over {MEMORY_LIMIT / 2**30:g} GiB of memory"
            else:
                continue
            self._process.kill()
            return

    def _last_words(self) -> str:
        """Return why the process ended, as far as it says."""
        self._process.kill()
        code = self._process.wait()
        return _first_line(cast(IO[bytes], self._process.stderr).read()) or f"exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    # In a fork, where it is not our child, Popen notices that and does nothing.
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):  # the rest of a request that nobody reads
            cast(IO[bytes], pipe).close()


def _memory_of(pid: int) -> int:
    """Return the bytes of memory that a process holds, or 0 where the system does not say so in Linux's way."""
    try:
        _, pages, *_ = Path(f"/proc/{pid}/statm").read_bytes().split()
    except (OSError, ValueError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _seconds_of(pid: int) -> float:
    """Return the seconds that a process has computed, 0 where it has ended; not on Linux, the clock's."""
    if sys.platform != "linux":
        return time.monotonic()
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _first_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or [""])[0]
