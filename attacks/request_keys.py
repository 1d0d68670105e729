"""Dicts whose keys are not strings, and values that JSON does not have.

InputError that names them.
"""

import math

from stage import expect_error

import jina_omni

for odd in (None, 7, math.nan, b"text", ("text",), 1 << 70_000, frozenset()):
    expect_error({odd: "a"}, jina_omni.InputError, "has the unknown key")
for value in (None, 7, math.nan, b"a", 1 << 70_000, object(), {}, [], ["a", "b"], lambda: "a"):
    expect_error({"text": value}, jina_omni.InputError, "")
    expect_error({"type": value}, jina_omni.InputError, "")
    expect_error({"type": "image", "format": value, "value": "aaaa"}, jina_omni.InputError, "")
