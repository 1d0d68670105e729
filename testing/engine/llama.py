"""A thin typed binding over the shared libllama that `build.py` makes: quantise, tokenise, embed.

Everything that would make libllama call ``abort()`` (a batch above ``n_batch``, a bidirectional one above ``n_ubatch``,
``n_seq_max`` above ``n_batch`` or its limit of sequences) is refused here with a Python exception.
"""

from __future__ import annotations

import collections
import ctypes as c
import functools
import os
import zlib
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testing.engine.build import EngineError, check_layouts, library_path
from testing.engine.layouts import Batch, ContextParams, ImatrixData, ModelParams, QuantizeParams

FTYPES = {
    "F16": 1,
    "Q8_0": 7,
    "Q6_K": 18,
    "Q5_K_M": 17,
    "Q5_K_S": 16,
    "Q4_K_M": 15,
    "IQ4_NL": 25,
    "IQ4_XS": 30,
    "Q3_K_M": 12,
    "Q2_K": 10,
    "IQ2_M": 29,
    "IQ2_XXS": 19,
    "IQ1_M": 31,
    "IQ1_S": 24,
}
"""The file types that the models are published in, and their numbers in ``enum llama_ftype``."""

NEEDS_IMATRIX = frozenset({"IQ2_M", "IQ2_XXS", "IQ1_M", "IQ1_S"})
"""The file types that libllama refuses to make without an importance matrix."""


class Pooling(IntEnum):
    """``enum llama_pooling_type``, as far as it yields one row per sequence."""

    MEAN = 1
    CLS = 2
    LAST = 3


_LOG_CALLBACK = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)
_log: collections.deque[str] = collections.deque(maxlen=40)


@_LOG_CALLBACK
def _keep_log(_level: int, text: bytes | None, _user_data: int | None) -> None:
    # libllama says why a load failed only in its log
    _log.append((text or b"").decode(errors="replace"))


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "llama_backend_init": (None, []),
    "ggml_backend_dev_by_name": (c.c_void_p, [c.c_char_p]),
    "llama_print_system_info": (c.c_char_p, []),
    "llama_log_set": (None, [_LOG_CALLBACK, c.c_void_p]),
    "llama_max_parallel_sequences": (c.c_size_t, []),
    "llama_model_default_params": (ModelParams, []),
    "llama_context_default_params": (ContextParams, []),
    "llama_model_quantize_default_params": (QuantizeParams, []),
    "llama_model_quantize": (c.c_uint32, [c.c_char_p, c.c_char_p, c.POINTER(QuantizeParams)]),
    "llama_model_load_from_file": (c.c_void_p, [c.c_char_p, ModelParams]),
    "llama_model_free": (None, [c.c_void_p]),
    "llama_init_from_model": (c.c_void_p, [c.c_void_p, ContextParams]),
    "llama_free": (None, [c.c_void_p]),
    "llama_n_ctx": (c.c_uint32, [c.c_void_p]),
    "llama_n_ctx_seq": (c.c_uint32, [c.c_void_p]),
    "llama_n_batch": (c.c_uint32, [c.c_void_p]),
    "llama_n_ubatch": (c.c_uint32, [c.c_void_p]),
    "llama_get_memory": (c.c_void_p, [c.c_void_p]),
    "llama_memory_clear": (None, [c.c_void_p, c.c_bool]),
    "llama_model_get_vocab": (c.c_void_p, [c.c_void_p]),
    "llama_model_meta_val_str": (c.c_int32, [c.c_void_p, c.c_char_p, c.c_char_p, c.c_size_t]),
    "llama_model_n_embd": (c.c_int32, [c.c_void_p]),
    "llama_vocab_n_tokens": (c.c_int32, [c.c_void_p]),
    "llama_tokenize": (c.c_int32, [c.c_void_p, c.c_char_p, c.c_int32, c.c_void_p, c.c_int32, c.c_bool, c.c_bool]),
    "llama_decode": (c.c_int32, [c.c_void_p, Batch]),
    "llama_get_embeddings_seq": (c.POINTER(c.c_float), [c.c_void_p, c.c_int32]),
}


