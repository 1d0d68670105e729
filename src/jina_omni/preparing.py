# SPDX-License-Identifier: Apache-2.0
"""From one input to a sequence, with its media measured but not yet decoded."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.cancelling import run_beside
from jina_omni.dialects import Dialect
from jina_omni.errors import InputTooLongError, located, naming_file
from jina_omni.file_names import find_file_name
from jina_omni.inputs import Fetch, Text
from jina_omni.loading import ModelFiles
from jina_omni.located_parts import LocatedPart
from jina_omni.media import kinds
from jina_omni.media.image import Image
from jina_omni.media.medium import Medium, TokenLayout
from jina_omni.media.pdf import Pdf
from jina_omni.media.picture_options import PictureOptions
from jina_omni.media.towers import Towers
from jina_omni.native import CancelToken
from jina_omni.parsing import find_identity, parse_input
from jina_omni.sequences import build_sequence
from jina_omni.templates import apply_template
from jina_omni.tokenizer import UNLIMITED, Tokenizer

__all__ = ["InputPreparer", "PreparedInput"]

_log = logging.getLogger("jina_omni")

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PreparedInput:
    """One input, ready for the towers.

    Attributes
    ----------
    tokens : array, int32
        With `MEDIA_TOKEN` at each position of a media embedding.
    parts : list of Text or Medium
    index : int or None
        Its position in the caller's list; None for a single input.
    identity : hashable
        Equal for inputs with the same embedding.
    prompt : str
    truncate : bool
    """

    tokens: Ints
    parts: Sequence[Text | Medium]
    index: int | None
    identity: Hashable
    prompt: str
    truncate: bool

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def media(self) -> list[Medium]:
        """Its media, in the order of their tokens."""
        return [part for part in self.parts if isinstance(part, Medium)]


class InputPreparer:
    """Prepares inputs for the towers of one model.

    Parameters
    ----------
    files : ModelFiles
    dialect : {"card", "sentence-transformers"}
    pictures : PictureOptions
        Of images and videos that do not have their own.
    """

    def __init__(self, files: ModelFiles, dialect: Dialect, pictures: PictureOptions) -> None:
        self.tokenizer = Tokenizer(files.text)
        # A template asks for the same few spellings for every input.
        self._special_token = functools.cache(files.text.special_token)
        self._max_tokens = files.text.n_ctx
        self._dialect = dialect
        self._towers = Towers(files.vision, files.audio, dialect, pictures)
        self._has_warned = threading.Lock()  # acquired once, for one warning of all threads

    def prepare(
        self,
        value: Any,
        index: int | None,
        prompt: str,
        *,
        truncate: bool,
        limit: int | None = None,
        fetch: Fetch | None = None,
        cancel: CancelToken | None = None,
    ) -> PreparedInput:
        """Turn one input of a caller into a sequence; media are measured, not yet decoded.

        Parameters
        ----------
        value : input
            See `parse_input`.
        index : int or None
            Its position in the caller's list; None for a single input.
        prompt : str
            Text to place before it.
        truncate : bool
            Cut what is too long, instead of refusing it.
        limit : int, optional
            Tokens that it may have; by default as many as the model takes.
        fetch : callable, optional
            From a URL to the bytes at that address.
        cancel : CancelToken, optional
            Looked at before the input, while a medium is measured, and while a long text is tokenised.

        Raises
        ------
        InputError, ModalityNotLoadedError
            With the location, from the input on.
        Cancelled
            Through `cancel`.
        """
        with located(input=index):
            if cancel is not None:
                cancel.check()
            self._warn_about_file_name(value, index)
            parts = parse_input(value, fetch)
            measured: list[Text | Medium] = []
            for item in parts:
                measured += self._measure(item, truncate=truncate, cancel=cancel)
            with naming_file(_find_only_source(parts)):
                try:
                    tokens = self._build_sequence(measured, prompt, truncate=truncate, limit=limit, cancel=cancel)
                except InputTooLongError as error:
                    raise self._add_page_advice(error, parts, measured, prompt, cancel) from None
            identity = find_identity([item.part for item in parts])
            return PreparedInput(tokens, measured, index, identity, prompt, truncate)

    def update(
        self, prepared: PreparedInput, layouts: Sequence[TokenLayout], cancel: CancelToken | None = None
    ) -> Ints:
        """Return the tokens of an input whose media decoded to these layouts.

        Raises
        ------
        InputTooLongError
            It is too long now.
        Cancelled
            Through `cancel`.
        """
        if list(layouts) == [medium.layout for medium in prepared.media]:
            return prepared.tokens
        found = iter(layouts)
        parts = [part if isinstance(part, Text) else replace(part, layout=next(found)) for part in prepared.parts]
        return self._build_sequence(parts, prepared.prompt, truncate=prepared.truncate, cancel=cancel)

    def _measure(self, item: LocatedPart, *, truncate: bool, cancel: CancelToken | None) -> list[Text] | list[Medium]:
        part = item.part
        if isinstance(part, Text):
            return [part]

        def measure(stop: threading.Event | None = None) -> list[Medium]:
            return kinds.measure(part, self._towers, truncate=truncate, stop=stop)

        # An image's header is read in less time than a thread takes, and Ctrl-C stops a drawing by itself.
        is_quick = isinstance(part, Image) and cancel is None
        with located(item.location), naming_file(part.source):
            media = measure() if is_quick else run_beside(measure, cancel)
        file = os.fsdecode(part.source) if isinstance(part.source, (str, os.PathLike)) else None
        return [replace(medium, location=item.location, file=file) for medium in media]

    def _warn_about_file_name(self, value: Any, index: int | None) -> None:
        """Warn once if an input has a text that is the name of a file, which the caller may have meant."""
        if self._has_warned.locked():
            return
        name = find_file_name(value)
        if name is not None and self._has_warned.acquire(blocking=False):
            _log.warning(
                "input%s: the text %r is embedded, not the file of this name, since a str is always text. For the file "
                "pass pathlib.Path(%r); a jina_omni.Text is never warned about",
                "" if index is None else f" {index}",
                name,
                name,
            )

    def _build_sequence(
        self,
        parts: Sequence[Text | Medium],
        prompt: str,
        *,
        truncate: bool,
        limit: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Ints:
        pieces = apply_template(parts, prompt, self._dialect, self._special_token)
        limit = self._max_tokens if limit is None else limit
        return build_sequence(pieces, self.tokenizer, limit=limit, truncate=truncate, cancel=cancel)

    def _add_page_advice(
        self,
        error: InputTooLongError,
        parts: Sequence[LocatedPart],
        measured: Sequence[Text | Medium],
        prompt: str,
        cancel: CancelToken | None,
    ) -> InputTooLongError:
        """Return an error that says how many pages fit, where the input is one document."""
        pdf = parts[0].part
        if len(parts) != 1 or not isinstance(pdf, Pdf) or error.limit is None or error.tokens is None:
            return error
        # A page may be over the limit by itself.
        counts = [len(self._build_sequence([page], "", truncate=False, limit=UNLIMITED)) for page in measured]
        pages = [count - len(self.tokenizer.end) for count in counts]
        n_tokens = error.tokens
        if error.is_lower_bound:  # of a long prompt
            n_tokens = len(self._build_sequence(measured, prompt, truncate=False, limit=UNLIMITED, cancel=cancel))
        room = error.limit - (n_tokens - sum(pages))
        n_fit = sum(total <= room for total in np.cumsum(pages))
        chosen = pdf.pages if pdf.pages is not None else range(len(pages))
        advice = (
            f"of its {len(pages)} pages the first {n_fit} fit: pass pages={list(chosen[:n_fit])}, or embed each page "
            "by itself: encode(pdf.split())"
        )
        return InputTooLongError(
            f"{error.problem}; {advice if n_fit else 'not even its first page fits: pass a lower dpi'}",
            tokens=error.tokens,
            limit=error.limit,
            is_lower_bound=error.is_lower_bound,
        )


def _find_only_source(parts: Sequence[LocatedPart]) -> object:
    """Return the source of an input that is one medium, None for a text or several parts."""
    part = parts[0].part
    return None if len(parts) > 1 or isinstance(part, Text) else part.source
