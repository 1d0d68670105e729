# SPDX-License-Identifier: Apache-2.0
"""The frameworks that adapters are made for, which are installed on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needs"]


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Tell which extra has a package, where an import within fails.

    Parameters
    ----------
    extra : str
        The extra that installs what is imported.

    Raises
    ------
    ImportError
        A package is not installed. No `JinaOmniError`, since it is an import statement that fails.

    .. versionadded:: 0.1.0
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{error}; this adapter needs what an extra installs: pip install 'jina-omni[{extra}]'", name=error.name
        ) from error
