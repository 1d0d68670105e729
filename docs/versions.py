# SPDX-License-Identifier: Apache-2.0
"""Shows Sphinx's ``.. versionadded::`` of our docstrings in Markdown, where it would end up in the last example."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DIRECTIVE = re.compile(r"\n*^\.\. versionadded:: (\S+)$", re.MULTILINE)


class Versions(griffe.Extension):
    """Turns the directive into a sentence behind the summary."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Rewrite the docstring of an object."""
        docstring = obj.docstring
        found = docstring and _DIRECTIVE.search(docstring.value)
        if docstring and found:
            summary, blank, rest = _DIRECTIVE.sub("", docstring.value).partition("\n\n")
            docstring.value = f"{summary}\n\n*New in {found[1]}.*{blank}{rest}"
