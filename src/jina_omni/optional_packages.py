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
        It is not installed, or is but can't be imported. The message is the end of a sentence such as "a PDF needs":
        the package, and what to do.
    """
    package = module.partition(".")[0].replace("_", "-")
    try:
        return importlib.import_module(module)
    except Exception as error:  # such as an OSError for a library that it links to
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            message = f"{package}: pip install 'jina-omni[{extra}]'"
        else:
            message = (
                f"{package}, which is installed but can't be imported ({type(error).__name__}: {error}); install it "
                f"again: pip install --force-reinstall {package}"
            )
        raise ImportError(message, name=module) from error
