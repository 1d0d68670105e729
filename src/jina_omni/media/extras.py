# SPDX-License-Identifier: Apache-2.0
"""Packages that are needed for some kinds of media only, and so are installed on demand."""

from __future__ import annotations

import importlib
from types import ModuleType

from jina_omni.errors import UnsupportedMediaError

__all__ = ["require"]


def require(module: str, extra: str, what: str, where: str) -> ModuleType:
    """Import a package that an extra of this library installs.

    Parameters
    ----------
    module : str
        Its name in Python.
    extra : str
        The extra that has it.
    what : str
        What the input is, such as "a PDF".
    where : str
        What messages call the input.

    Returns
    -------
    module

    Raises
    ------
    UnsupportedMediaError
        It is not installed, or can't be imported.

    .. versionadded:: 0.1.0
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.replace("_", "-")
        raise UnsupportedMediaError(
            f"{where} is {what}, which needs {package}: pip install 'jina-omni[{extra}]'"
        ) from error
