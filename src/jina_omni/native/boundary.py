# SPDX-License-Identifier: Apache-2.0
"""The C boundary: the only user of the extension, where statuses become exceptions and native logs Python's."""

from __future__ import annotations

import logging
import os
from typing import Any

from jina_omni.errors import Cancelled, ClosedError, InputError, JinaOmniError, ModelLoadError, NativeError
from jina_omni.native.extension import load_extension

_extension, extension_problem = load_extension()
ffi: Any = _extension.ffi
lib: Any = _extension.lib

_LOG_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_log = logging.getLogger("jina_omni.native")

_ERRORS: dict[int, type[JinaOmniError]] = {
    lib.OMNI_LOAD_FAILED: ModelLoadError,
    lib.OMNI_BAD_INPUT: InputError,
    lib.OMNI_OUT_OF_MEMORY: NativeError,
    lib.OMNI_CANCELLED: Cancelled,
    lib.OMNI_FAILED: NativeError,
}


def call(function: Any, *arguments: Any) -> None:
    """Call a function of the header that returns a status; its error argument is added here.

    Raises
    ------
    JinaOmniError
        Of the class that belongs to the status, with the native text.
    """
    error = ffi.new("omni_error *")
    status = function(*arguments, error)
    drain_log()
    if status != lib.OMNI_OK:
        raise _ERRORS[status](text(error.text))


def text(chars: Any) -> str:
    """Return a terminated native string; bytes that are no UTF-8 (a cut character) are replaced."""
    return str(ffi.string(chars).decode("utf-8", "replace"))


def drain_log() -> None:
    """Hand all native log lines to the logger ``jina_omni.native``."""
    level = ffi.new("int32_t *")
    line = ffi.new("char[4096]")
    while lib.omni_log_next(level, line, len(line)):
        _log.log(_LOG_LEVELS[level[0]], "%s", text(line))


class Handle:
    """A native object that ends with the last reference to it, so that no running call loses what it works on."""

    def __init__(self, pointer: Any, free: Any) -> None:
        self._process = process = os.getpid()
        getpid = os.getpid  # as the interpreter ends, names of the module may be gone

        def free_in_its_process(pointer: Any) -> None:
            # a forked child lacks the threads that freeing would wait for, forever
            if getpid() == process:
                free(pointer)

        self._pointer = ffi.gc(pointer, free_in_its_process)

    @property
    def pointer(self) -> Any:
        """The native pointer; hold it as long as it is used.

        Raises
        ------
        ClosedError
            After `close`.
        NativeError
            In a forked child: native threads and devices do not survive a fork.
        """
        pointer = self._pointer
        if pointer is None:
            raise ClosedError(f"this {type(self).__name__} is closed; make a new one")
        if os.getpid() != self._process:
            raise NativeError(
                f"this {type(self).__name__} was made before a fork and can't be used in the child; make it in the "
                "child, or start workers with multiprocessing.get_context('spawn')"
            )
        return pointer

    def close(self) -> None:
        """Let go of the native object. Does nothing the second time."""
        self._pointer = None
