"""Commands that permissions hold for, also where this process may read everything."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

__all__ = ["find_prefix", "without_privileges"]

# Of a superuser, who may read what nobody may.
_SETPRIV = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]


def find_prefix() -> list[str] | None:
    """Return what to put before a command so that permissions hold for it; None where that can't be done."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() != 0:
        return []
    works = shutil.which("setpriv") and subprocess.run([*_SETPRIV, "true"], check=False).returncode == 0
    return _SETPRIV if works else None


def without_privileges() -> list[str]:
    """Return the prefix of `find_prefix`; skip the test where there is none."""
    prefix = find_prefix()
    if prefix is None:
        pytest.skip("permissions can't be made to hold for this user")
    return prefix
