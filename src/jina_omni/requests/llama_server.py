# SPDX-License-Identifier: Apache-2.0
"""The vendor's llama-server: a text with media markers, and the media in base64."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

from jina_omni.describe import describe_type
from jina_omni.errors import InputError, located
from jina_omni.inputs import Text, make_part
from jina_omni.located_parts import LocatedPart, locate
from jina_omni.media.file_types import detect_media_type
from jina_omni.media.kinds import Media, wrap_file
from jina_omni.media.video import Video
from jina_omni.requests.values import check_keys, read_base64, require_list

__all__ = ["PROMPT_KEY", "is_prompt", "parse_prompt"]

PROMPT_KEY = "prompt_string"
_MARKER = "<__media__>"


def is_prompt(value: Any) -> bool:
    """Return whether a value is one of this server's prompts."""
    return isinstance(value, dict) and PROMPT_KEY in value


def parse_prompt(value: dict[str, Any]) -> Iterator[LocatedPart]:
    """Yield the parts of a prompt.

    Its markers take what is in ``multimodal_data`` in order, then the pairs of frames in ``videopair_data``. The text
    around them stays as it is. A pair is a `Video` of its own of two frames without timestamps, as that server has it.

    Raises
    ------
    DecodeError
        Base64 is damaged, or a frame of a pair.
    UnsupportedMediaError
        Bytes in ``multimodal_data`` are of a type that is not embedded.
    InputError
        A key is unknown or missing, a value is of another type, there are more markers than media or fewer, or the
        frames of a pair differ in size.
    """
    check_keys(value, {PROMPT_KEY}, {"multimodal_data", "videopair_data"})
    prompt = value[PROMPT_KEY]
    if not isinstance(prompt, str):
        raise InputError(f"is {describe_type(prompt)}, expected a str", location=((PROMPT_KEY, None),))
    with located(multimodal_data=None):
        files = require_list(value.get("multimodal_data", ()), allow_empty=True)
    with located(videopair_data=None):
        pairs = require_list(value.get("videopair_data", ()), allow_empty=True)
    texts = prompt.split(_MARKER)
    if len(texts) - 1 != len(files) + len(pairs):
        raise InputError(
            f"has {len(texts) - 1} markers {_MARKER} in its prompt_string, but {len(files) + len(pairs)} media "
            f"({len(files)} in multimodal_data, {len(pairs)} in videopair_data); each marker takes one"
        )
    media = [locate(partial(_read_file, file), multimodal_data=i) for i, file in enumerate(files)]
    media += [locate(partial(_read_pair, pair), videopair_data=i) for i, pair in enumerate(pairs)]
    parts = [part for pair in itertools.zip_longest(map(_locate_text, texts), media) for part in pair if part]
    yield from parts or [locate(lambda: make_part(Text(prompt)), prompt_string=None)]


def _locate_text(text: str) -> LocatedPart | None:
    return locate(lambda: make_part(Text(text)), prompt_string=None) if text else None


def _read_file(value: Any) -> Media:
    data = read_base64(value)
    return wrap_file(data, detect_media_type(data))


def _read_pair(value: Any) -> Video:
    if len(require_list(value)) != 2:
        raise InputError(f"has {len(value)} frames, expected 2; send an odd last frame twice")
    frames = []
    for i, frame in enumerate(value):
        with located(frame=i):
            frames.append(read_base64(frame))
    return Video(frames, timestamps=False)
