# SPDX-License-Identifier: Apache-2.0
"""The Jina API, and sentence-transformers: ``{"text": ..., "image": ...}``, a part for each key."""

from __future__ import annotations

from typing import Any

import numpy as np

from jina_omni.inputs import Fetch, Part, Text, make_part
from jina_omni.media.audio import Audio
from jina_omni.media.files import BYTES_LIKE
from jina_omni.media.kinds import KINDS
from jina_omni.requests.datasets import is_file_row, read_file_row
from jina_omni.requests.sentence_transformers import parse_frames, parse_samples
from jina_omni.requests.values import read_source

__all__ = ["parse_entry"]

_ASSUMED_RATE = 16_000  # of an array without a sampling rate, in the model's sentence-transformers code


def parse_entry(kind: str, value: Any, fetch: Fetch | None) -> Part:
    """Return the part of a key and its value.

    Parameters
    ----------
    kind : str
        The key, "text" or a kind of media.
    value
        A str is a text, a URL, base64 or a path; see `jina_omni.requests`. Media may also be all that their wrappers
        take, an array of samples, or a dict of sentence-transformers or of datasets.
    fetch : callable or None
        From a URL to the bytes at that address.

    Raises
    ------
    InputError
        The value can't be taken.
    """
    if kind == "text":
        return make_part(Text(value))
    if isinstance(value, (str, *BYTES_LIKE)):
        value = read_source(value, fetch)
    elif is_file_row(value):
        value = read_file_row(value, fetch)
    elif kind == "video" and isinstance(value, (list, tuple)):
        value = [read_source(frame, fetch) if isinstance(frame, (str, *BYTES_LIKE)) else frame for frame in value]
    if kind == "audio" and isinstance(value, (list, np.ndarray)):
        return make_part(Audio(value, sampling_rate=_ASSUMED_RATE))
    if kind == "audio" and isinstance(value, dict):
        return make_part(parse_samples(value))
    if kind == "video" and isinstance(value, dict):
        return make_part(parse_frames(value))
    return make_part(KINDS[kind].wrapper(value))
