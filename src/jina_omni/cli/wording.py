# SPDX-License-Identifier: Apache-2.0
"""Messages of the library in the words of the command line: options instead of arguments of Python."""

from __future__ import annotations

import logging
import re

__all__ = ["OptionFormatter", "describe_count", "name_options"]

# The options of commands, by the arguments of Python that they set.
_OPTIONS = {
    "background": "--background",
    "batch_tokens": "--batch-tokens",
    "compute": "--compute",
    "device": "--device",
    "dialect": "--dialect",
    "mmproj": "--mmproj",
    "modality": "--modality",
    "n_threads": "--threads",
    "orientation": "--orientation",
    "precision": "--precision",
    "prompt": "--prompt",
    "truncate_dim": "--truncate-dim",
}

# Advice that no option follows, and what a user of the command line does instead.
_ADVICE = (
    ("truncate=True", "--truncate"),
    ("; Audio.split() returns its parts", ""),
    (
        " If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, open it with PIL.Image.open and pass the PIL image",
        "",
    ),
    ("; leave it out with pages=", "; save the document without it"),
    ("; pass a smaller dpi=, or leave the page out with pages=", "; save the document without it, or smaller"),
    ("not even its first page fits: pass a lower dpi", "not even its first page fits: save it smaller"),
    ("; pass it as password=, or save it without one first", "; save it without one first"),
    ("; pass more seconds=", "; cut it into shorter files"),
    ("; pass max_frames=", "; cut it into shorter files"),
    ("; pass its contents as a str: path.read_text()", ""),
    ("; embed its sound: jina_omni.Audio(...)", ""),
    ("; decode its source as UTF-8, or drop it: text.encode('utf-8', 'ignore').decode()", "; type it in UTF-8"),
    (
        "pass ranges or calibration_embeddings to jina_omni.quantize_embeddings",
        "embed more files at once, or with --precision float32",
    ),
    (
        "take float32 and pass it to jina_omni.quantize_embeddings with ranges or calibration_embeddings",
        "embed more files at once, or with --precision float32",
    ),
    (" (what ggml said went to the logger jina_omni.native)", ""),
)
# Of a document that is too long: `pages=[0, 1]` and `encode(pdf.split())`.
_PAGES = re.compile(r": pass pages=\[[\d, ]*\], or embed each page by itself: encode\(pdf\.split\(\)\)")

_NAMES = "|".join(_OPTIONS)
_VALUE = re.compile(rf"\b({_NAMES})=(?:'([^']*)'|(\w+))?")
_SUBJECT = re.compile(rf"^({_NAMES}) (?=is\b)|(?<=\bpass )({_NAMES})\b(?= instead)|(?<=\bas )(mmproj)\b")


def describe_count(number: int, what: str) -> str:
    """Return a number of things, in words.

    Examples
    --------
    >>> describe_count(1, "file"), describe_count(2_000, "file")
    ('1 file', '2,000 files')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def name_options(message: str) -> str:
    """Return a message of the library with options in the place of arguments, and without advice for Python alone.

    Examples
    --------
    >>> name_options("truncate_dim is 5; this model was trained for 32, 64")
    '--truncate-dim is 5; this model was trained for 32, 64'
    >>> name_options("Do without by modality='text'")
    'Do without by --modality text'
    """
    for in_python, in_commands in _ADVICE:
        message = message.replace(in_python, in_commands)
    message = _PAGES.sub("; save the others as a document of their own, or take jina-omni index --pages", message)
    message = _VALUE.sub(lambda found: f"{_OPTIONS[found[1]]} {found[2] or found[3] or ''}".rstrip(), message)
    return _SUBJECT.sub(lambda found: f"{_OPTIONS[found[1] or found[2] or found[3]]}{' ' * bool(found[1])}", message)


class OptionFormatter(logging.Formatter):
    """Formats what the library logs in the words of the command line, and as it prints its own warnings and errors."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line of a record."""
        return f"{record.levelname.lower()}: {name_options(record.message)}"
