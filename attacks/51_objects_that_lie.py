"""Objects that lie about their length, their type or their pixels.

InputError, or the vector of what is there.
"""

import numpy as np
from stage import embeds, rejects, survives

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
embeds(Long(["a", "b"]), like=["a", "b"])
rejects(Interface(), jina_omni.InputError, "which is no input")
rejects(jina_omni.Image(Interface()), jina_omni.InputError, "whose source is of the type Interface")
survives(jina_omni.Image(pixels.view(Wide)))
survives(jina_omni.Video(np.stack([pixels] * 4).view(Wide)))
survives(Claims())
