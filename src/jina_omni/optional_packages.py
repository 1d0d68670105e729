# SPDX-License-Identifier: Apache-2.0
"""Packages that only some users need, which extras of this library install."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["import_optional", "needs_extra"]


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Add to an ImportError which extra installs what is missing.

    Parameters
    ----------
    extra : str
        The extra of this library that installs what the block imports.

    Raises
    ------
    ImportError
        An import in the block fails.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'jina-omni[{extra}]'", name=error.name) from error


def import_optional(module: str, extra: str) -> ModuleType:
    """Import a package that an extra of this library installs.

    Parameters
    ----------
    module : str
        The package's name in Python.
    extra : str
        The extra that installs it.

    Raises
    ------
    ImportError
        It is not installed, or its import fails; the message names the extra.
    """
    with needs_extra(extra):
        return importlib.import_module(module)
