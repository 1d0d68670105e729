# SPDX-License-Identifier: Apache-2.0
"""Which compiled extension computes: an accelerator's where its distribution is installed, else this package's own."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

# Each is a distribution with one package, and an extra of jina-omni: docs/wheels.md explains why.
ACCELERATORS = ("cuda13", "cuda12", "vulkan")


def load_extension() -> tuple[ModuleType, str | None]:
    """Import the extension.

    Returns
    -------
    extension : module
        Of the first accelerator that is installed and loads, else this package's own.
    problem : str or None
        Why an accelerator that is installed does not compute; None where none is, or all is well.
    """
    problems = []
    for accelerator in ACCELERATORS:
        package = f"jina_omni_{accelerator}"
        if find_spec(package) is None:
            continue
        found, wanted = version(package), version("jina_omni")
        if found != wanted:
            problems.append(
                f"jina-omni-{accelerator} is of version {found}, but jina-omni of {wanted}; run "
                f"pip install 'jina-omni[{accelerator}]=={wanted}'"
            )
            continue
        try:
            return import_module(f"{package}._lib"), None
        except ImportError as error:  # it links to libraries that may be missing
            problems.append(
                f"jina-omni-{accelerator} can't be loaded: {error}; pip install 'jina-omni[{accelerator}]' brings "
                "what it needs except the driver"
            )
    return import_module("jina_omni.native._lib"), "; ".join(problems) or None
