# SPDX-License-Identifier: Apache-2.0
"""`Model`: the public class."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from jina_omni.arguments import (
    check_bool,
    check_choice,
    check_int,
    check_str,
    hint_at_unknown_arguments,
)
from jina_omni.asynchronous import AsyncEncoding, CallThreads
from jina_omni.calls import (
    ENCODE_HINTS,
    WINDOW,
    CallOptions,
    EncodeCall,
    Errors,
    Floats,
    Plan,
    choose_priority,
    hint_at_unknown_options,
    make_window,
)
from jina_omni.cosines import cosine_similarity, scale_to_unit_length
from jina_omni.describe import short_repr
from jina_omni.dialects import (
    AUDIO_DELIMITERS,
    DIALECTS,
    IMAGE_DELIMITERS,
    PROMPTS,
    TASKS,
    Dialect,
    PromptName,
    choose_prompt,
    find_delimiters,
)
from jina_omni.encoding import Encoder
from jina_omni.errors import ClosedError, InputError, LocatedError, ModalityNotLoadedError
from jina_omni.hub import download
from jina_omni.info import MODEL_LICENSE, ModelInfo, find_quantization, trained_dims
from jina_omni.inputs import Fetch, Input, Inputs, Value
from jina_omni.loading import PathLike, load_files
from jina_omni.media.picture_options import ORIENTATIONS, Background, Orientation, PictureOptions, read_background
from jina_omni.native import (
    MAX_THREADS,
    PRIORITIES,
    CancelToken,
    Context,
    Device,
    Priority,
    chosen_instruction_set,
    devices,
    find_device,
    find_devices,
    usable_cpus,
    why_no_accelerator,
)
from jina_omni.opening import find_in_folder, find_model
from jina_omni.options import COMPUTES, Compute, EncodeOptions, ModelOptions, PromptedOptions
from jina_omni.parsing import iterate_inputs, split_inputs
from jina_omni.precision import CALIBRATED, Embeddings, Precision, check_precision, quantize_embeddings
from jina_omni.preparing import InputPreparer, PreparedInput
from jina_omni.progress import OnProgress, ProgressTracker, following
from jina_omni.replicas import Replica, Replicas
from jina_omni.repository import Modality, ModelPaths
from jina_omni.tokenizer import UNLIMITED

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["OPENING_HINTS", "Model"]

# Tokens of one batch by default: enough to keep matrix multiplications efficient.
_BATCH_TOKENS_CPU = 4096
_BATCH_TOKENS_ACCELERATOR = 16384

# Arguments of other libraries, and what does the same here.
_MODEL_HINTS = {
    "cache_folder": "pass cache_dir= to Model.from_hub",
    "local_files_only": "it is an argument of Model.from_hub",
    "mmproj_path": "pass mmproj=",
    "model_kwargs": "pass device=, n_threads= and compute=",
    "model_name_or_path": "pass the path or the name as the first argument of Model",
    "model_path": "pass the path as the first argument of Model",
    "n_ctx": "the context is that of the file",
    "n_gpu_layers": "pass device=",
    "prompts": "pass prompt= to encode, or dialect= here",
    "revision": "it is an argument of Model.from_hub",
    "target_devices": "pass devices=",
    "truncate_dim": "pass it to encode",
    "trust_remote_code": "leave it out: no code is downloaded",
    "use_mmap": "pass mmap=",
}

OPENING_HINTS = {**_MODEL_HINTS, **dict.fromkeys(("mmproj", "mmproj_path"), "pass it to Model, or choose by modality=")}
"""The same for what finds the files of a model itself."""

# `count_tokens` has few of the arguments that `ENCODE_HINTS` advises.
_COUNT_HINTS = {name: ENCODE_HINTS[name] for name in ("device", "task")}


class Model(AsyncEncoding):
    """A jina-embeddings-v5-omni model in this process.

    Parameters
    ----------
    model : str or PathLike
        A text model file (GGUF) of any quantisation, of a split file the first part; a folder with one and its
        projector files; or a name on the Hugging Face Hub, such as ``small-retrieval`` or ``owner/repository:Q8_0``,
        whose files are downloaded unless they are in the cache. A path that exists comes first. See `list_models` for
        the names.
    mmproj : str, PathLike or sequence of them, optional
        Projector files of a text model file: the vision file, the audio file or both, of the same size and task. None
        is text only.
    modality : {"omni", "vision", "audio", "text"}, optional
        Of a folder or a name: both projector files (by default), one of them, or none.
    device : str
        ``"auto"`` takes an accelerator where the build and the machine have one, else the CPU; or a name of
        `jina_omni.native.devices`, such as ``"cpu"`` or ``"cuda:0"``.
    devices : list or tuple of str, optional
        Names of several accelerators, in the place of ``device``, such as ``["cuda:0", "cuda:1"]``. Each gets a copy of
        the weights. A call of 1,024 tokens or more is cut into batches that all of them compute, and a smaller one is
        computed by one of them. Either go to the device with the fewest tokens to compute, the first of several such.
        Embeddings come in the order of the inputs.
    n_threads : int, optional
        Threads of the CPU; by default the processors that this process may use (affinity and cgroup quota).
    compute : {"fast", "exact"}
        On a CPU, ``fast`` rounds both sides of a layer's products, 32 values at a time: activations for weights of 4 to
        8 bits to 8 bits, and other weights and their activations to 14, which leaves a cosine over 0.99999. ``exact``
        computes in float32 with the file's weights, and takes longer. F32 weights are exact either way. Accelerators
        multiply as they do, with sums in float32: there, ``exact`` is refused.
    pack : bool
        On a CPU with ``fast``, keep the weights of the layers in memory too, in the order in which they are multiplied:
        a query takes less time, with the same vectors. That memory belongs to this process alone, where a file that is
        only mapped is shared with others. ``info.packed_bytes`` is how much it is.
    dialect : {"card", "sentence-transformers"}
        The convention of prompting. Vectors of two dialects don't compare.
    task : {"retrieval", "text-matching", "clustering", "classification"}, optional
        Overrides the task that the files' names contain.
    orientation : {"as-stored", "upright"}
        ``upright`` turns images as their EXIF data say and videos as their display matrix says. The reference does
        not, so ``as-stored`` is the default; HEIC and TIFF images come upright in any case, as there. An `Image` and a
        `Video` may have their own, and their own background too.
    background : str or tuple of 3 int, optional
        The colour that shows where images and frames are transparent: a name such as "white", "#ff8000", or red, green
        and blue from 0 to 255. By default alpha is dropped, as in the reference, and an SVG is drawn on white.
    mmap : bool
        Map the files into memory, where processes share them and only what is used is read. They must then stay as they
        are: `encode` raises `ModelLoadError` once one was written into or cut. False reads them into memory of this
        process, and what happens to them afterwards does not matter.

    Raises
    ------
    TypeError, ValueError
        An argument is of another type, or out of its range; the message names it and what it takes.
    ModelLoadError
        A file is missing, damaged, of another type, or does not belong to the others; the Hub has no such name; or the
        device is not there.

    Notes
    -----
    A model may be used from any number of threads and asyncio tasks. Calls that wait for its device are computed
    together, and interactive ones go before those of the background: see `encode` and `encode_async`. It does not
    survive a fork: make it in the child, or start workers by spawn. It pickles as its arguments, so a worker opens the
    files again.

    Examples
    --------
    >>> with jina_omni.Model("small-Q4_K_M.gguf", mmproj="small-vision-mmproj-F16.gguf") as m:  # doctest: +SKIP
    ...     m.encode(["A cute cat", jina_omni.Image("cat.jpg"), ["a caption", jina_omni.Image("cat.jpg")]]).shape
    (3, 1024)
    """

    @hint_at_unknown_arguments(_MODEL_HINTS)
    def __init__(
        self,
        model: PathLike,
        mmproj: PathLike | Sequence[PathLike] | None = None,
        *,
        modality: Modality | None = None,
        device: str = "auto",
        devices: Sequence[str] | None = None,
        n_threads: int | None = None,
        compute: Compute = "fast",
        pack: bool = False,
        dialect: Dialect = "card",
        task: str | None = None,
        orientation: Orientation = "as-stored",
        background: Background | None = None,
        mmap: bool = True,
    ) -> None:
        _check_model_options(
            device=device,
            devices=devices,
            n_threads=n_threads,
            compute=compute,
            pack=pack,
            dialect=dialect,
            task=task,
            orientation=orientation,
            background=background,
            mmap=mmap,
        )
        pictures = PictureOptions().override(orientation, background)
        paths = find_model(model, mmproj, modality)
        self._dialect: Dialect = dialect
        self._usage = threading.Condition()
        self._users: list[int] = []  # the threads of the running calls
        self._closed = False
        self._threads = CallThreads()

        found = [find_device(device)] if devices is None else find_devices(devices)
        if compute == "exact" and not found[0].is_cpu:
            raise ValueError(
                f"compute='exact' computes in float32 on a CPU, but the device is {found[0].name}; pass device='cpu' "
                "too"
            )
        threads = n_threads or usable_cpus()
        instruction_set = chosen_instruction_set()
        self._replicas = Replicas(
            [
                Replica(
                    load_files(paths.text, paths.mmproj, one, task, mmap=bool(mmap)),
                    Context(one, threads, instruction_set=instruction_set, exact=compute == "exact"),
                )
                for one in found
            ]
        )
        # The files, not the name of a folder or on the Hub, and from everywhere: a pickle must open the same ones.
        self._arguments = {
            "model": os.path.abspath(paths.text),  # noqa: PTH100 - Path.resolve would follow the links of a cache
            "mmproj": tuple(map(os.path.abspath, paths.mmproj)),
            "device": device,
            "devices": None if devices is None else tuple(devices),
            "n_threads": n_threads,
            "compute": compute,
            "pack": bool(pack),
            "dialect": dialect,
            "task": task,
            "orientation": orientation,
            "background": background,
            "mmap": bool(mmap),
        }
        packed_bytes = sum(one.context.pack(file) for one in self._replicas for file in one.files.distinct if pack)
        self._preparer = InputPreparer(self._replicas.first.files, dialect, pictures)
        self._encoder = Encoder(self._replicas, self._preparer)
        self._batch_tokens = _BATCH_TOKENS_CPU if found[0].is_cpu else _BATCH_TOKENS_ACCELERATOR
        self._info = _describe(
            paths, self._replicas, found, threads, instruction_set, compute, packed_bytes, dialect, pictures
        )

    @classmethod
    @hint_at_unknown_arguments(OPENING_HINTS, ModelOptions.__annotations__)
    def from_hub(
        cls,
        name: str,
        *,
        modality: Modality = "omni",
        revision: str | None = None,
        cache_dir: PathLike | None = None,
        local_files_only: bool = False,
        **options: Unpack[ModelOptions],
    ) -> Model:
        """Open a model on the Hugging Face Hub, with the options of its client.

        Without these options, `Model` takes the name too.

        Parameters
        ----------
        name, modality, revision, cache_dir, local_files_only
            As in `jina_omni.download`.
        **options
            Of `Model`, such as ``device``.

        Raises
        ------
        TypeError, ValueError
            As in `Model`.
        ModelLoadError
            As in `jina_omni.download` and in `Model`.

        Examples
        --------
        >>> m = jina_omni.Model.from_hub("small-clustering:Q4_K_M", revision="v1")  # doctest: +SKIP
        """
        # Wrong arguments must fail before gigabytes are downloaded.
        _check_model_options(**options)
        paths = download(
            name, modality=modality, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        return cls(paths.text, paths.mmproj, **options)

    @classmethod
    @hint_at_unknown_arguments(OPENING_HINTS, ModelOptions.__annotations__)
    def from_dir(
        cls,
        path: PathLike,
        quantization: str | None = None,
        *,
        modality: Modality = "omni",
        **options: Unpack[ModelOptions],
    ) -> Model:
        """Open the model whose files lie in a folder, which their names tell apart.

        `Model` takes a folder too; here the path is never a name on the Hub.

        Parameters
        ----------
        path : str or PathLike
            With the files of one model, in any number of quantisations.
        quantization : str, optional
            Of the text model file, such as ``Q4_K_M``. By default the only one, or of several Q4_K_M of small and
            Q5_K_M of nano.
        modality : {"omni", "vision", "audio", "text"}
            Both projector files, one of them, or none.
        **options
            Of `Model`, such as ``device``.

        Raises
        ------
        TypeError, ValueError
            As in `Model`.
        ModelLoadError
            The path is not a folder; a file or a part of one is missing, or several fit, and the message lists what
            there is; and as in `Model`.

        Examples
        --------
        >>> m = jina_omni.Model.from_dir("models/small", "Q4_K_M")  # doctest: +SKIP
        """
        paths = find_in_folder(path, quantization, modality)
        return cls(paths.text, paths.mmproj, **options)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model, its device and its prompts. Printed, it is a table."""
        return self._info

    @overload
    def encode(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> Floats: ...

    @overload
    def encode(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> tuple[Floats, Errors]: ...

    @overload
    def encode(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> Embeddings: ...

    @overload
    def encode(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> tuple[Embeddings, Errors]: ...

    @hint_at_unknown_arguments(ENCODE_HINTS)
    def encode(
        self,
        inputs: Inputs,
        *,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = True,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        truncate: bool = False,
        batch_tokens: int | None = None,
        precision: Precision = "float32",
        show_progress_bar: bool = False,
        on_progress: OnProgress | None = None,
        on_error: Literal["raise", "return"] = "raise",
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
        priority: Priority | None = None,
    ) -> Embeddings | tuple[Embeddings, Errors]:
        """Embed one input or a list of inputs.

        Parameters
        ----------
        inputs : input, or list, tuple or other iterable of inputs
            Several inputs are a list, a generator, or a column of pandas, Polars, datasets or Arrow. An input is a
            ``str`` (always text), a `jina_omni.Image`, `Audio`, `Video` or `Pdf`, a ``pathlib.Path`` or an open file
            (its type found from its bytes), a PIL image, or a list of such parts that becomes one embedding, in that
            order. A dict of another system is an input too, or a whole request that stands for its
            inputs; see `jina_omni.requests`. Equal inputs of a call are computed once.
        truncate_dim : int, optional
            Cut the embeddings to one of ``info.dims`` (Matryoshka): cut first, then normalise.
        normalize_embeddings : bool
            Scale embeddings to unit length.
        prompt_name : {"query", "document"}, optional
            Which prompt to use; see ``info`` for the texts. `encode_query` and `encode_document` set it.
        prompt : str, optional
            Text to place before every input, instead of the named one; ``""`` for none.
        truncate : bool
            Keep the first 30 seconds of a longer sound, and the first tokens of an input's last text where it is too
            long; otherwise that is an error.
        batch_tokens : int, optional
            Tokens that are computed together. Smaller takes less memory.
        precision : {"float32", "float16", "int8", "uint8", "binary", "ubinary"}
            Type of the embeddings; see `jina_omni.quantize_embeddings`. Codes of ``int8`` and ``uint8`` compare within
            one call only, since they are spread over the range of its own embeddings. To keep them, take float32 and
            pass it to that function with ranges.
        show_progress_bar : bool
            Show a progress bar on stderr; where that is not a terminal nor in a notebook, a line every few seconds.
        on_progress : callable, optional
            Is called with a `Progress` in the thread of the call: when the call begins to compute, at most every 0.1
            seconds while it waits or computes, and at its end. What it raises ends the call.
        on_error : {"raise", "return"}
            Raise the first error, or leave failing inputs out and return their errors.
        cancel : CancelToken, optional
            Stops the call from another thread, on a CPU within 0.1 seconds, except while `fetch` runs. Ctrl-C does
            too.
        fetch : callable, optional
            From an http(s) URL in a dict to the bytes at that address; all are fetched before anything is computed.
            Without it such a URL is an error.
        priority : {"interactive", "background"}, optional
            Interactive calls go before those of the background where several share the model. By default a call is
            interactive with up to 640 tokens in all, of which media tokens count twice: a query, or an image of
            512 x 512 pixels.

        Returns
        -------
        embeddings : array
            Shape (dim,) for one input, (n, dim) for a list, in its order; with the precisions ``binary`` and
            ``ubinary`` an eighth of that.
        errors : dict of int to LocatedError
            With ``on_error="return"`` only: the errors by index in the list. Those rows are NaN, in precisions of
            integers zeros.

        Raises
        ------
        TypeError, ValueError
            An argument is of another type, or out of its range; the message names it and what it takes.
        InputError
            An input is of no known type, empty, damaged or too long (`UnsupportedMediaError`, `DecodeError`,
            `InputTooLongError`). The message names the input and its part; ``index`` and ``location`` hold them.
        ModalityNotLoadedError
            An input needs a tower that is not loaded; the message names the file to pass.
        ModelLoadError
            A model file was changed after it was loaded; see `Model`.
        Cancelled
            Through `cancel`. The model stays usable.
        """
        call = self._make_call(
            inputs,
            on_error=on_error,
            truncate_dim=truncate_dim,
            normalize_embeddings=normalize_embeddings,
            prompt_name=prompt_name,
            prompt=prompt,
            truncate=truncate,
            batch_tokens=batch_tokens,
            precision=precision,
            show_progress_bar=show_progress_bar,
            on_progress=on_progress,
            cancel=cancel,
            fetch=fetch,
            priority=priority,
        )
        with following(call.options.progress, call.items):
            return call.result(self._encode(call))

    @overload
    def encode_query(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Floats: ...

    @overload
    def encode_query(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Floats, Errors]: ...

    @overload
    def encode_query(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Embeddings: ...

    @overload
    def encode_query(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Embeddings, Errors]: ...

    @hint_at_unknown_options("encode")
    def encode_query(self, inputs: Inputs, **options: Any) -> Embeddings | tuple[Embeddings, Errors]:
        """Embed inputs as queries: `encode` with ``prompt_name="query"``; it matters on retrieval files only."""
        result: Embeddings | tuple[Embeddings, Errors] = self.encode(inputs, prompt_name="query", **options)
        return result

    @overload
    def encode_document(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Floats: ...

    @overload
    def encode_document(
        self,
        inputs: Inputs,
        *,
        precision: Literal["float32"] = "float32",
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Floats, Errors]: ...

    @overload
    def encode_document(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[EncodeOptions],
    ) -> Embeddings: ...

    @overload
    def encode_document(
        self,
        inputs: Inputs,
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[EncodeOptions],
    ) -> tuple[Embeddings, Errors]: ...

    @hint_at_unknown_options("encode")
    def encode_document(self, inputs: Inputs, **options: Any) -> Embeddings | tuple[Embeddings, Errors]:
        """Embed inputs as documents: `encode` with ``prompt_name="document"``; it matters on retrieval files only."""
        result: Embeddings | tuple[Embeddings, Errors] = self.encode(inputs, prompt_name="document", **options)
        return result

    @overload
    def encode_iter(
        self, inputs: Iterable[Input], *, on_error: Literal["raise"] = "raise", **options: Unpack[PromptedOptions]
    ) -> Iterator[Floats]: ...

    @overload
    def encode_iter(
        self,
        inputs: Iterable[Input],
        *,
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> Iterator[Floats | LocatedError]: ...

    @overload
    def encode_iter(
        self,
        inputs: Iterable[Input],
        *,
        precision: Precision,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[PromptedOptions],
    ) -> Iterator[Embeddings]: ...

    @overload
    def encode_iter(
        self,
        inputs: Iterable[Input],
        *,
        precision: Precision,
        on_error: Literal["return"],
        **options: Unpack[PromptedOptions],
    ) -> Iterator[Embeddings | LocatedError]: ...

    @hint_at_unknown_arguments(ENCODE_HINTS)
    def encode_iter(
        self,
        inputs: Iterable[Input],
        *,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = True,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        truncate: bool = False,
        batch_tokens: int | None = None,
        precision: Precision = "float32",
        show_progress_bar: bool = False,
        on_progress: OnProgress | None = None,
        on_error: Literal["raise", "return"] = "raise",
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
        priority: Priority | None = None,
    ) -> Iterator[Embeddings | LocatedError]:
        """Embed a stream of inputs lazily, in order and in bounded memory.

        Parameters
        ----------
        inputs : iterable of inputs
            As in `encode`; up to 256 are read ahead.
        on_error : {"raise", "return"}
            Raise the first error, or yield it in place of the embedding.
        precision
            As in `encode`, except ``int8`` and ``uint8``, which need all embeddings at once.
        truncate_dim, normalize_embeddings, prompt_name, prompt, truncate, batch_tokens, show_progress_bar, on_progress
            As in `encode`.
        cancel, fetch, priority
            As in `encode`.

        Yields
        ------
        array, shape (dim,)
            Or its error, with ``on_error="return"``.

        Raises
        ------
        TypeError, ValueError, JinaOmniError
            As in `encode`; those of arguments at once.
        """
        options = self._check_stream_options(
            on_error=on_error,
            truncate_dim=truncate_dim,
            normalize_embeddings=normalize_embeddings,
            prompt_name=prompt_name,
            prompt=prompt,
            truncate=truncate,
            batch_tokens=batch_tokens,
            precision=precision,
            show_progress_bar=show_progress_bar,
            on_progress=on_progress,
            cancel=cancel,
            fetch=fetch,
            priority=priority,
        )
        items, _ = iterate_inputs(inputs)
        return self._encode_windows(items, options, raises=on_error == "raise")

    def _encode_windows(
        self, inputs: Iterable[Input], options: CallOptions, *, raises: bool
    ) -> Iterator[Embeddings | LocatedError]:
        window: list[Any] = []
        first = 0
        with following(options.progress, inputs):
            for item in inputs:
                window.append(item)
                if len(window) == WINDOW:
                    yield from self._encode_window(window, first, options, raises=raises)
                    first += len(window)
                    window = []
            if window:
                yield from self._encode_window(window, first, options, raises=raises)

    def _encode_window(
        self, window: list[Any], first: int, options: CallOptions, *, raises: bool
    ) -> Iterator[Embeddings | LocatedError]:
        call = make_window(window, first, options)
        yield from call.stream(self._encode(call), raises=raises)

    def _encode(self, call: EncodeCall) -> Embeddings:
        with self._in_use():
            return self._compute(self._plan(call))

    def _plan(self, call: EncodeCall) -> Plan:
        options = call.options
        prepared: list[PreparedInput | LocatedError] = []
        for position, (item, index) in enumerate(zip(call.items, call.indices, strict=True)):
            try:
                prepared.append(
                    self._preparer.prepare(
                        item,
                        index,
                        options.prompt,
                        truncate=options.truncate,
                        fetch=options.fetch,
                        cancel=options.cancel,
                    )
                )
            except (InputError, ModalityNotLoadedError) as error:  # noqa: PERF203 - the others must be embedded
                if call.errors is None:
                    raise
                call.errors[position] = error
                prepared.append(error)
        return Plan(call, prepared, options.priority or choose_priority(prepared))

    def _compute(self, plan: Plan) -> Embeddings:
        call, options = plan.call, plan.call.options
        out = np.full((len(call.items), options.width), np.nan, np.float32)
        if options.progress is not None:
            options.progress.begin(plan.prepared)
        with closing(
            self._encoder.encode(
                plan.prepared, options.batch_tokens, plan.priority, options.cancel, call.errors, options.progress
            )
        ) as batches:
            for batch in batches:
                vectors = batch.pooled[:, : options.width]
                out[batch.indices] = scale_to_unit_length(vectors) if options.normalize else vectors
        return out if options.precision == "float32" else quantize_embeddings(out, options.precision)

    @overload
    def count_tokens(
        self,
        inputs: Value,
        *,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
    ) -> int: ...

    @overload
    def count_tokens(
        self,
        inputs: dict[str, Any],
        *,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
    ) -> int | list[int]: ...

    @overload
    def count_tokens(
        self,
        inputs: Iterable[Any],
        *,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
    ) -> list[int]: ...

    @hint_at_unknown_arguments(_COUNT_HINTS)
    def count_tokens(
        self,
        inputs: Any,
        *,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
    ) -> int | list[int]:
        """Count tokens, without decoding or computing: of text, media, prompt and end token.

        A text is tokenised to its end, also where it is far too long.

        Of sounds and videos whose header is not exact, the count is an estimate.

        Parameters
        ----------
        inputs
            As in `encode`. May be longer than ``info.max_seq_length``.
        prompt_name, prompt, cancel, fetch
            As in `encode`.

        Returns
        -------
        int for one input, list of int for a list

        Raises
        ------
        TypeError, ValueError, InputError, ModalityNotLoadedError, Cancelled
            As in `encode`.
        """
        text = self._choose_prompt(prompt_name, prompt)
        _check_cancel(cancel)
        items, single = split_inputs(inputs)
        with self._in_use():
            counts = [
                len(
                    self._preparer.prepare(
                        item,
                        None if single else i,
                        text,
                        truncate=False,
                        limit=UNLIMITED,
                        fetch=fetch,
                        cancel=cancel,
                    )
                )
                for i, item in enumerate(items)
            ]
        return counts[0] if single else counts

    @staticmethod
    @hint_at_unknown_arguments({})
    def similarity(
        a: npt.ArrayLike, b: npt.ArrayLike, *, precision: Precision | None = None, ranges: npt.ArrayLike | None = None
    ) -> Floats:
        """Return the cosine of each pair of embeddings, shape (n_a, n_b); see `jina_omni.cosine_similarity`."""
        return cosine_similarity(a, b, precision=precision, ranges=ranges)

    def close(self) -> None:
        """Release the files and the devices, once running calls have ended. Does nothing the second time.

        Raises
        ------
        RuntimeError
            It is called by a function that is passed to a running call, such as ``on_progress``, for whose end it would
            wait.
        """
        if not self._replicas.first.context.is_forked:
            with self._usage:
                if threading.get_ident() in self._users:
                    raise RuntimeError(
                        "this Model is closed inside one of its own calls, for whose end it would wait; end that call "
                        "first, by an exception or a CancelToken"
                    )
                self._closed = True
                self._usage.wait_for(lambda: not self._users)
            self._threads.close()
        self._replicas.close()

    def __enter__(self) -> Model:  # noqa: PYI034 - Self is of Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self._arguments,)

    def __repr__(self) -> str:
        names = self._info.devices
        devices = f"device={names[0]!r}" if len(names) == 1 else f"devices={names!r}"
        return f"Model({self._info.path!r}, task={self._info.task!r}, {devices})"

    def _check_process(self) -> None:
        self._replicas.first.context.check_process()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        self._check_process()  # before a lock that another thread may have held at the fork
        with self._usage:
            if self._closed:
                raise ClosedError("this Model is closed; make a new one")
            self._users.append(threading.get_ident())
        try:
            yield
        finally:
            with self._usage:
                self._users.remove(threading.get_ident())
                self._usage.notify_all()

    def _make_call(self, inputs: Inputs, *, on_error: Literal["raise", "return"], **options: Any) -> EncodeCall:
        check_choice("on_error", on_error, ("raise", "return"))
        checked = self._check_options(**options)
        items, single = split_inputs(inputs)
        check_precision(checked.precision, len(items))
        return EncodeCall(items, [None] if single else range(len(items)), checked, {} if on_error == "return" else None)

    def _check_stream_options(
        self, *, on_error: Literal["raise", "return"], precision: Precision, **options: Any
    ) -> CallOptions:
        check_choice("on_error", on_error, ("raise", "return"))
        if precision in CALIBRATED:
            raise ValueError(
                f"precision is {precision!r}, which needs the ranges of all embeddings, and a stream does not know "
                "them; take float32 and pass the embeddings to jina_omni.quantize_embeddings with ranges"
            )
        return self._check_options(precision=precision, **options)

    def _check_options(
        self,
        *,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = True,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        truncate: bool = False,
        batch_tokens: int | None = None,
        precision: Precision = "float32",
        show_progress_bar: bool = False,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
        priority: Priority | None = None,
    ) -> CallOptions:
        check_precision(precision, 0)
        check_bool("normalize_embeddings", normalize_embeddings)
        check_bool("truncate", truncate)
        check_bool("show_progress_bar", show_progress_bar)
        is_int = isinstance(truncate_dim, (int, np.integer))
        if truncate_dim is not None and not (is_int and truncate_dim in self._info.dims):
            raise ValueError(
                f"truncate_dim is {truncate_dim!r:.80}; this model was trained for "
                f"{', '.join(map(str, self._info.dims))}"
            )
        if batch_tokens is not None:
            batch_tokens = check_int("batch_tokens", batch_tokens, 1)
        _check_cancel(cancel)
        if fetch is not None and not callable(fetch):
            raise TypeError(f"fetch is of the type {type(fetch).__name__}; it takes a function from a URL to bytes")
        if on_progress is not None and not callable(on_progress):
            raise TypeError(f"on_progress is of the type {type(on_progress).__name__}; it takes a function")
        if priority is not None:
            check_choice("priority", priority, PRIORITIES)
        return CallOptions(
            width=truncate_dim or self._info.dim,
            normalize=normalize_embeddings,
            prompt=self._choose_prompt(prompt_name, prompt),
            truncate=truncate,
            batch_tokens=batch_tokens or self._batch_tokens,
            precision=precision,
            progress=ProgressTracker(on_progress, show=show_progress_bar) if show_progress_bar or on_progress else None,
            cancel=cancel,
            fetch=fetch,
            priority=priority,
        )

    def _choose_prompt(self, prompt_name: PromptName | None, prompt: str | None) -> str:
        if prompt_name is not None:
            check_choice("prompt_name", prompt_name, PROMPTS)
        if prompt is None:
            return choose_prompt(self._dialect, self._info.task, prompt_name)
        check_str("prompt", prompt)
        return prompt


def _check_model_options(
    *,
    device: str = "auto",
    devices: Sequence[str] | None = None,
    n_threads: int | None = None,
    compute: Compute = "fast",
    pack: bool = False,
    dialect: Dialect = "card",
    task: str | None = None,
    orientation: Orientation = "as-stored",
    background: Background | None = None,
    mmap: bool = True,
) -> None:
    check_str("device", device)
    if devices is not None:
        if device != "auto":
            raise ValueError(f"device is {short_repr(device)} and devices is {short_repr(devices)}; pass one of them")
        if not isinstance(devices, (list, tuple)) or not all(isinstance(name, str) for name in devices):
            raise TypeError(f"devices is {short_repr(devices)}; it takes a list of names; a single one is device=")
    check_choice("compute", compute, COMPUTES)
    check_bool("pack", pack)
    if pack and compute == "exact":
        raise ValueError("pack=True packs weights for compute='fast', but compute is 'exact'; leave one of them out")
    check_choice("dialect", dialect, DIALECTS)
    if n_threads is not None:
        check_int("n_threads", n_threads, 1, MAX_THREADS)
    if task is not None:
        check_choice("task", task, TASKS)
    check_choice("orientation", orientation, ORIENTATIONS)
    if background is not None:
        read_background(background)
    check_bool("mmap", mmap)


def _check_cancel(cancel: CancelToken | None) -> None:
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel is of the type {type(cancel).__name__}; it takes a jina_omni.CancelToken")


def _describe(
    paths: ModelPaths,
    replicas: Replicas,
    found: Sequence[Device],
    n_threads: int,
    instruction_set: str,
    compute: Compute,
    packed_bytes: int,
    dialect: Dialect,
    pictures: PictureOptions,
) -> ModelInfo:
    files = replicas.first.files
    text, vision, audio = files.text, files.vision, files.audio
    special = text.special_token
    return ModelInfo(
        path=paths.text,
        architecture=text.architecture,
        quantization=find_quantization(paths.text),
        task=files.task,
        modalities=("text", *(("image", "video", "pdf") if vision else ()), *(("audio",) if audio else ())),
        dim=text.n_embd,
        dims=trained_dims(text.n_embd),
        max_seq_length=text.n_ctx,
        compute=compute,
        dialect=dialect,
        orientation=pictures.orientation,
        background=pictures.background,
        query_prompt=choose_prompt(dialect, files.task, "query"),
        document_prompt=choose_prompt(dialect, files.task, "document"),
        default_prompt=choose_prompt(dialect, files.task, None),
        image_delimiters=IMAGE_DELIMITERS if find_delimiters(IMAGE_DELIMITERS, special) else None,
        audio_delimiters=next((pair for pair in AUDIO_DELIMITERS if find_delimiters(pair, special)), None),
        device=found[0].name,
        devices=tuple(device.name for device in found),
        device_description=", ".join(dict.fromkeys(device.description for device in found)),
        no_accelerator=why_no_accelerator(devices()) if found[0].is_cpu else None,
        workarounds=tuple(dict.fromkeys(done for one in replicas for done in one.context.workarounds)),
        n_threads=n_threads,
        instruction_set=instruction_set,
        license=text.metadata("general.license") or MODEL_LICENSE,
        n_params=sum(file.n_params for file in files.distinct),
        n_bytes=sum(file.n_bytes for file in files.distinct),
        packed_bytes=packed_bytes,
    )


def _open(arguments: dict[str, Any]) -> Model:
    return Model(**arguments)
