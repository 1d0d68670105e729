# SPDX-License-Identifier: Apache-2.0
"""Computing: a device with its threads, and the handle that stops it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.errors import Cancelled, InputError
from jina_omni.native.boundary import Handle, call, ffi, lib
from jina_omni.native.devices import Device, instruction_sets
from jina_omni.native.models import Projector, TextModel, mel_rows

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_INTERRUPT_POLL = 0.1  # seconds; Windows sees Ctrl-C only between two waits


class CancelToken:
    """Stops the calls that it was passed to, from any thread.

    A stopped call raises `jina_omni.Cancelled` within about a second on a CPU. The token stays set: make a new one for
    the next call.
    """

    def __init__(self) -> None:
        self.pointer = ffi.new("int32_t *")

    def cancel(self) -> None:
        """Stop every call that holds this token, now and later."""
        self.pointer[0] = 1

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return bool(self.pointer[0])

    def check(self) -> None:
        """Raise `jina_omni.Cancelled` once `cancel` was called; for work outside of native code."""
        if self.cancelled:
            raise Cancelled


class Context(Handle):
    """A device with its threads and its compute memory. Callers of one context take turns.

    Parameters
    ----------
    device : Device
        The device that holds the weights of what this context will run.
    n_threads : int
        Threads of the CPU, 1 to 512.
    instruction_set : str, optional
        Of the CPU, one of `instruction_sets`; the best by default.
    exact : bool
        On a CPU, multiply in float32: the vectors of the dequantised weights. Otherwise the sides of a layer's products
        may be rounded there to 8 or 14 bits, which is faster.
    portable : bool
        Run the operations of other backends on the CPU too; for tests.

    Notes
    -----
    In the main thread, a call runs in a thread of the context while the main thread waits: so Ctrl-C arrives at once,
    stops the call as a `CancelToken` does, and leaves the context usable.
    """

    def __init__(
        self,
        device: Device,
        n_threads: int,
        *,
        instruction_set: str | None = None,
        exact: bool = False,
        portable: bool = False,
    ) -> None:
        handle = ffi.new("omni_context **")
        kernels = instruction_sets().index(instruction_set) if instruction_set else 0
        call(lib.omni_context_init, device.index, n_threads, kernels, int(exact), int(portable), handle)
        super().__init__(handle[0], lib.omni_context_free)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jina_omni")

    def close(self) -> None:
        """Let go of the device once the running call has ended."""
        super().close()
        self._worker.shutdown()

    def encode_patches(
        self, projector: Projector, patches: Floats, grids: Ints, *, cancel: CancelToken | None = None
    ) -> Floats:
        """Run the vision tower.

        Parameters
        ----------
        projector : Projector
            With a vision tower.
        patches : array, shape (sum of t * h * w, 3 * 2 * patch_size ** 2), float32
            Normalised pixels of all inputs: a row holds (channel, frame of the pair, y, x) of one patch; rows come in
            the order (t, h / merge, w / merge, merge, merge). This is the layout of transformers' ``pixel_values``.
        grids : array, shape (n, 3), int32
            (t, h, w) of each input, in patches.
        cancel : CancelToken, optional

        Returns
        -------
        array, shape (sum of t * h * w / merge_size ** 2, n_embd_out), float32
            Rows for `encode_sequences`, in the order of the inputs.
        """
        patches = np.ascontiguousarray(patches, np.float32)
        grids = np.ascontiguousarray(grids, np.int32)
        if grids.ndim != 2 or grids.shape[1] != 3:
            raise InputError(f"grids has the shape {grids.shape}, expected (n, 3)")
        n_patch = int(grids.astype(np.int64).prod(axis=1).sum())
        width = 3 * 2 * projector.patch_size**2
        if patches.shape != (n_patch, width):
            raise InputError(f"patches has the shape {patches.shape}, its grids demand {(n_patch, width)}")
        rows = np.empty((n_patch // max(1, projector.merge_size**2), projector.n_embd_out), np.float32)
        self._run(lib.omni_encode_patches, cancel, rows, projector, _in(patches), _in(grids), len(grids))
        return rows

    def encode_mel(
        self, projector: Projector, frames: Floats, lengths: Ints, *, cancel: CancelToken | None = None
    ) -> Floats:
        """Run the audio tower.

        Parameters
        ----------
        projector : Projector
            With an audio tower.
        frames : array, shape (sum of lengths, n_mel), float32
            Log-mel frames of all clips, 100 a second. This is transformers' ``input_features``, a frame to a row.
        lengths : array, shape (n,), int32
            Frames of each clip, 3 to ``projector.max_mel_frames``.
        cancel : CancelToken, optional

        Returns
        -------
        array, shape (sum of mel_rows(length), n_embd_out), float32
            Rows for `encode_sequences`, in the order of the clips.
        """
        frames = np.ascontiguousarray(frames, np.float32)
        lengths = np.ascontiguousarray(lengths, np.int32)
        if not projector.has_audio:
            raise InputError("this projector has no audio tower; load the ...-audio-mmproj-F16.gguf")
        if lengths.ndim != 1:
            raise InputError(f"lengths has the shape {lengths.shape}, expected (n,)")
        n_frame = int(lengths.sum(dtype=np.int64))
        if frames.shape != (n_frame, projector.n_mel):
            raise InputError(f"frames has the shape {frames.shape}, its lengths demand {(n_frame, projector.n_mel)}")
        rows = np.empty((sum(map(mel_rows, lengths.tolist())), projector.n_embd_out), np.float32)
        self._run(lib.omni_encode_mel, cancel, rows, projector, _in(frames), _in(lengths), len(lengths))
        return rows

    def encode_sequences(
        self,
        text: TextModel,
        tokens: Ints,
        lengths: Ints,
        rows: Floats | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Floats:
        """Run the text tower over packed sequences that don't see each other.

        Parameters
        ----------
        text : TextModel
        tokens : array, shape (sum of lengths,), int32
            Token ids of all sequences; -1 takes the next of `rows` instead.
        lengths : array, shape (n,), int32
            Tokens of each sequence, 1 to ``text.n_ctx``.
        rows : array, shape (count of -1, n_embd), float32, optional
        cancel : CancelToken, optional

        Returns
        -------
        array, shape (n, n_embd), float32
            The last position of each sequence after the final norm, not of unit length.
        """
        tokens = np.ascontiguousarray(tokens, np.int32)
        lengths = np.ascontiguousarray(lengths, np.int32)
        rows = np.ascontiguousarray(np.empty((0, text.n_embd)) if rows is None else rows, np.float32)
        if tokens.ndim != 1 or lengths.ndim != 1 or lengths.sum(dtype=np.int64) != len(tokens):
            raise InputError(f"lengths sum to {lengths.sum(dtype=np.int64)}, but there are {tokens.shape} tokens")
        if rows.ndim != 2 or rows.shape[1] != text.n_embd:
            raise InputError(f"rows has the shape {rows.shape}, expected (n, {text.n_embd})")
        pooled = np.empty((len(lengths), text.n_embd), np.float32)
        arguments = (_in(tokens), _in(lengths), len(lengths), _in(rows), len(rows))
        self._run(lib.omni_encode_sequences, cancel, pooled, text, *arguments)
        return pooled

    def _run(self, function: Any, cancel: CancelToken | None, out: Floats, model: Handle, *arguments: Any) -> None:
        token = cancel or CancelToken()
        everything = (self.pointer, model.pointer, *arguments, ffi.from_buffer("float[]", out), token.pointer)
        if threading.current_thread() is not threading.main_thread():
            call(function, *everything)
            return
        future = self._worker.submit(call, function, *everything)
        try:
            while not future.done():
                wait([future], timeout=_INTERRUPT_POLL)
        except BaseException:  # Ctrl-C, or what another signal's handler raises
            token.cancel()
            wait([future])
            raise
        future.result()


def _in(array: npt.NDArray[Any]) -> Any:
    return ffi.from_buffer("int32_t[]" if array.dtype == np.int32 else "float[]", array)