@functools.cache
def library() -> c.CDLL:
    """Load the built engine.

    Returns
    -------
    ctypes.CDLL
        libllama, its functions typed.
    """
    path = library_path()
    if not path.exists():
        raise EngineError(f"{path} is missing: run python -m testing.engine.build")
    check_layouts("llama")
    # ggml would start a debugger for the backtrace of an abort
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    # RTLD_LOCAL, so that its symbols can't serve another llama library of the process, such as ours
    lib = c.CDLL(str(path), mode=getattr(os, "RTLD_LOCAL", 0))
    for name, (restype, argtypes) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype = restype
        function.argtypes = argtypes
    lib.llama_log_set(_keep_log, None)
    lib.llama_backend_init()
    return lib


def has_openmp() -> bool:
    """Return whether the engine's threads are OpenMP's.

    Returns
    -------
    bool
        False where the compiler has none; ggml's own threads spin while they wait for each other within a graph.
    """
    return b"OPENMP = 1" in library().llama_print_system_info()


def find_device(name: str) -> int:
    """Return ggml's device of one of our names.

    Parameters
    ----------
    name
        As in `jina_omni.native.devices`, such as ``cuda:0``.

    Returns
    -------
    int
        A pointer.
    """
    device: int | None = library().ggml_backend_dev_by_name(name.replace(":", "").encode())
    if not device:
        raise EngineError(f"{library_path()} has no device {name}: python -m testing.engine.build --help says how")
    return device


def _failed(what: str) -> EngineError:
    return EngineError(f"{what} failed; libllama's log ends with:\n{''.join(_log)}")


def _imatrix(src: Path) -> tuple[c.Array[ImatrixData], list[Any]]:
    import gguf

    entries: list[ImatrixData] = []
    keep: list[Any] = []
    for tensor in gguf.GGUFReader(src).tensors:
        if len(tensor.shape) < 2:
            continue
        name = tensor.name.encode()
        # positive and uneven, as real ones are, and the same in every run
        rng = np.random.default_rng(zlib.crc32(name))
        values = rng.gamma(2.0, size=int(tensor.shape[0])).astype(np.float32) + np.float32(0.05)
        keep += [name, values]
        entries.append(ImatrixData(name, values.ctypes.data_as(c.POINTER(c.c_float)), values.size))
    entries.append(ImatrixData(None, None, 0))
    return (ImatrixData * len(entries))(*entries), keep


def quantize(src: str | Path, dst: str | Path, ftype: str, *, imatrix: bool | None = None, n_threads: int = 1) -> Path:
    """Quantise a text GGUF file.

    The output does not depend on the number of threads: libllama cuts a tensor into the same chunks for any.

    Parameters
    ----------
    src, dst
        An F16 or F32 file, and the file to write.
    ftype
        A key of `FTYPES`.
    imatrix
        Whether to pass a synthetic importance matrix (seeded positive values for every matrix). The default passes one
        only to the types that can't be made without. libllama also picks some tensors' types by it.
    n_threads
        Threads to quantise with.

    Returns
    -------
    Path
        `dst`.
    """
    if ftype not in FTYPES:
        raise ValueError(f"unknown file type {ftype!r}: one of {', '.join(FTYPES)}")
    lib = library()
    src, dst = Path(src), Path(dst)
    if not src.is_file():
        raise FileNotFoundError(src)
    params = lib.llama_model_quantize_default_params()
    params.nthread = n_threads
    params.ftype = FTYPES[ftype]
    keep: list[Any] = []
    if imatrix if imatrix is not None else ftype in NEEDS_IMATRIX:
        params.imatrix, keep = _imatrix(src)
    _log.clear()
    # under another name first: a broken file must not look like a finished one
    part = dst.with_name(dst.name + ".part")
    code = lib.llama_model_quantize(os.fsencode(src), os.fsencode(part), c.byref(params))
    del keep
    if code:
        part.unlink(missing_ok=True)
        raise _failed(f"quantising {src.name} to {ftype}")
    part.replace(dst)
    return dst


