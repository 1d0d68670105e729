# SPDX-License-Identifier: Apache-2.0
"""Computing: a device with its threads, and the handle that stops it."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Literal, TypeAlias

import numpy as np

from jina_omni.arguments import check_choice, check_int
from jina_omni.errors import Cancelled, as_thread_error
from jina_omni.native.arguments import Floats, Ints, as_floats, as_ints, require
from jina_omni.native.boundary import BACKGROUND, INTERACTIVE, Handle, Native, call, get_integer, prepare, to_native
from jina_omni.native.devices import Device
from jina_omni.native.models import ModelFile, Projector, TextModel, audio_token_count
from jina_omni.native.processors import instruction_sets, linear_products
from jina_omni.native.workarounds import apply_workarounds

MAX_THREADS = 512
"""Most threads of a context."""

Priority: TypeAlias = Literal["interactive", "background"]
PRIORITIES: tuple[Priority, ...] = ("interactive", "background")
"""Priorities of a call, the more urgent first."""

_PRIORITY_NUMBERS: dict[Priority, int] = {"interactive": INTERACTIVE, "background": BACKGROUND}

_INTERRUPT_POLL = 0.05  # seconds; Windows sees Ctrl-C only between two waits


class CancelToken(Native):
    """Stops the calls that it was passed to, from any thread.

    A stopped call raises `jina_omni.Cancelled` within 0.1 s on a CPU. The token stays set: make a new one for
    the next call.
    """

    def __init__(self) -> None:
        self._flag = np.zeros(1, np.int32)
        self._linked: list[weakref.ref[CancelToken]] = []

    def cancel(self) -> None:
        """Stop every call that holds this token, now and later."""
        self._flag[0] = 1
        for linked in tuple(self._linked):
            token = linked()
            if token is not None:
                token.cancel()

    def make_linked(self) -> CancelToken:
        """Return a token that is cancelled with this one, and by itself without this one."""
        token = CancelToken()
        # Only appending and removing, which are one step each, since a signal handler may cancel in between.
        self._linked.append(weakref.ref(token, self._linked.remove))
        if self.cancelled:
            token.cancel()
        return token

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return bool(self._flag[0])

    def check(self) -> None:
        """Raise `jina_omni.Cancelled` once `cancel` was called; for work outside of native code."""
        if self.cancelled:
            raise Cancelled

    def _native(self) -> Any:
        return to_native(self._flag)


class Context(Handle):
    """A device with its threads and its compute memory, for any number of callers.

    Interactive calls go before those of the background, also while these are computed, and leave them a tenth of the
    time at least. Within a priority the first to come is the first served; calls that wait for the same tower are
    computed together, which leaves their results as they are on a CPU.

    Parameters
    ----------
    device : Device
        The device that holds the weights of what this context will compute.
    n_threads : int
        Threads of the CPU, 1 to 512.
    instruction_set : str, optional
        Of the CPU, one of `instruction_sets`; the best by default.
    exact : bool
        On a CPU, multiply in float32: the embeddings of the dequantised weights. Otherwise the sides of a layer's
        products may be rounded there to 8 or 14 bits, which is faster.
    portable : bool
        Use the operations of other backends on the CPU too; for tests.

    Raises
    ------
    TypeError, ValueError
        An argument, here or of the methods, is of another type or out of its range.

    Notes
    -----
    A call computes in the thread of its caller where nobody is before it. In the main thread, which waits for Ctrl-C
    too, it computes in a thread of the context: so Ctrl-C arrives at once, stops the call as a `CancelToken` does, and
    leaves the context usable.
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
        require("device", device, Device, ", as find_device returns it")
        check_int("n_threads", n_threads, 1, MAX_THREADS)
        known = instruction_sets()
        if instruction_set is not None and instruction_set not in known:
            raise ValueError(f"instruction_set is {instruction_set!r}, expected one of {', '.join(known)}")
        self.workarounds = () if device.is_cpu else apply_workarounds(device)
        kernels = known.index(instruction_set) if instruction_set is not None else 0
        options = (device.index, n_threads, kernels, int(exact), int(portable))
        super().__init__("omni_context", "omni_context_init", *options)
        self._products = linear_products(known[kernels])
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jina_omni")

    def close(self) -> None:
        """Release the device once the present call has ended."""
        super().close()
        if not self.is_forked:
            self._worker.shutdown()

    def pack(self, file: TextModel | Projector) -> int:
        """Keep the weights of a file in memory too, as the products of this context take them.

        With few rows these then compute faster, and to the same bits. Nothing may be computed with the file meanwhile.

        Parameters
        ----------
        file : TextModel or Projector

        Returns
        -------
        int
            The bytes that this takes: for each layer about as many as in the file. 0 where nothing is packed: on an
            accelerator, and with `exact`.

        Raises
        ------
        NativeError
            There is not so much memory.
        """
        n_bytes = np.zeros(1, np.int64)
        call(f"{require('file', file, ModelFile).c_type}_pack", file, self, n_bytes)
        return int(n_bytes[0])

    def count_multiply_adds(self) -> dict[str, int]:
        """Return the multiply-adds of the linear layers that were computed so far, by product (see `linear_products`).

        There are none on an accelerator.
        """
        return {name: get_integer("omni_context_multiply_adds", self, i) for i, name in enumerate(self._products)}

    def count_weight_bytes(self) -> int:
        """Return the bytes of the weights of these layers, each layer counted once for a forward pass."""
        return get_integer("omni_context_weight_bytes", self)

    def encode_patches(
        self,
        projector: Projector,
        patches: Floats,
        grids: Ints,
        *,
        priority: Priority = "interactive",
        cancel: CancelToken | None = None,
    ) -> Floats:
        """Compute the vision tower.

        Parameters
        ----------
        projector : Projector
            With a vision tower.
        patches : array, shape (sum of t * h * w, 3 * 2 * patch_size ** 2), float32
            Normalised pixels of all inputs: a row holds (channel, frame of the pair, y, x) of one patch; rows come in
            the order (t, h / merge, w / merge, merge, merge). This is the layout of transformers' ``pixel_values``.
        grids : array, shape (n, 3), int32
            (t, h, w) of each input, in patches.
        priority : {"interactive", "background"}
        cancel : CancelToken, optional

        Returns
        -------
        array, shape (sum of t * h * w / merge_size ** 2, n_embd_out), float32
            Media embeddings for `encode_sequences`, in the order of the inputs.
        """
        if not require("projector", projector, Projector).has_vision:
            raise ValueError("projector has no vision tower; load the ...-vision-mmproj-F16.gguf")
        patches, grids = as_floats("patches", patches), as_ints("grids", grids)
        if grids.ndim != 2 or grids.shape[1] != 3:
            raise ValueError(f"grids has the shape {grids.shape}, expected (n, 3)")
        n_patch = int(grids.astype(np.int64).prod(axis=1).sum())
        width = 3 * 2 * projector.patch_size**2
        if patches.shape != (n_patch, width):
            raise ValueError(f"patches has the shape {patches.shape}, its grids demand {(n_patch, width)}")
        embeddings = np.empty((n_patch // projector.merge_size**2, projector.n_embd_out), np.float32)
        self._compute("omni_encode_patches", priority, cancel, projector, patches, grids, len(grids), embeddings)
        return embeddings

    def encode_mel(
        self,
        projector: Projector,
        frames: Floats,
        lengths: Ints,
        *,
        priority: Priority = "interactive",
        cancel: CancelToken | None = None,
    ) -> Floats:
        """Compute the audio tower.

        Parameters
        ----------
        projector : Projector
            With an audio tower.
        frames : array, shape (sum of lengths, n_mel), float32
            Log-mel frames of all clips, 100 a second. This is transformers' ``input_features``, a frame to a row.
        lengths : array, shape (n,), int32
            Frames of each clip, 3 to ``projector.max_mel_frames``.
        priority : {"interactive", "background"}
        cancel : CancelToken, optional

        Returns
        -------
        array, shape (sum of audio_token_count(length), n_embd_out), float32
            Media embeddings for `encode_sequences`, in the order of the clips.
        """
        if not require("projector", projector, Projector).has_audio:
            raise ValueError("projector has no audio tower; load the ...-audio-mmproj-F16.gguf")
        frames, lengths = as_floats("frames", frames), as_ints("lengths", lengths)
        if lengths.ndim != 1:
            raise ValueError(f"lengths has the shape {lengths.shape}, expected (n,)")
        n_frame = int(lengths.sum(dtype=np.int64))
        if frames.shape != (n_frame, projector.n_mel):
            raise ValueError(f"frames has the shape {frames.shape}, its lengths demand {(n_frame, projector.n_mel)}")
        embeddings = np.empty((sum(map(audio_token_count, lengths.tolist())), projector.n_embd_out), np.float32)
        self._compute("omni_encode_mel", priority, cancel, projector, frames, lengths, len(lengths), embeddings)
        return embeddings

    def encode_sequences(
        self,
        text: TextModel,
        tokens: Ints,
        lengths: Ints,
        media_embeddings: Floats | None = None,
        *,
        priority: Priority = "interactive",
        cancel: CancelToken | None = None,
    ) -> Floats:
        """Compute the text tower over packed sequences that don't see each other.

        Parameters
        ----------
        text : TextModel
        tokens : array, shape (sum of lengths,), int32
            Token ids of all sequences; -1 takes the next of `media_embeddings` instead.
        lengths : array, shape (n,), int32
            Tokens of each sequence, 1 to ``text.n_ctx``.
        media_embeddings : array, shape (count of -1, n_embd), float32, optional
        priority : {"interactive", "background"}
        cancel : CancelToken, optional

        Returns
        -------
        array, shape (n, n_embd), float32
            The last token of each sequence after the final norm, not of unit length.
        """
        require("text", text, TextModel)
        tokens, lengths = as_ints("tokens", tokens), as_ints("lengths", lengths)
        none = np.empty((0, text.n_embd))
        media = as_floats("media_embeddings", none if media_embeddings is None else media_embeddings)
        if tokens.ndim != 1 or lengths.ndim != 1 or lengths.sum(dtype=np.int64) != len(tokens):
            raise ValueError(f"lengths sum to {lengths.sum(dtype=np.int64)}, but tokens has the shape {tokens.shape}")
        if media.ndim != 2 or media.shape[1] != text.n_embd:
            raise ValueError(f"media_embeddings has the shape {media.shape}, expected (n, {text.n_embd})")
        pooled = np.empty((len(lengths), text.n_embd), np.float32)
        arguments = (tokens, lengths, len(lengths), media, len(media), pooled)
        self._compute("omni_encode_sequences", priority, cancel, text, *arguments)
        return pooled

    def _compute(self, function: str, priority: Priority, cancel: CancelToken | None, *arguments: object) -> None:
        check_choice("priority", priority, PRIORITIES)
        token = CancelToken() if cancel is None else require("cancel", cancel, CancelToken)
        compute = prepare(function, self, *arguments, _PRIORITY_NUMBERS[priority], token)
        if threading.current_thread() is not threading.main_thread():
            compute()
            return
        with as_thread_error():
            future = self._worker.submit(compute)
        try:
            while not future.done():
                wait([future], timeout=_INTERRUPT_POLL)
        except BaseException:  # Ctrl-C, or what another signal's handler raises
            token.cancel()
            wait([future])
            raise
        future.result()
