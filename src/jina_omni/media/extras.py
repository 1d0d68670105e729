# SPDX-License-Identifier: Apache-2.0
"""Packages that are installed only where a user wants the kind of file that needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from jina_omni.errors import UnsupportedMediaError

__all__ = ["require"]


def require(module: str, extra: str, what: str, where: str) -> ModuleType:
    """Import a package that an extra brings.

    Parameters
    ----------
    module : str
        To import, such as ``pillow_heif``.
    extra : str
        The extra of this library that installs it.
    what : str
        What messages say that the input is, such as "an HEIC image".
    where : str
        What messages call the input.

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
