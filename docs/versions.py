# SPDX-License-Identifier: Apache-2.0
"""Shows Sphinx's ``.. versionadded::`` of our docstrings in Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Versions(griffe.Extension):
    """Turns the directive into a sentence."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^\.\. versionadded:: (\S+)$", r"*New in \1.*", obj.docstring.value, flags=re.M)
