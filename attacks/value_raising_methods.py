"""Objects whose methods raise.

Their own exception reaches the caller, and the model stays usable.
"""

import numpy as np
from stage import model, report

import jina_omni


class Angry(str):
    """Can't be read."""

    __slots__ = ()

    def __str__(self) -> str:
        raise ZeroDivisionError


class Path:
    """Has no path."""

    def __fspath__(self) -> str:
        raise ZeroDivisionError


expected = model().encode("a")
for value in (Angry("a"), Path(), (x for x in [1 // 0 for _ in ()]), jina_omni.Image(Path())):
    try:
        model().encode(value)
    except (ZeroDivisionError, jina_omni.InputError) as error:
        report(repr(error))
    assert np.array_equal(model().encode("a"), expected)
