"""How the parts of an input become the spans of one sequence, in both dialects (MODEL_FACTS sections 2, 7 and 13)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .pixels import Limits, Patches, image_patches, video_patches
from .weights import Array


@dataclass(frozen=True)
class Audio:
    """Mono samples at 16 kHz in [-1, 1]."""

    samples: Array


@dataclass(frozen=True)
class Video:
    """Frames (n, h, w, 3), and the seconds printed before each pair of them, or None for none.

    Attributes
    ----------
    sound
        Track of the file that the frames are from.
    """

    frames: NDArray[np.uint8]
    times: tuple[float, ...] | None = None
    sound: Audio | None = None


Part = str | Image.Image | Video | Audio
Span = list[int] | Array
"""Token ids, or the rows of a tower."""


def build_spans(
    parts: Sequence[Part],
    *,
    encode: Callable[[str], list[int]],
    known: Callable[[str], bool],
    vision: Callable[[Patches], Array],
    audio: Callable[[Array], Array],
    limits: Limits,
    eos: int | None,
    dialect: str = "card",
) -> list[Span]:
    """Return the spans of an input.

    Parameters
    ----------
    encode
        Tokenises one string, adding nothing.
    known
        Whether a string is one token of the vocabulary; delimiters that are not are left out.
    vision, audio
        Compute a tower's rows from patches or from samples.
    eos
        Token that ends every sequence, or None.
    dialect
        ``card``, or ``sentence-transformers``: a user's turn around an input with media, a video's sound before it.
    """
    images, sounds = _delimiters(known, "vision"), _delimiters(known, "audio")
    pieces: list[str | Array] = []
    if dialect == "sentence-transformers" and not all(isinstance(part, str) for part in parts):
        tracks = [[part.sound] if isinstance(part, Video) and part.sound else [] for part in parts]
        in_order = itertools.chain.from_iterable([*track, part] for track, part in zip(tracks, parts, strict=True))
        parts = ["<|im_start|>user\n", *in_order, "<|im_end|>\n"]
    for part in parts:
        if isinstance(part, str):
            pieces.append(part)
        elif isinstance(part, Audio):
            pieces += [sounds[0], audio(part.samples), sounds[1]]
        elif isinstance(part, Video):
            patches = video_patches(part.frames, limits)
            pieces += _video_pieces(vision(patches), patches.grid[0], part.times, images)
        else:
            pieces += [images[0], vision(image_patches(part, limits)), images[1]]

    spans: list[Span] = []
    # Text, delimiters and timestamps between two runs of rows are tokenised as one string.
    for is_text, run in itertools.groupby(pieces, lambda piece: isinstance(piece, str)):
        if not is_text:
            spans += run
        elif text := "".join(run):
            spans.append(encode(text))
    return spans if eos is None else [*spans, [eos]]


def _video_pieces(
    rows: Array, n_groups: int, times: Sequence[float] | None, delimiters: tuple[str, str]
) -> list[str | Array]:
    # Where the vocabulary has no image delimiters (nano) a video is one run of rows, without timestamps.
    if not delimiters[0]:
        return [rows]
    stamps = [""] * n_groups if times is None else [f"<{time:.1f} seconds>" for time in times]
    groups = zip(stamps, np.split(rows, n_groups), strict=True)
    return [piece for stamp, group in groups for piece in (stamp + delimiters[0], group, delimiters[1])]


def _delimiters(known: Callable[[str], bool], kind: str) -> tuple[str, str]:
    names = {"vision": [("start", "end")], "audio": [("start", "end"), ("bos", "eos")]}[kind]
    for pair in names:
        start, end = (f"<|{kind}_{name}|>" for name in pair)
        if known(start) and known(end):
            return start, end
    return "", ""
