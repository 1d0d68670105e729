# SPDX-License-Identifier: Apache-2.0
"""From inputs to pooled rows: plan every input, then run the towers batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jina_omni.batching import plan_batches
from jina_omni.errors import DecodeError, InputError, JinaOmniError, ModalityNotLoadedError
from jina_omni.inputs import Fetch, Image, as_parts
from jina_omni.loading import ModelFiles
from jina_omni.media.image import grid_of, patches_of
from jina_omni.media.patches import Grid, VisionGeometry
from jina_omni.native import CancelToken, Context
from jina_omni.prompts import Dialect, arrange
from jina_omni.sequences import Tokenizer, TokenSequence, build_sequence

Floats = npt.NDArray[np.float32]

# An input that was planned, or why it could not be.
Planned = TokenSequence | JinaOmniError


def input_label(index: int | None) -> str:
    """Return what errors call an input: by its place in the caller's list, or just so when it is the only one."""
    return "input" if index is None else f"input {index}"


@dataclass(frozen=True)
class Batch:
    """Inputs that ran together.

    Attributes
    ----------
    indices : list of int
        Their places in the caller's list.
    pooled : array, shape (len(indices), n_embd), float32
        Not of unit length.
    """

    indices: list[int]
    pooled: Floats


class Encoder:
    """Plans and runs inputs on the towers of one model."""

    def __init__(self, files: ModelFiles, context: Context, dialect: Dialect) -> None:
        self.tokenizer = Tokenizer(files.text)
        self._text = files.text
        self._vision = files.vision
        self._context = context
        self._dialect = dialect
        self._geometry = None if files.vision is None else VisionGeometry.of(files.vision)

    def plan(
        self,
        value: Any,
        index: int | None,
        prefix: str,
        *,
        truncate: bool,
        limit: int | None = None,
        fetch: Fetch | None = None,
    ) -> TokenSequence:
        """Turn one input of a caller into a sequence; images are measured, not yet decoded.

        Raises
        ------
        InputError
            With the input's index.
        """
        where = input_label(index)
        try:
            parts = as_parts(value, where, fetch)
            pieces = arrange(parts, prefix, self._dialect, self.tokenizer.special_token)
            limit = self._text.n_ctx if limit is None else limit
            return build_sequence(
                pieces,
                self.tokenizer,
                lambda image: self._row_count(image, where),
                where=where,
                index=index,
                limit=limit,
                truncate=truncate,
            )
        except InputError as error:
            error.index = index
            raise

    def run(
        self,
        planned: Sequence[Planned],
        batch_tokens: int,
        cancel: CancelToken | None,
        errors: dict[int, JinaOmniError] | None,
    ) -> Iterator[Batch]:
        """Run the planned inputs, longest first, in batches of at most `batch_tokens` tokens.

        Parameters
        ----------
        planned : sequence
            Errors among them are left out.
        batch_tokens : int
        cancel : CancelToken or None
        errors : dict or None
            Takes the errors of inputs whose images can't be decoded, by index; None raises them.
        """
        indices = [i for i, sequence in enumerate(planned) if isinstance(sequence, TokenSequence)]
        sequences = {i: sequence for i, sequence in enumerate(planned) if isinstance(sequence, TokenSequence)}
        for members in plan_batches([len(sequences[i]) for i in indices], batch_tokens):
            batch, patches, grids = [], [], []
            for i in (indices[m] for m in members):
                if cancel is not None:  # decoding a batch of large images takes a while
                    cancel.check()
                try:
                    decoded = self._decode(sequences[i])
                except InputError as error:
                    error.index = sequences[i].index
                    if errors is None:
                        raise
                    errors[i] = error
                    continue
                batch.append(i)
                patches += [rows for rows, _ in decoded]
                grids += [grid for _, grid in decoded]
            if not batch:
                continue
            rows = None
            if patches and self._vision is not None:
                rows = self._context.encode_patches(
                    self._vision, np.concatenate(patches), np.array(grids, np.int32), cancel=cancel
                )
                del patches
            pooled = self._context.encode_sequences(
                self._text,
                np.concatenate([sequences[i].tokens for i in batch]),
                np.array([len(sequences[i]) for i in batch], np.int32),
                rows,
                cancel=cancel,
            )
            yield Batch(batch, pooled)

    def _row_count(self, image: Image, where: str) -> int:
        geometry = self._vision_geometry(where)
        return geometry.token_count(grid_of(image, geometry, where))

    def _decode(self, sequence: TokenSequence) -> list[tuple[Floats, Grid]]:
        if not sequence.images:
            return []
        geometry = self._vision_geometry(sequence.where)
        decoded = [patches_of(image, geometry, sequence.where) for image in sequence.images]
        if sum(geometry.token_count(grid) for _, grid in decoded) != sequence.n_rows:
            raise DecodeError(f"{sequence.where} holds an image of another size than its header said; it is damaged")
        return decoded

    def _vision_geometry(self, where: str) -> VisionGeometry:
        if self._geometry is None:
            raise ModalityNotLoadedError(
                f"{where} holds an image, but no vision tower is loaded; pass ...-vision-mmproj-F16.gguf as mmproj"
            )
        return self._geometry
