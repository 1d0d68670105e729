# SPDX-License-Identifier: Apache-2.0
"""Samples as other libraries return them: as lists of numbers, and together with their sampling rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Any, TypeAlias

import numpy as np

from jina_omni.media.decoders import as_decode_error

__all__ = ["Numbers", "is_sound_decoder", "unpack_samples"]

Numbers: TypeAlias = Any
"""A list of samples, or a pair with their rate. `Audio` turns it into an array, so other code need not be typed for it.
"""

_NUMBERS = (int, float, np.integer, np.floating)


def is_sound_decoder(value: object) -> bool:
    """Return whether a value decodes a sound as `torchcodec.decoders.AudioDecoder` does."""
    return hasattr(type(value), "get_all_samples")


def unpack_samples(source: Any, sampling_rate: int | None) -> tuple[Any, int | None]:
    """Return a sound's source and sampling rate, with lists of numbers as arrays.

    Parameters
    ----------
    source
        ``(rate, samples)`` of `scipy.io.wavfile.read` and Gradio, or ``(samples, rate)`` of `soundfile.read` and
        librosa, are taken apart, and a decoder of torchcodec, as datasets has in its rows, is read. What is none of
        that nor a list of numbers stays as it is.
    sampling_rate : int or None
        With one, only lists are unpacked: pairs and decoders have their own.

    Raises
    ------
    DecodeError
        A decoder fails.
    """
    if is_sound_decoder(source) and sampling_rate is None:
        with as_decode_error("a sound"):
            found = source.get_all_samples()
            return np.asarray(found.data), found.sample_rate
    if isinstance(source, tuple) and len(source) == 2 and sampling_rate is None:
        for rate, samples in (source, source[::-1]):
            if _is_number(rate) and (isinstance(samples, np.ndarray) or _is_list(samples)):
                source, sampling_rate = samples, rate
                break
    if not _is_list(source):
        return source, sampling_rate
    rows = list(source)
    if all(map(_is_channel, rows)) and len({(row.dtype, row.shape) for row in rows}) == 1:
        return np.stack(rows), sampling_rate  # of their own type, which says what the largest number is
    # Only lists of numbers become arrays: other values could hand out an address as their memory.
    rows = [row.tolist() if type(row) is np.ndarray else row for row in rows]
    if all(map(_is_number, rows)) or (all(map(_is_list_of_numbers, rows)) and len(set(map(len, rows))) == 1):
        return np.asarray(rows), sampling_rate
    return source, sampling_rate


def _is_list(value: Any) -> bool:
    """Return whether a value is a list or a tuple, or a column of a table."""
    if isinstance(value, (list, tuple)):
        return True
    if isinstance(value, (str, bytes, bytearray, memoryview, np.ndarray, Mapping)):
        return False
    return isinstance(value, Iterable) and isinstance(value, Sized) and hasattr(type(value), "__getitem__")


def _is_channel(value: Any) -> bool:
    return type(value) is np.ndarray and value.ndim == 1 and value.dtype.kind in "iuf"


def _is_list_of_numbers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)
