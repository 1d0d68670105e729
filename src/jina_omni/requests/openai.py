# SPDX-License-Identifier: Apache-2.0
"""OpenAI: the content parts ``image_url``, ``audio_url``, ``video_url``, ``input_audio`` and ``file``."""

from __future__ import annotations

from typing import Any

from jina_omni.errors import located
from jina_omni.inputs import Fetch, Part, make_file_part, make_part
from jina_omni.media.audio import Audio
from jina_omni.media.kinds import KINDS
from jina_omni.requests.values import IGNORED_BLOCK_KEYS, check_keys, is_url, read_base64, read_url, unwrap

__all__ = ["TYPES", "parse_block"]

_URL_TYPES = {"image_url": "image", "audio_url": "audio", "video_url": "video"}
TYPES = (*_URL_TYPES, "input_audio", "file")
"""The types of content parts that only this format has."""


def parse_block(type_: str, value: dict[str, Any], fetch: Fetch | None) -> Part:
    """Return the part of a block of one of `TYPES`.

    Raises
    ------
    InputError
        A key is unknown, a URL is not to be fetched, or data are damaged.
    """
    check_keys(value, {"type", type_}, ignored=IGNORED_BLOCK_KEYS)
    if type_ == "input_audio":
        with located(input_audio=None):
            data = unwrap(value[type_], "data", {"format"})  # its bytes say the format
        return make_part(Audio(read_base64(data)))
    if type_ == "file":
        with located(file=None):
            data = unwrap(value[type_], "file_data", {"filename"})
            return make_file_part(read_url(data, fetch) if is_url(data) else read_base64(data))
    with located(**{type_: None}):
        url = unwrap(value[type_], "url", {"detail"})  # how much that server is to look at; all pixels are taken here
    return make_part(KINDS[_URL_TYPES[type_]].wrapper(read_url(url, fetch)))
