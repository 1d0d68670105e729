# SPDX-License-Identifier: Apache-2.0
"""`Model`: the public class."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from jina_omni.encoding import Encoder
from jina_omni.errors import ClosedError, InputError, JinaOmniError, ModelLoadError
from jina_omni.hub import download
from jina_omni.info import MODEL_LICENSE, ModelInfo, quantization_of, trained_dims
from jina_omni.inputs import Fetch
from jina_omni.loading import PathLike, load_files
from jina_omni.native import (
    CancelToken,
    Context,
    chosen_instruction_set,
    devices,
    find_device,
    usable_cpus,
    why_no_accelerator,
)
from jina_omni.precision import CALIBRATED, Precision, check_precision, quantize_embeddings
from jina_omni.prompts import (
    AUDIO_DELIMITERS,
    DIALECTS,
    IMAGE_DELIMITERS,
    PREFIXES,
    Dialect,
    PromptName,
    media_delimiters,
    prefix,
)
from jina_omni.repository import Modality, check_modality, choose_files, files_in
from jina_omni.requests import inputs_of
from jina_omni.similarity import cosine_similarity, unit_length

Compute = Literal["fast", "exact"]
COMPUTES: tuple[Compute, ...] = ("fast", "exact")

Floats = npt.NDArray[np.float32]
Embeddings = npt.NDArray[Any]  # of a precision's type

# Tokens of one run where the caller does not say: enough to keep the products of either kind of device large.
_BATCH_TOKENS_CPU = 4096
_BATCH_TOKENS_ACCELERATOR = 16384

# Inputs that encode_iter reads ahead, so that like lengths find each other.
_WINDOW = 256


class Model:
    """A jina-embeddings-v5-omni model in this process.

    Parameters
    ----------
    path : str or PathLike
        The text file (GGUF), of any quantisation.
    mmproj : str, PathLike or sequence of them
        The vision file, the audio file or both, of the same size and task; nothing for text only.
    device : str
        ``"auto"`` takes an accelerator where the build and the machine have one, else the CPU; or a name of
        `jina_omni.native.devices`, such as ``"cpu"`` or ``"cuda:0"``.
    n_threads : int, optional
        Threads of the CPU; by default the processors that this process may use (affinity and cgroup quota).
    compute : {"fast", "exact"}
        On a CPU, ``fast`` rounds the sides of a layer's products, 32 values at a time: what meets weights of 4 to 8
        bits to 8, and other weights and what meets them to 14, which leaves a cosine over 0.99999. ``exact`` computes
        in float32 with the file's weights, and takes longer. F32 weights are exact either way.
    dialect : {"card", "sentence-transformers"}
        The way of prompting to be exact with. Vectors of two dialects don't compare.
    task : str, optional
        Overrides the task that the files' names tell.

    Raises
    ------
    ModelLoadError
        A file is missing, damaged, of another kind, or does not belong to the others; or the device is not there.

    Notes
    -----
    A model may be used from many threads; they take turns on its device. It does not survive a fork: make it in the
    child, or start workers by spawn. It pickles as its arguments, so a worker opens the files anew.

    Examples
    --------
    >>> with jina_omni.Model("small-Q4_K_M.gguf", mmproj="small-vision-mmproj-F16.gguf") as m:  # doctest: +SKIP
    ...     m.encode(["A cute cat", jina_omni.Image("cat.jpg"), ["a caption", jina_omni.Image("cat.jpg")]]).shape
    (3, 1024)
    """

    def __init__(
        self,
        path: PathLike,
        mmproj: PathLike | Sequence[PathLike] = (),
        *,
        device: str = "auto",
        n_threads: int | None = None,
        compute: Compute = "fast",
        dialect: Dialect = "card",
        task: str | None = None,
    ) -> None:
        if compute not in COMPUTES:
            raise ValueError(f"compute {compute!r} is unknown; it is one of {', '.join(COMPUTES)}")
        if dialect not in DIALECTS:
            raise ValueError(f"dialect {dialect!r} is unknown; the dialects are {', '.join(DIALECTS)}")
        if n_threads is not None and not 1 <= n_threads <= 512:
            raise ValueError(f"n_threads is {n_threads}, expected 1 to 512")
        self._arguments = (path, mmproj, device, n_threads, compute, dialect, task)
        self._dialect: Dialect = dialect
        self._usage = threading.Condition()
        self._users = 0
        self._closed = False

        found = find_device(device)
        threads = n_threads or usable_cpus()
        self._files = load_files(path, mmproj, found, task)
        instruction_set = chosen_instruction_set()
        self._context = Context(found, threads, instruction_set=instruction_set, exact=compute == "exact")
        self._encoder = Encoder(self._files, self._context, dialect)
        self._batch_tokens = _BATCH_TOKENS_CPU if found.is_cpu else _BATCH_TOKENS_ACCELERATOR

        text, vision, audio = self._files.text, self._files.vision, self._files.audio
        projectors = {id(p): p for p in (vision, audio) if p is not None}.values()  # one file may hold both
        special = text.special_token
        self._info = ModelInfo(
            path=os.fspath(path),
            architecture=text.architecture,
            quantization=quantization_of(os.fspath(path)),
            task=self._files.task,
            modalities=("text", *(("image", "video", "pdf") if vision else ()), *(("audio",) if audio else ())),
            dim=text.n_embd,
            dims=trained_dims(text.n_embd),
            context=text.n_ctx,
            compute=compute,
            dialect=dialect,
            query_prompt=prefix(dialect, self._files.task, "query"),
            document_prompt=prefix(dialect, self._files.task, "document"),
            default_prompt=prefix(dialect, self._files.task, None),
            image_delimiters=IMAGE_DELIMITERS if media_delimiters(IMAGE_DELIMITERS, special) else None,
            audio_delimiters=next((pair for pair in AUDIO_DELIMITERS if media_delimiters(pair, special)), None),
            device=found.name,
            device_description=found.description,
            no_accelerator=why_no_accelerator(devices()) if found.is_cpu else None,
            n_threads=threads,
            instruction_set=instruction_set,
            license=text.metadata("general.license") or MODEL_LICENSE,
            n_params=text.n_params + sum(p.n_params for p in projectors),
            n_bytes=text.n_bytes + sum(p.n_bytes for p in projectors),
        )

    @classmethod
    def from_hub(
        cls,
        name: str,
        *,
        modality: Modality = "omni",
        revision: str | None = None,
        cache_dir: PathLike | None = None,
        local_files_only: bool = False,
        **arguments: Any,
    ) -> Model:
        """Make a model of files of the Hugging Face hub; those that are not in its cache are downloaded.

        Parameters
        ----------
        name, modality, revision, cache_dir, local_files_only
            As in `jina_omni.download`.
        **arguments
            Of `Model`, such as ``device``.

        Raises
        ------
        ModelLoadError
            As in `jina_omni.download` and in `Model`.

        Examples
        --------
        >>> m = jina_omni.Model.from_hub("small-clustering:Q4_K_M", modality="vision")  # doctest: +SKIP

        .. versionadded:: 0.1.0
        """
        inspect.signature(cls).bind("", (), **arguments)  # a wrong argument is to fail before gigabytes are downloaded
        paths = download(
            name, modality=modality, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        return cls(paths.text, paths.mmproj, **arguments)

    @classmethod
    def from_dir(
        cls, path: PathLike, quantization: str | None = None, *, modality: Modality = "omni", **arguments: Any
    ) -> Model:
        """Make a model of the files of a folder, which are told from one another by their names.

        The text file is the ``.gguf`` without ``mmproj`` in its name, a projector the one with ``mmproj`` and its kind.

        Parameters
        ----------
        path : str or PathLike
            With the files of one model, in any number of quantisations.
        quantization : str, optional
            Of the text file, such as ``Q4_K_M``. By default the only one, or of several Q4_K_M for small and Q5_K_M for
            nano.
        modality : {"omni", "vision", "audio", "text"}
            Both projectors, one of them, or none.
        **arguments
            Of `Model`, such as ``device``.

        Raises
        ------
        ModelLoadError
            A file is missing, or several fit, and the message lists what there is; and as in `Model`.

        .. versionadded:: 0.1.0
        """
        check_modality(modality)
        folder = Path(path)
        if not folder.is_dir():
            raise ModelLoadError(f"{os.fspath(path)}: is no folder; from_dir takes a folder, Model a text file")
        paths = choose_files(files_in(folder), quantization, modality, os.fspath(path)).under(folder)
        return cls(paths.text, paths.mmproj, **arguments)

    @property
    def info(self) -> ModelInfo:
        """What was loaded, and how inputs are prompted. Printed, it is a table."""
        return self._info

    @overload
    def encode(
        self,
        inputs: Any,
        *,
        dim: int | None = None,
        normalize: bool = True,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        truncate: bool = False,
        batch_tokens: int | None = None,
        precision: Precision = "float32",
        show_progress: bool = False,
        on_error: Literal["raise"] = "raise",
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
    ) -> Embeddings: ...

    @overload
    def encode(
        self,
        inputs: Any,
        *,
        dim: int | None = None,
        normalize: bool = True,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        truncate: bool = False,
        batch_tokens: int | None = None,
        precision: Precision = "float32",
        show_progress: bool = False,
        on_error: Literal["return"],
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
    ) -> tuple[Embeddings, dict[int, JinaOmniError]]: ...

    def encode(
        self,
        inputs: Any,
        *,
        dim: int | None = None,
        normalize: bool = True,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        truncate: bool = False,
        batch_tokens: int | None = None,
        precision: Precision = "float32",
        show_progress: bool = False,
        on_error: Literal["raise", "return"] = "raise",
        cancel: CancelToken | None = None,
        fetch: Fetch | None = None,
        _first: int = 0,  # place of the first input in the caller's stream
    ) -> Embeddings | tuple[Embeddings, dict[int, JinaOmniError]]:
        """Embed one input or a list of inputs.

        Parameters
        ----------
        inputs : input, or list or tuple of inputs
            An input is a ``str`` (always text), a `jina_omni.Image`, `Audio`, `Video` or `Pdf`, a ``pathlib.Path`` (a
            file, its kind found from its bytes), a PIL image, or a list of such parts that becomes one vector, in that
            order. A dict of another system is an input too, or a whole request that stands for its inputs; see
            `jina_omni.requests`. Equal inputs of a call are computed once.
        dim : int, optional
            Cut the vectors to one of ``info.dims`` (Matryoshka): cut first, then normalise.
        normalize : bool
            Give vectors of unit length.
        prompt_name : {"query", "document"}, optional
            Which prompt to use; see ``info`` for the texts in force. `encode_query` and `encode_document` set it.
        prompt : str, optional
            Text to go before every input, instead of the named one; ``""`` for none.
        truncate : bool
            Keep the first 30 seconds of a longer sound, and the first tokens of an input's last text where it is too
            long; otherwise that is an error.
        batch_tokens : int, optional
            Tokens of one run of the towers. Smaller takes less memory.
        precision : {"float32", "float16", "int8", "uint8", "binary", "ubinary"}
            What the vectors hold; see `jina_omni.quantize_embeddings`. Codes of ``int8`` and ``uint8`` compare within
            one call only, since they are spread over the range of its own vectors: for those that are kept, take
            float32 and pass them to that function with ranges.
        show_progress : bool
            Show a bar on stderr.
        on_error : {"raise", "return"}
            Raise the first error, or leave failing inputs out and return them.
        cancel : CancelToken, optional
            Stops the call from another thread. Ctrl-C stops it too.
        fetch : callable, optional
            From an http(s) URL in a dict to the bytes there; all are fetched before anything is computed. Without it
            such a URL is an error.

        Returns
        -------
        embeddings : array
            Shape (dim,) for one input, (n, dim) for a list, in its order; with the precisions ``binary`` and
            ``ubinary`` an eighth of that.
        errors : dict of int to JinaOmniError
            With ``on_error="return"`` only: what went wrong, by place in the list. Those rows are NaN, in precisions
            of integers zeros.

        Raises
        ------
        InputError
            An input is of no known kind, empty, damaged or too long (`UnsupportedMediaError`, `DecodeError`,
            `InputTooLongError`); the message names it, ``index`` is its place.
        ModalityNotLoadedError
            An input needs a tower that is not loaded; the message names the file to pass.
        Cancelled
            Through `cancel`. The model stays usable.
        """
        _check_on_error(on_error)
        items, single = _items(inputs)
        check_precision(precision, len(items))
        width = self._width(dim)
        lead = self._prefix(prompt_name, prompt)
        budget = self._budget(batch_tokens)
        errors: dict[int, JinaOmniError] | None = {} if on_error == "return" else None

        out = np.full((len(items), width), np.nan, np.float32)
        with self._in_use(), tqdm(total=len(items), unit="input", disable=not show_progress) as bar:
            planned: list[Any] = []
            for index, item in enumerate(items):
                if cancel is not None:
                    cancel.check()
                place = None if single else _first + index
                try:
                    planned.append(self._encoder.plan(item, place, lead, truncate=truncate, fetch=fetch))
                except JinaOmniError as error:  # one failing input must not stop the others
                    if errors is None:
                        raise
                    errors[index] = error
                    planned.append(error)
            bar.update(len(errors or ()))
            for batch in self._encoder.run(planned, budget, cancel, errors):
                vectors = batch.pooled[:, :width]
                out[batch.indices] = unit_length(vectors) if normalize else vectors
                bar.update(len(batch.indices))
            bar.update(len(items) - bar.n)  # those whose media could not be read
        if precision != "float32":
            out = quantize_embeddings(out, precision)
        embeddings = out[0] if single else out
        return embeddings if errors is None else (embeddings, errors)

    def encode_query(self, inputs: Any, **options: Any) -> Any:
        """Embed inputs as queries: `encode` with ``prompt_name="query"``; it matters on retrieval files only."""
        return self.encode(inputs, prompt_name="query", **options)

    def encode_document(self, inputs: Any, **options: Any) -> Any:
        """Embed inputs as documents: `encode` with ``prompt_name="document"``; it matters on retrieval files only."""
        return self.encode(inputs, prompt_name="document", **options)

    def encode_iter(
        self, inputs: Iterable[Any], *, on_error: Literal["raise", "return"] = "raise", **options: Any
    ) -> Iterator[Embeddings | JinaOmniError]:
        """Embed a stream of inputs lazily, in order and in bounded memory.

        Parameters
        ----------
        inputs : iterable of inputs
            As in `encode`; up to 256 are read ahead.
        on_error : {"raise", "return"}
            Raise the first error, or yield it in place of the vector.
        **options
            Of `encode`, but for the precisions ``int8`` and ``uint8``, which need all vectors at once.

        Yields
        ------
        array, shape (dim,)
            Or a `JinaOmniError`, with ``on_error="return"``.
        """
        _check_on_error(on_error)
        if options.get("precision") in CALIBRATED:
            raise InputError(
                f"precision {options['precision']!r} needs the ranges of all vectors, which a stream does not know; "
                "take float32 and pass the vectors to jina_omni.quantize_embeddings with ranges"
            )
        if isinstance(inputs, dict):
            inputs, _ = _items(inputs)
        window: list[Any] = []
        first = 0
        for item in inputs:
            window.append(item)
            if len(window) == _WINDOW:
                yield from self._encode_window(window, first, on_error, options)
                first += len(window)
                window = []
        if window:
            yield from self._encode_window(window, first, on_error, options)

    def _encode_window(
        self, window: list[Any], first: int, on_error: Literal["raise", "return"], options: dict[str, Any]
    ) -> Iterator[Embeddings | JinaOmniError]:
        vectors, errors = self.encode(window, on_error="return", **options | {"_first": first})
        for index, vector in enumerate(vectors):
            error = errors.get(index)
            if error is not None and on_error == "raise":
                raise error
            yield vector if error is None else error

    def count_tokens(
        self,
        inputs: Any,
        *,
        prompt_name: PromptName | None = None,
        prompt: str | None = None,
        fetch: Fetch | None = None,
    ) -> Any:
        """Count tokens, without decoding or computing: of text, media, prompt and end token.

        Of sounds and videos whose header is not exact, the count is an estimate.

        Parameters
        ----------
        inputs
            As in `encode`. May be longer than ``info.context``.
        prompt_name, prompt, fetch
            As in `encode`.

        Returns
        -------
        int for one input, list of int for a list
        """
        items, single = _items(inputs)
        lead = self._prefix(prompt_name, prompt)
        limit = np.iinfo(np.int32).max
        with self._in_use():
            counts = [
                len(self._encoder.plan(item, None if single else i, lead, truncate=False, limit=limit, fetch=fetch))
                for i, item in enumerate(items)
            ]
        return counts[0] if single else counts

    @staticmethod
    def similarity(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
        """Return the cosine of each pair of embeddings, shape (n_a, n_b); see `jina_omni.cosine_similarity`."""
        return cosine_similarity(a, b)

    def close(self) -> None:
        """Let go of the files and the device, once running calls have ended. Does nothing the second time."""
        with self._usage:
            self._closed = True
            self._usage.wait_for(lambda: self._users == 0)
        self._context.close()
        self._files.close()

    def __enter__(self) -> Model:  # noqa: PYI034 - Self is of Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, self._arguments

    def __repr__(self) -> str:
        return f"Model({self._info.path!r}, task={self._info.task!r}, device={self._info.device!r})"

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._usage:
            if self._closed:
                raise ClosedError("this Model is closed; make a new one")
            self._users += 1
        try:
            yield
        finally:
            with self._usage:
                self._users -= 1
                self._usage.notify_all()

    def _width(self, dim: int | None) -> int:
        if dim is not None and dim not in self._info.dims:
            raise InputError(f"dim {dim!r} was not trained; choose one of {', '.join(map(str, self._info.dims))}")
        return self._info.dim if dim is None else dim

    def _prefix(self, prompt_name: PromptName | None, prompt: str | None) -> str:
        if prompt_name is not None and prompt_name not in PREFIXES:
            raise InputError(f"prompt_name {prompt_name!r} is unknown; the prompts are {', '.join(PREFIXES)}")
        if prompt is None:
            return prefix(self._dialect, self._info.task, prompt_name)
        if not isinstance(prompt, str) or not _is_unicode(prompt):
            raise InputError(f"prompt is {prompt!r:.80}, expected a str without lone surrogates")
        return prompt

    def _budget(self, batch_tokens: int | None) -> int:
        if batch_tokens is not None and batch_tokens < 1:
            raise InputError(f"batch_tokens is {batch_tokens}, expected 1 or more")
        return batch_tokens or self._batch_tokens


def _check_on_error(on_error: str) -> None:
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error is {on_error!r}, expected 'raise' or 'return'")


def _items(inputs: Any) -> tuple[list[Any], bool]:
    """Return a call's inputs, and whether there is but one that is in no list."""
    if isinstance(inputs, dict):
        inputs = inputs_of(inputs)
    single = not isinstance(inputs, (list, tuple))
    return [inputs] if single else list(inputs), single


def _is_unicode(string: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in string)


def _open(
    path: PathLike,
    mmproj: PathLike | Sequence[PathLike],
    device: str,
    n_threads: int | None,
    compute: Compute,
    dialect: Dialect,
    task: str | None,
) -> Model:
    return Model(path, mmproj, device=device, n_threads=n_threads, compute=compute, dialect=dialect, task=task)
