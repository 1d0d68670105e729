"""A thin typed binding over the shared libmtmd that `build.build_mtmd` makes: pixels or samples to a tower's rows."""

from __future__ import annotations

import ctypes as c
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testing.checkpoints.weights import Weights
from testing.engine import llama
from testing.engine.build import EngineError, check_layouts, library_path
from testing.engine.layouts import MtmdContextParams, MtmdInputText

_IMAGE, _AUDIO = 1, 2  # enum mtmd_input_chunk_type
_PIECE = 480_000  # samples that the audio tower takes at a time: 30 seconds

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "mtmd_log_set": (None, [c.c_void_p, c.c_void_p]),
    "mtmd_context_params_default": (MtmdContextParams, []),
    "mtmd_init_from_file": (c.c_void_p, [c.c_char_p, c.c_void_p, MtmdContextParams]),
    "mtmd_free": (None, [c.c_void_p]),
    "mtmd_bitmap_init": (c.c_void_p, [c.c_uint32, c.c_uint32, c.c_void_p]),
    "mtmd_bitmap_init_from_audio": (c.c_void_p, [c.c_size_t, c.c_void_p]),
    "mtmd_bitmap_free": (None, [c.c_void_p]),
    "mtmd_input_chunks_init": (c.c_void_p, []),
    "mtmd_input_chunks_size": (c.c_size_t, [c.c_void_p]),
    "mtmd_input_chunks_get": (c.c_void_p, [c.c_void_p, c.c_size_t]),
    "mtmd_input_chunks_free": (None, [c.c_void_p]),
    "mtmd_input_chunk_get_type": (c.c_int, [c.c_void_p]),
    "mtmd_input_chunk_get_n_tokens": (c.c_size_t, [c.c_void_p]),
    "mtmd_tokenize": (c.c_int32, [c.c_void_p, c.c_void_p, c.POINTER(MtmdInputText), c.c_void_p, c.c_size_t]),
    "mtmd_encode_chunk": (c.c_int32, [c.c_void_p, c.c_void_p]),
    "mtmd_get_output_embd": (c.POINTER(c.c_float), [c.c_void_p]),
}


@functools.cache
def library() -> c.CDLL:
    """Load the built library.

    Returns
    -------
    ctypes.CDLL
        libmtmd, its functions typed.
    """
    llama.library()
    check_layouts("mtmd")
    lib = c.CDLL(str(library_path("mtmd")), mode=getattr(os, "RTLD_LOCAL", 0))
    for name, (restype, argtypes) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype = restype
        function.argtypes = argtypes
    lib.mtmd_log_set(llama._keep_log, None)
    return lib


class MediaEncoder:
    """libmtmd over one projector file. Its memory is freed with the process.

    Parameters
    ----------
    projector
        A vision or an audio file.
    text
        The text file that it belongs to, of which only the vocabulary is read: the delimiters around media are
        tokenised too.
    n_threads
        Threads.
    flash_attn
        Whether to use flash attention.
    device
        As in `llama.Embedder`.
    """

    def __init__(
        self, projector: Path, text: Path, *, n_threads: int = 1, flash_attn: bool = True, device: str = "cpu"
    ) -> None:
        self._lib = lib = library()
        model_params = llama.library().llama_model_default_params()
        model_params.vocab_only = True
        model = llama.library().llama_model_load_from_file(os.fsencode(text), model_params)
        if not model:
            raise llama._failed(f"loading the vocabulary of {text}")
        params = lib.mtmd_context_params_default()
        params.use_gpu = device != "cpu"
        params.device = llama.find_device(device) if params.use_gpu else None
        params.print_timings = params.warmup = False
        params.n_threads = n_threads
        params.flash_attn_type = int(flash_attn)
        self._context = lib.mtmd_init_from_file(os.fsencode(projector), model, params)
        if not self._context:
            raise llama._failed(f"loading {projector}")
        weights = Weights(projector)
        widths = (weights.key(f"clip.{kind}.projection_dim") for kind in ("vision", "audio"))
        self.n_embd = next(int(str(width)) for width in widths if width is not None)

    def image(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode an image.

        Parameters
        ----------
        pixels
            Shape (height, width, 3). It is resized unless both sides are multiples of 32 and there are 8 to 4096
            tokens.

        Returns
        -------
        ndarray, shape (n, n_embd)
            The tower's rows.
        """
        pixels = np.ascontiguousarray(pixels, np.uint8)
        height, width, _ = pixels.shape
        return self._rows(self._lib.mtmd_bitmap_init(width, height, pixels.ctypes.data), _IMAGE, 1)

    def audio(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode a clip.

        Parameters
        ----------
        samples
            Mono, at 16 kHz.

        Returns
        -------
        ndarray, shape (750 * n, n_embd)
            The tower's rows, n for every 30 seconds that were begun.
        """
        samples = np.ascontiguousarray(samples, np.float32)
        # of a clip of exactly 30 seconds libmtmd makes two pieces, the second of which is silence
        n_pieces = -(-len(samples) // _PIECE)
        return self._rows(self._lib.mtmd_bitmap_init_from_audio(len(samples), samples.ctypes.data), _AUDIO, n_pieces)

    def _rows(self, bitmap: int, kind: int, n_pieces: int) -> NDArray[np.float32]:
        lib = self._lib
        chunks = lib.mtmd_input_chunks_init()
        try:
            marker = b"<__media__>"
            prompt = MtmdInputText(marker, len(marker), False, True)  # noqa: FBT003 - a struct's fields
            code = lib.mtmd_tokenize(self._context, chunks, c.byref(prompt), c.byref(c.c_void_p(bitmap)), 1)
            if code:
                raise llama._failed(f"mtmd_tokenize (code {code})")
            found = [lib.mtmd_input_chunks_get(chunks, i) for i in range(lib.mtmd_input_chunks_size(chunks))]
            pieces = [chunk for chunk in found if lib.mtmd_input_chunk_get_type(chunk) == kind][:n_pieces]
            if len(pieces) != n_pieces:
                raise EngineError(f"libmtmd made {len(pieces)} pieces of what should be {n_pieces}")
            return np.concatenate([self._encode(chunk) for chunk in pieces])
        finally:
            lib.mtmd_input_chunks_free(chunks)
            lib.mtmd_bitmap_free(bitmap)

    def _encode(self, chunk: int) -> NDArray[np.float32]:
        code = self._lib.mtmd_encode_chunk(self._context, chunk)
        if code:
            raise llama._failed(f"mtmd_encode_chunk (code {code})")
        shape = (self._lib.mtmd_input_chunk_get_n_tokens(chunk), self.n_embd)
        return np.ctypeslib.as_array(self._lib.mtmd_get_output_embd(self._context), shape).copy()
