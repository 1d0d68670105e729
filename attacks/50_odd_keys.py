"""Dicts whose keys are no strings, and values that are no JSON.

InputError that names them.
"""

import math

from stage import rejects

import jina_omni

for odd in (None, 7, math.nan, b"text", ("text",), 1 << 70_000, frozenset()):
    rejects({odd: "a"}, jina_omni.InputError, "has the unknown key")
for value in (None, 7, math.nan, b"a", 1 << 70_000, object(), {}, [], ["a", "b"], lambda: "a"):
    rejects({"text": value}, jina_omni.InputError, "")
    rejects({"type": value}, jina_omni.InputError, "")
    rejects({"type": "image", "format": value, "value": "aaaa"}, jina_omni.InputError, "")
