"""Objects that give a false length, type or size.

InputError, or the vector of what is there.
"""

import numpy as np
from stage import expect_error, expect_vector, expect_vector_or_error

import jina_omni


class Long(list):
    """Says that it is longer than it is."""

    def __len__(self) -> int:
        return 1 << 60


class Wide(np.ndarray):
    """Says that it is larger than it is."""

    shape = property(lambda _self: (1 << 20, 1 << 20, 3))
    size = property(lambda _self: 3 << 40)


class Interface:
    """Hands out an address."""

    @property
    def __array_interface__(self) -> dict:
        return {"shape": (1 << 20, 1 << 20, 3), "typestr": "|u1", "data": (0x1000, True), "version": 3}


class Claims:
    """Claims to be another class."""

    __class__ = str


pixels = np.full((64, 64, 3), 9, np.uint8)
expect_vector(Long(["a", "b"]), like=["a", "b"])
expect_error(Interface(), jina_omni.InputError, "which is not an input")
expect_error(jina_omni.Image(Interface()), jina_omni.InputError, "whose source is of the type Interface")
expect_vector_or_error(jina_omni.Image(pixels.view(Wide)))
expect_vector_or_error(jina_omni.Video(np.stack([pixels] * 4).view(Wide)))
expect_vector_or_error(Claims())
