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
from jina_omni.media.limits import SANDBOX_CLOCK_FACTOR, SANDBOX_MEMORY, SANDBOX_SECONDS

__all__ = ["Sandbox"]

_POLL = 0.005  # seconds between two readings of the memory
_MARGIN = 1 << 26  # bytes that a decoder may fill in between
_PROGRAM = Path(__file__).with_name("sandboxed.py")


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

    Raises
    ------
    UnsupportedMediaError
        No Python can be started.
    """

    def __init__(
        self,
        package: ModuleType,
        what: str,
        advice: str,
        *,
        file: BinaryIO | None = None,
        address_space: int = SANDBOX_MEMORY,
    ) -> None:
        self._advice = advice
        problem = f"is {what}, which is drawn by another Python process, and this program"
        if getattr(sys, "frozen", False) or not sys.executable:
            raise UnsupportedMediaError(f"{problem} has no Python to start; {advice}")
        folder = Path(str(package.__file__)).parent.parent
        # Elsewhere only standard streams are inherited, and they are taken.
        descriptors = (file.fileno(),) if file and os.name == "posix" else ()
        source = str(descriptors[0]) if descriptors else str(Path(file.name).absolute()) if file else ""
        limits = (str(address_space), str(int(SANDBOX_CLOCK_FACTOR * SANDBOX_SECONDS) + 1))
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
            raise UnsupportedMediaError(f"{problem} can't start one ({error}); {advice}") from error
        self._owner = os.getpid()
        self._excess = ""
        self._end = weakref.finalize(self, _end, self._process)
        reply = self._exchange()
        if reply is None or reply[0] != b"+":
            reason = _first_line(reply[1]) if reply else self._excess or self._reason_for_exit()
            self.close()
            raise UnsupportedMediaError(f"{problem} can't start one ({reason}); {advice}")

    @property
    def is_alive(self) -> bool:
        """Whether this process can ask; false in a fork of the one that made the sandbox."""
        return self._owner == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        """End the process, if it has not ended yet."""
        self._end()

    def ask(self, request: bytes, what: str) -> bytes:
        """Send a request, and return the reply; any error ends the process.

        Parameters
        ----------
        request : bytes
            As the decoder in `sandboxed` takes it.
        what : str
            What the request is about, such as "a page of a PDF", for messages.

        Raises
        ------
        DecodeError
            The input is damaged.
        InputError
            The decoder refuses it, or takes more time or memory than it may.
        """
        reply = self._exchange(request)
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

    def _exchange(self, *requests: bytes) -> tuple[bytes, bytes] | None:
        """Send requests and return the status and body of the next reply; None where the process ends before it."""
        stdin, stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watch.start()
        try:
            with contextlib.suppress(OSError):  # it has ended, so there is no reply either
                for request in requests:
                    stdin.write(len(request).to_bytes(8, "little"))
                    stdin.write(request)
                stdin.flush()
            head = stdout.read(9)
            size = int.from_bytes(head[1:], "little")
            body = stdout.read(size) if size <= SANDBOX_MEMORY else b""
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
        begin, used = time.monotonic(), _read_seconds(pid)
        while not done.wait(_POLL):
            if _read_seconds(pid) - used > SANDBOX_SECONDS:
                self._excess = f"over {SANDBOX_SECONDS} seconds"
            elif time.monotonic() - begin > SANDBOX_CLOCK_FACTOR * SANDBOX_SECONDS:
                self._excess = f"over {SANDBOX_CLOCK_FACTOR * SANDBOX_SECONDS} seconds"
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


def _end(process: subprocess.Popen[bytes]) -> None:
    # In a fork it is not our child: Popen notices that and does nothing.
    process.kill()
    process.wait()
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


def _first_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or [""])[0]
