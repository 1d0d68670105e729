# SPDX-License-Identifier: Apache-2.0
"""Texts that are names of files: the caller may have meant the file."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["find_file_name"]

_LONGEST_PATH = 4_096  # PATH_MAX of Linux; other systems have less
_LONGEST_SUFFIX = 5  # such as .jpeg, with its point


def find_file_name(value: Any) -> str | None:
    """Return the first text of an input that is the name of an existing file; the file is not opened.

    Parameters
    ----------
    value : input
        A str, or a list or tuple with some. What is wrapped, such as a `Text`, is what the caller says that it is.

    Examples
    --------
    >>> find_file_name("a red circle") is None
    True
    """
    for text in value if isinstance(value, (list, tuple)) else (value,):
        # By its type: an object of another may claim to be a str.
        if issubclass(type(text), str) and _is_like_path(text) and os.path.isfile(text):  # noqa: PTH113 - as any text
            return str(text)
    return None


def _is_like_path(text: str) -> bool:
    """Return whether a text is like a path, which most are not, so that few ask the file system."""
    # Two separators begin the name of another machine, to which Windows would connect.
    if len(text) > _LONGEST_PATH or "\n" in text or text[:2].replace("\\", "/") == "//":
        return False
    return "/" in text or "\\" in text or "." in text[-_LONGEST_SUFFIX:]
