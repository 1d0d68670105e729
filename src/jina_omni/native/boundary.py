# SPDX-License-Identifier: Apache-2.0
"""The C boundary: the only user of the extension and of cffi.

Functions are named as in ``csrc/jina_omni.h``. Statuses become exceptions, and native log lines become Python's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from jina_omni.errors import Cancelled, ClosedError, InputError, ModelLoadError, NativeError
from jina_omni.native.extension import load_extension

_extension, extension_problem = load_extension()
_ffi: Any = _extension.ffi
_lib: Any = _extension.lib

_LOG_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_log = logging.getLogger("jina_omni.native")

_ERRORS: dict[int, type[Exception]] = {
    _lib.OMNI_LOAD_FAILED: ModelLoadError,
    _lib.OMNI_INVALID_ARGUMENT: ValueError,
    _lib.OMNI_OUT_OF_MEMORY: NativeError,
    _lib.OMNI_CANCELLED: Cancelled,
    _lib.OMNI_FAILED: NativeError,
    _lib.OMNI_TOO_LARGE: InputError,
}

INTERACTIVE: int = _lib.OMNI_INTERACTIVE
BACKGROUND: int = _lib.OMNI_BACKGROUND

_ARRAY_TYPES = {
    np.dtype(np.float32): "float[]",
    np.dtype(np.float64): "double[]",
    np.dtype(np.int32): "int32_t[]",
    np.dtype(np.int64): "int64_t[]",
    np.dtype(np.uintp): "size_t[]",
}


class Native:
    """An object that native functions take as an argument."""

    def _native(self) -> Any:
        """Return what cffi takes for it."""
        raise NotImplementedError


def to_native(argument: object) -> Any:
    """Return what cffi takes for an argument; it keeps alive what it points to."""
    if isinstance(argument, Native):
        return argument._native()  # noqa: SLF001 - private to this package, which callers of the objects need not see
    if isinstance(argument, np.ndarray):
        return _ffi.from_buffer(_ARRAY_TYPES[argument.dtype], argument)
    return _ffi.NULL if argument is None else argument


def prepare(name: str, *arguments: object) -> Callable[[], None]:
    """Return a call of a function that returns a status, for any thread; its error argument is added here.

    The arguments are looked at now, so that a closed handle raises in the caller's thread.

    Raises
    ------
    ClosedError, NativeError
        An argument is a handle that can't be used; see `Handle`.
    """
    function = getattr(_lib, name)
    native = [to_native(argument) for argument in arguments]

    def call_function() -> None:
        error = _ffi.new("omni_error *")
        status = function(*native, error)
        drain_log()
        if status != _lib.OMNI_OK:
            raise _ERRORS[status](_text(error.text))

    return call_function


def call(name: str, *arguments: object) -> None:
    """Call a function that returns a status.

    Raises
    ------
    ModelLoadError, NativeError, InputError, Cancelled, ValueError
        What belongs to the status, with the native text. `ValueError` is for an argument out of its range. `InputError`
        is for an input that alone is too large for the device, and has no location yet.
    """
    prepare(name, *arguments)()


def get_integer(name: str, *arguments: object) -> int:
    """Call a function that returns an integer."""
    return int(getattr(_lib, name)(*map(to_native, arguments)))


def get_string(name: str, *arguments: object) -> str | None:
    """Call a function that returns a string, None for NULL."""
    chars = getattr(_lib, name)(*map(to_native, arguments))
    return None if chars == _ffi.NULL else _text(chars)


def read_string(name: str, *arguments: object, n_max: int) -> str | None:
    """Call a function that copies a string, cut to `n_max` bytes, and returns its length; None for a negative one."""
    chars = _ffi.new("char[]", n_max + 1)
    return None if get_integer(name, *arguments, chars, n_max + 1) < 0 else _text(chars)


def read_struct(name: str, *arguments: object) -> SimpleNamespace:
    """Call a function whose last argument is a struct to fill; return the fields as numbers, strings and tuples."""
    struct = _ffi.typeof(getattr(_lib, name)).args[len(arguments)]
    filled = _ffi.new(struct)
    call(name, *arguments, filled)
    return SimpleNamespace(**{field: _to_python(getattr(filled, field)) for field, _ in struct.item.fields})


def drain_log() -> None:
    """Hand all native log lines to the logger ``jina_omni.native``."""
    level = _ffi.new("int32_t *")
    line = _ffi.new("char[4096]")
    while _lib.omni_log_next(level, line, len(line)):
        _log.log(_LOG_LEVELS[level[0]], "%s", _text(line))


def _to_python(value: Any) -> object:
    if not isinstance(value, _ffi.CData):
        return value
    return _text(value) if _ffi.typeof(value).item.cname == "char" else tuple(value)


def _text(chars: Any) -> str:
    """Return a terminated native string; bytes that are not UTF-8 (a cut character) are replaced."""
    return str(_ffi.string(chars).decode("utf-8", "replace"))


class Handle(Native):
    """A native object that ends with the last reference to it, so that no call loses what it works on.

    Parameters
    ----------
    c_type : str
        Such as ``omni_text``, whose objects ``omni_text_free`` ends.
    create : str
        The function that makes it.
    *arguments
        Of that function, before the pointer to the handle.
    """

    def __init__(self, c_type: str, create: str, *arguments: object) -> None:
        made = _ffi.new(f"{c_type} **")
        call(create, *arguments, made)
        free = getattr(_lib, f"{c_type}_free")
        self._process = process = os.getpid()
        getpid = os.getpid  # as the interpreter ends, names of the module may be gone

        def free_in_its_process(pointer: Any) -> None:
            # a forked child lacks the threads that freeing would wait for, indefinitely
            if getpid() == process:
                free(pointer)

        self._pointer = _ffi.gc(made[0], free_in_its_process)

    @property
    def is_forked(self) -> bool:
        """Whether this process is a forked child of the one that made it, where no thread ends that uses it."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Raise `NativeError` in a forked child."""
        if self.is_forked:
            raise NativeError(
                f"this {type(self).__name__} was made before a fork and can't be used in the child; make it in the "
                "child, or start workers with multiprocessing.get_context('spawn')"
            )

    def _native(self) -> Any:
        """Return the native pointer; hold it as long as it is used.

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
        self.check_process()
        return pointer

    def close(self) -> None:
        """Release the native object. Does nothing the second time."""
        self._pointer = None