class Embedder:
    """libllama's embedding context over one text file.

    Parameters
    ----------
    path
        A text GGUF file of architecture ``qwen3`` (causal) or ``eurobert`` (bidirectional).
    n_ctx
        Cells of the key-value cache over all sequences. With ``kv_unified=False`` each sequence has
        ``n_ctx / n_seq_max`` of them, rounded up to 256. eurobert has no cache.
    n_batch
        The most tokens of one ``llama_decode``; `n_ctx` when not given. libllama holds a row of logits for each.
    n_ubatch
        The most tokens of one graph; at most 512 when not given, and `n_batch` for eurobert, which can't be cut.
    n_seq_max
        The most sequences of one ``llama_decode``, up to 256.
    kv_unified
        One cache and one mask for all sequences, or one of each per sequence.
    n_threads
        Threads.
    use_extra_bufts
        Whether weights may be repacked at load.
    flash_attn
        Whether to use flash attention; libllama decides when None.
    pooling
        How a sequence's rows become one.
    device
        What computes: ``cpu``, or the name of an accelerator that the engine was built for.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        n_ctx: int = 4096,
        n_batch: int | None = None,
        n_ubatch: int | None = None,
        n_seq_max: int = 64,
        kv_unified: bool = True,
        n_threads: int = 1,
        use_extra_bufts: bool = True,
        flash_attn: bool | None = None,
        pooling: Pooling = Pooling.LAST,
        device: str = "cpu",
    ) -> None:
        self._model: int | None = None
        self._ctx: int | None = None
        self._lib = lib = library()
        n_batch = n_ctx if n_batch is None else n_batch
        if min(n_ctx, n_batch, n_seq_max, n_threads) < 1 or (n_ubatch is not None and n_ubatch < 1):
            raise ValueError("n_ctx, n_batch, n_ubatch, n_seq_max and n_threads must be positive")
        if n_batch > n_ctx:
            raise ValueError(f"n_batch {n_batch} is above n_ctx {n_ctx}")
        limit = min(lib.llama_max_parallel_sequences(), n_batch)
        if n_seq_max > limit:
            raise ValueError(f"n_seq_max {n_seq_max} is above {limit}, the smaller of n_batch and libllama's limit")
        if not Path(path).is_file():
            raise FileNotFoundError(path)

        model_params = lib.llama_model_default_params()
        model_params.n_gpu_layers = 0
        if device != "cpu":
            devices = (c.c_void_p * 2)(find_device(device), None)
            model_params.devices = c.cast(devices, c.c_void_p)
            model_params.n_gpu_layers = -1  # all of them
        model_params.use_extra_bufts = use_extra_bufts
        _log.clear()
        self._model = lib.llama_model_load_from_file(os.fsencode(path), model_params)
        if not self._model:
            raise _failed(f"loading {path}")
        self.n_embd: int = lib.llama_model_n_embd(self._model)
        self._vocab = lib.llama_model_get_vocab(self._model)
        self.n_vocab: int = lib.llama_vocab_n_tokens(self._vocab)

        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = n_batch
        params.n_ubatch = min(n_ubatch or (n_batch if self._architecture() == "eurobert" else 512), n_batch)
        params.n_seq_max = n_seq_max
        params.n_threads = params.n_threads_batch = n_threads
        params.pooling_type = int(pooling)
        params.flash_attn_type = -1 if flash_attn is None else int(flash_attn)
        params.embeddings = True
        params.kv_unified = kv_unified
        self._ctx = lib.llama_init_from_model(self._model, params)
        if not self._ctx:
            error = _failed("creating the context")
            self.close()
            raise error
        self._memory = lib.llama_get_memory(self._ctx)
        self.n_seq_max = n_seq_max
        self.kv_unified = kv_unified
        self.n_ctx_seq: int = lib.llama_n_ctx_seq(self._ctx)
        self.n_batch: int = lib.llama_n_batch(self._ctx)
        self.n_ubatch: int = lib.llama_n_ubatch(self._ctx)
        # without a cache libllama runs the batch as one graph, and aborts when it is larger than n_ubatch
        self._max_tokens = min(self.n_batch, n_ctx) if self._memory else min(self.n_batch, self.n_ubatch)
        self.max_length = min(self._max_tokens, self.n_ctx_seq)

    def _architecture(self) -> str:
        value = c.create_string_buffer(64)
        self._lib.llama_model_meta_val_str(self._model, b"general.architecture", value, len(value))
        return value.value.decode()

    def close(self) -> None:
        """Free the context and the model; a second call does nothing."""
        if self._ctx:
            self._lib.llama_free(self._ctx)
        if self._model:
            self._lib.llama_model_free(self._model)
        self._ctx = self._model = None

    def __enter__(self) -> Embedder:  # noqa: PYI034 - typing.Self is newer than the oldest Python here
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_lib", None) is not None:
            self.close()

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        """Split a text into token ids.

        Parameters
        ----------
        text
            The text.
        add_special
            Whether to add what the file says to add, such as an end token.
        parse_special
            Whether a special token's text becomes that token.

        Returns
        -------
        list of int
            Token ids.
        """
        self._check_open()
        data = text.encode()
        # an ordinary text never has more tokens than bytes; the 8 is for the added ones
        out = np.empty(len(data) + 8, np.int32)
        n = self._lib.llama_tokenize(
            self._vocab, data, len(data), out.ctypes.data, out.size, add_special, parse_special
        )
        if n < 0:
            raise EngineError(f"llama_tokenize returned {n} for {len(data)} bytes")
        return out[:n].tolist()

    def embed(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Embed token-id sequences.

        Parameters
        ----------
        sequences
            Token ids.

        Returns
        -------
        ndarray, shape (len(sequences), n_embd)
            The pooled rows, not normalised.
        """
        self._check_open()
        arrays = [np.asarray(ids, np.int32) for ids in sequences]
        for i, ids in enumerate(arrays):
            if not 1 <= ids.size <= self.max_length:
                raise ValueError(f"sequence {i} has {ids.size} tokens: from 1 to {self.max_length} fit this context")
            if ids.min() < 0 or ids.max() >= self.n_vocab:
                raise ValueError(f"sequence {i} has a token id outside 0..{self.n_vocab - 1}")
        out = np.empty((len(arrays), self.n_embd), np.float32)
        # neighbours of similar length: separate caches cut a batch into slices of equal length
        order = sorted(range(len(arrays)), key=lambda i: -arrays[i].size)
        pack: list[int] = []
        n_tokens = 0
        for i in order:
            if pack and (n_tokens + arrays[i].size > self._max_tokens or len(pack) == self.n_seq_max):
                out[pack] = self._decode([arrays[j] for j in pack])
                pack, n_tokens = [], 0
            pack.append(i)
            n_tokens += arrays[i].size
        if pack:
            out[pack] = self._decode([arrays[j] for j in pack])
        return out

    def embed_rows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed one sequence given as input rows instead of token ids.

        Parameters
        ----------
        rows
            Shape (n, n_embd): rows of the token embedding, or of a media tower.

        Returns
        -------
        ndarray, shape (n_embd,)
            The pooled row, not normalised.
        """
        self._check_open()
        rows = np.ascontiguousarray(rows, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.n_embd or not 1 <= rows.shape[0] <= self.max_length:
            raise ValueError(f"rows has shape {rows.shape}: (1..{self.max_length}, {self.n_embd}) is wanted")
        return self._decode([rows])[0]

    def _check_open(self) -> None:
        if not self._ctx:
            raise EngineError("this Embedder is closed")

    def _decode(self, arrays: list[NDArray[Any]]) -> NDArray[np.float32]:
        lengths = [len(a) for a in arrays]
        n = sum(lengths)
        data = np.concatenate(arrays)
        positions = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
        ids = np.repeat(np.arange(len(arrays), dtype=np.int32), lengths)
        counts = np.ones(n, np.int32)
        outputs = np.ones(n, np.int8)
        # seq_id is an array of pointers, each to the (one) sequence of its token
        pointers = (ids.ctypes.data + ids.itemsize * np.arange(n)).astype(np.uintp)
        batch = Batch(
            n_tokens=n,
            token=data.ctypes.data if data.ndim == 1 else None,
            embd=data.ctypes.data if data.ndim == 2 else None,
            pos=positions.ctypes.data,
            n_seq_id=counts.ctypes.data,
            seq_id=pointers.ctypes.data,
            logits=outputs.ctypes.data,
        )
        if self._memory:
            self._lib.llama_memory_clear(self._memory, 0)
        _log.clear()
        # for a model without a cache this is llama_encode, which would make a causal one bidirectional
        code = self._lib.llama_decode(self._ctx, batch)
        if code:
            raise _failed(f"llama_decode of {len(arrays)} sequences with {n} tokens (code {code})")
        out = np.empty((len(arrays), self.n_embd), np.float32)
        for i in range(len(arrays)):
            pointer = self._lib.llama_get_embeddings_seq(self._ctx, i)
            if not pointer:
                raise _failed(f"llama_get_embeddings_seq of sequence {i}")
            out[i] = np.ctypeslib.as_array(pointer, (self.n_embd,))
        return out
