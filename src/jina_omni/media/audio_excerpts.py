# SPDX-License-Identifier: Apache-2.0
"""Excerpts of sounds that are being decoded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

from jina_omni.errors import InputError
from jina_omni.media.audio_streams import AudioStream, Block
from jina_omni.media.excerpts import Excerpt

__all__ = ["NoSoundThereError", "cut_stream", "measure_stream"]


class NoSoundThereError(InputError):
    """A sound has no sample in an excerpt."""


def cut_stream(stream: AudioStream, excerpt: Excerpt) -> AudioStream:
    """Return an excerpt of a sound, whose beginning is decoded and dropped.

    Its blocks raise a `NoSoundThereError` if the sound has no sample there.
    """
    if excerpt.is_whole:
        return stream
    first, last = (round(min(seconds * stream.rate, sys.maxsize)) for seconds in excerpt)
    length = None if stream.length is None else max(min(stream.length, last) - first, 0)

    def blocks() -> Iterator[Block]:
        place, n_samples = 0, 0
        for block in stream.blocks:
            piece = block[max(first - place, 0) : max(last - place, 0)]
            place += len(block)
            if len(piece):
                n_samples += len(piece)
                yield piece
            if place >= last:
                break
        if n_samples == 0:
            raise NoSoundThereError(f"has no sound from {excerpt}; leave this part out")

    return replace(stream, length=length, blocks=blocks())


def measure_stream(stream: AudioStream) -> float:
    """Return the seconds of a sound. It is decoded where its header may be wrong."""
    if stream.exact and stream.length is not None:
        return stream.length / stream.rate
    return sum(map(len, stream.blocks)) / stream.rate
