# SPDX-License-Identifier: Apache-2.0
"""Hugging Face's datasets: the files of a row that are not decoded, ``{"bytes", "path"}``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jina_omni.describe import describe_type
from jina_omni.errors import InputError, located
from jina_omni.inputs import Fetch
from jina_omni.media.files import BYTES_LIKE, FileSource
from jina_omni.requests.values import check_keys, is_url, read_url

__all__ = ["is_file_row", "read_file_row"]


def is_file_row(value: Any) -> bool:
    """Return whether a value is a file of a row."""
    return isinstance(value, dict) and "bytes" in value


def read_file_row(value: dict[str, Any], fetch: Fetch | None) -> FileSource:
    """Return the bytes of a file of a row or, where it has none, its path.

    Raises
    ------
    InputError
        A key is unknown, it has neither bytes nor a path, or one is of another type.
    """
    check_keys(value, {"bytes"}, {"path"})
    data, path = value["bytes"], value.get("path")
    if isinstance(data, BYTES_LIKE):
        return data
    if data is not None:
        raise InputError(f"is {describe_type(data)}, expected the bytes of a file", location=(("bytes", None),))
    if path is None:
        raise InputError("has neither bytes nor a path; leave it out")
    with located(path=None):
        if not isinstance(path, (str, os.PathLike)):
            raise InputError(f"is {describe_type(path)}, expected a path")
        return read_url(path, fetch) if is_url(path) else Path(path)
