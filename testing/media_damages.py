"""Damages of media files, made by chance."""

from __future__ import annotations

import random
import struct

EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return a file with one to four changes, most of them in its head, where the structure is."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        reach = min(len(content), rng.choice((32, 400, len(content))))
        place = rng.randrange(reach) if reach else 0
        match rng.randrange(8):
            case 0 | 1:
                content[place : place + 1] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))])
            case 2 | 3:
                form = rng.choice(("<H", ">H", "<I", ">I"))
                value = struct.pack(form, rng.choice(EDGES) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
                content[place : place + len(value)] = value
            case 4:
                del content[place : place + rng.choice((1, 4, 100, len(content)))]
            case 5:
                chunk = content[place : place + rng.choice((1, 4, 100))]
                content[place:place] = chunk * rng.choice((1, 2, 50))
            case 6:
                at = rng.randrange(len(other))
                content[place : place + 64] = other[at : at + 64]
            case _:
                content[place:place] = rng.randbytes(rng.choice((1, 4, 64)))
    return bytes(content)
