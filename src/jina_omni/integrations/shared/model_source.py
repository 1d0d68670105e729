# SPDX-License-Identifier: Apache-2.0
"""The model of an adapter and its options: what a framework stores of them, and opening them again."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar, cast

import numpy as np

from jina_omni.arguments import check_argument_names, check_bool
from jina_omni.calls import ENCODE_HINTS, Floats
from jina_omni.describe import short_repr
from jina_omni.errors import LocatedError, ModelLoadError
from jina_omni.inputs import Input
from jina_omni.integrations.shared.file_identity import FileIdentity, describe_files
from jina_omni.loading import PathLike
from jina_omni.media.picture_options import read_background
from jina_omni.model import Model
from jina_omni.native import Priority
from jina_omni.opening import make_absolute
from jina_omni.options import ModelOptions
from jina_omni.parsing import split_inputs

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AdapterOptions", "ModelLike", "ModelSource", "check_same_identity", "list_documents"]

ModelLike: TypeAlias = Model | PathLike | Mapping[str, Any]
"""What an adapter takes: a model; a file, a folder or a name, as `Model` takes them; or a dict of its arguments."""


T = TypeVar("T")


class AdapterOptions(TypedDict, total=False):
    """Keyword arguments of `Model.encode` that an adapter takes, and a framework stores."""

    truncate_dim: int | None
    normalize_embeddings: bool
    prompt: str | None
    truncate: bool
    batch_tokens: int | None
    show_progress_bar: bool
    priority: Priority | None


_HINTS = {
    **ENCODE_HINTS,
    "cancel": "it belongs to one call: pass it to Model.encode",
    "fetch": "it is a function, which is not stored: pass it to Model.encode",
    "max_retries": "leave it out: the error of an input would only repeat",
    "on_progress": "it is a function, which is not stored: pass it to Model.encode",
    "on_error": "this framework needs a vector for each document; pass on_error='return' to Model.encode, and the "
    "vectors to the framework",
    "prompt_name": "leave it out: queries and documents have theirs",
    "precision": "leave it out: frameworks store float32",
    **dict.fromkeys(
        ("mmproj", "modality", *ModelOptions.__annotations__),
        "pass a jina_omni.Model that has it, or a dict of the arguments of Model",
    ),
}

# The arguments of a model that decide its vectors. The device and the number of threads do not, beyond rounding.
_DECISIVE_ARGUMENTS = ("task", "dialect", "compute", "orientation")


class ModelSource:
    """A model, or what opens it at its first use, with the options that an adapter embeds with.

    What a caller passes is opened at once, so that each argument and option is checked. What a framework has stored,
    `arguments`, is opened at its first use, and only if the files are those that it was stored with.

    Parameters
    ----------
    model : Model, str, PathLike or mapping
        A mapping has the arguments of `Model`, or is what `arguments` was.
    options : mapping
        See `AdapterOptions`.
    adapter : str
        The name of the adapter, for errors.
    others : iterable of str
        The names of the adapter's further arguments, for errors.

    Attributes
    ----------
    arguments : dict
        All arguments of `Model`, and ``files`` with the identities of the files, in types of JSON. Of weights, it has
        nothing.
    options : AdapterOptions

    Raises
    ------
    TypeError, ValueError
        An argument or an option is unknown, of another type, or out of its range.
    ModelLoadError
        As in `Model`.

    Examples
    --------
    >>> ModelSource("text.gguf", {"truncate_dim": 64}, adapter="Adapter").model.info.dim  # doctest: +SKIP
    1024
    """

    def __init__(
        self, model: ModelLike, options: Mapping[str, Any], *, adapter: str, others: Iterable[str] = ()
    ) -> None:
        check_argument_names(adapter, options, ["model", *AdapterOptions.__annotations__, *others], _HINTS)
        self.options = cast(AdapterOptions, {name: _convert_to_json(value) for name, value in options.items()})
        self._adapter = adapter
        self._model: Model | None = None
        self._lock = threading.Lock()
        if isinstance(model, Mapping) and "files" in model:
            self.arguments = dict(model)
            inspect.signature(Model).bind(**self._model_arguments)
            return
        if isinstance(model, Model):
            opened, arguments = model, _read_arguments(model)
        elif isinstance(model, (str, os.PathLike)):
            opened, arguments = Model(model), {"model": model}
        elif isinstance(model, Mapping):
            opened, arguments = Model(**model), dict(model)
        else:
            raise TypeError(
                f"model is of the type {type(model).__name__}; it takes a jina_omni.Model, a path, a name, or a dict "
                "of the arguments of Model"
            )
        self._check_options(opened)
        self._model = opened
        self.arguments = _complete(arguments, opened)

    @property
    def model(self) -> Model:
        """The model.

        Raises
        ------
        ValueError
            An option does not suit the model.
        ModelLoadError
            As in `Model`; or a file is not the one that the arguments were stored with.
        """
        with self._lock:
            if self._model is None:
                self._model = self._open()
            return self._model

    def embed_documents(self, documents: Iterable[Input]) -> Floats:
        """Embed documents as an adapter does for which each of them needs a vector, shape (n, dim).

        Raises
        ------
        TypeError
            They are not a list; a str would be a list of its letters.
        LocatedError
            As in `Model.encode`.
        """
        return self.model.encode_document(list_documents(documents), **self.options)

    def embed_query(self, query: Input) -> Floats:
        """Embed one query, shape (dim,). A list is one fused input, as it is among the inputs of `Model.encode`.

        Raises
        ------
        LocatedError
            As in `Model.encode`.
        """
        try:
            vector: Floats = self.model.encode_query([query], **self.options)[0]
        except LocatedError as error:
            if error.index is not None:
                error.location = (("query", None), *error.location[1:])
            raise
        return vector

    def replace_options(self, options: Mapping[str, Any]) -> ModelSource:
        """Return a source of the same model with other options."""
        source = ModelSource(self.arguments, options, adapter=self._adapter)
        with self._lock:
            if self._model is not None:
                source._check_options(self._model)
                source._model = self._model
        return source

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the vectors: those of two identities don't compare. In types of JSON."""
        background = self.arguments.get("background")
        return {
            "files": self.arguments["files"],
            **{name: self.arguments.get(name) for name in _DECISIVE_ARGUMENTS},
            "background": None if background is None else list(read_background(background)),
            "truncate_dim": self.options.get("truncate_dim"),
            "normalize_embeddings": self.options.get("normalize_embeddings", True),
            "prompt": self.options.get("prompt"),
        }

    @property
    def identity_digest(self) -> str:
        """A name of the identity: 32 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:32]

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.arguments, self.options, self._adapter)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # a second model would take the memory of its weights again

    @property
    def _model_arguments(self) -> dict[str, Any]:
        return {name: value for name, value in self.arguments.items() if name != "files"}

    def _open(self) -> Model:
        model = Model(**self._model_arguments)
        try:
            self._check_files(model)
            self._check_options(model)
        except BaseException:
            model.close()
            raise
        return model

    def _check_files(self, model: Model) -> None:
        stored, found = self.arguments["files"], _identify(model)
        if stored != found:
            raise ModelLoadError(
                f"{model.info.path}: the files are not those that {self._adapter} was stored with, so vectors would "
                f"not compare: stored {json.dumps(stored)}, found {json.dumps(found)}; restore the files, or embed "
                "everything again"
            )

    def _check_options(self, model: Model) -> None:
        check_bool("show_progress_bar", self.options.get("show_progress_bar", False))
        quiet: AdapterOptions = {**self.options, "show_progress_bar": False}
        model.encode_document([], **quiet)  # computes nothing, and checks the options as each call does


def list_documents(documents: Iterable[T]) -> list[T]:
    """Return documents as a list.

    Raises
    ------
    TypeError
        They are a single one.
    InputError
        They are a table.
    """
    items, is_single = split_inputs(documents)
    if is_single:
        raise TypeError(f"documents are {short_repr(documents)}; they are a list, of one document too: [document]")
    return items


def check_same_identity(stored: ModelSource, other: ModelSource, place: str) -> None:
    """Check that the vectors of two sources compare.

    Parameters
    ----------
    stored, other : ModelSource
    place : str
        What has vectors of the first, for the error.

    Raises
    ------
    ValueError
        They do not; the message lists what differs.
    """
    ours, theirs = stored.identity, other.identity
    different = [f"{name} {ours[name]!r} and {theirs[name]!r}" for name in ours if ours[name] != theirs[name]]
    if different:
        raise ValueError(
            f"{place} has vectors of another identity, which don't compare with these: {'; '.join(different)}; use the "
            "same files and options, or embed everything again"
        )


def _reopen(arguments: dict[str, Any], options: dict[str, Any], adapter: str) -> ModelSource:
    return ModelSource(arguments, options, adapter=adapter)


def _read_arguments(model: Model) -> dict[str, Any]:
    _, (arguments,) = model.__reduce__()
    return dict(arguments)


def _complete(arguments: dict[str, Any], model: Model) -> dict[str, Any]:
    """Return all arguments, those that were left out too, and the files, in types of JSON."""
    bound = inspect.signature(Model).bind(**arguments)
    bound.apply_defaults()
    found: dict[str, Any] = {name: _convert_to_json(value) for name, value in bound.arguments.items()}
    if make_absolute(found["model"]) != found["model"]:  # a path, not a name on the Hub
        found["model"] = os.path.abspath(found["model"])  # noqa: PTH100 - Path.resolve would follow the links of a cache
    if isinstance(found["mmproj"], str):
        found["mmproj"] = [found["mmproj"]]
    found["mmproj"] = [os.path.abspath(path) for path in found["mmproj"] or ()]  # noqa: PTH100 - as above
    # What the name of the file says is the same as what the caller says.
    return {**found, "task": model.info.task, "files": _identify(model)}


def _identify(model: Model) -> list[FileIdentity]:
    arguments = _read_arguments(model)
    projectors = sorted(arguments["mmproj"], key=os.path.basename)  # in whichever order they were passed
    return describe_files([arguments["model"], *projectors])


def _convert_to_json(value: Any) -> Any:
    """Return an argument in types of JSON: paths become str, sequences lists, and values of numpy those of Python."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    return [_convert_to_json(item) for item in value] if isinstance(value, (list, tuple)) else value
