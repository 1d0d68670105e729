"""Ways to damage a GGUF file. Each returns a `Case`: a name, the damage, and what the refusal must say."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from gguf import GGMLQuantizationType as Type

from testing.gguf_parts import Parts, key, tensor

# Tensors and a key that many damages change.
Q, EMBD = "blk.1.attn_q.weight", "token_embd.weight"
TOKENS = "tokenizer.ggml.tokens"


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


class Case(NamedTuple):
    """One damage.

    Attributes
    ----------
    of
        The file that is damaged: ``small``, ``nano`` (text model files), ``vision``, ``audio`` or ``both`` (projector
        files of small).
    damage
        Returns the bytes of the damaged file.
    words
        Pattern of what the message must say after the file's name.
    """

    name: str
    of: str
    damage: Callable[[Parts], bytes]
    words: str


def patch(of: str, what: str, owner: str, value: bytes, words: str, at: int = 0) -> Case:
    """Overwrite one field of the header."""
    name = f"{of}: {what} of {owner or 'the header'} is {value[:12].hex()}{f' at {at}' if at else ''}"
    return Case(name, of, lambda parts: parts.patched(what, owner, value, at), words)


def edit(name: str, of: str, change: Callable[[Parts], object], words: str) -> Case:
    """Change records, and put the file together again."""

    def damage(parts: Parts) -> bytes:
        change(parts)
        return parts.joined()

    return Case(f"{of}: {name}", of, damage, words)


def set_key(of: str, name: str, kind: str, value: object, words: str | None = None) -> Case:
    """Set a key; by default the message must name it."""
    return edit(
        f"{name} is {kind} {str(value)[:40]}",
        of,
        lambda parts: parts.keys.update({name: key(name, kind, value)}),
        words or f"'?{re.escape(name)}'? ",
    )


def remove(of: str, name: str, words: str | None = None) -> Case:
    """Leave a key or a tensor out."""

    def change(parts: Parts) -> None:
        del (parts.keys if name in parts.keys else parts.tensors)[name]

    return edit(f"without {name}", of, change, words or f"'{re.escape(name)}' is missing")


def reshape(of: str, name: str, shape: list[int], words: str, kind: Type = Type.F16, offset: int = 0) -> Case:
    """Give a tensor another record."""
    record = tensor(name, shape, kind, offset)
    label = f"{name} is {kind.name} of {shape} at {offset}"
    return edit(label, of, lambda parts: parts.tensors.update({name: record}), words)


def change_tokens(name: str, of: str, change: Callable[[list[str]], list[str]], words: str) -> Case:
    """Change the list of tokens."""

    def apply(parts: Parts) -> None:
        parts.keys[TOKENS] = key(TOKENS, "string", change(list(parts.header.values[TOKENS])))

    return edit(name, of, apply, words)


def cut_header(of: str, share: float) -> Case:
    """Cut the file inside a field that lies this far into the list of the header's fields."""

    def damage(parts: Parts) -> bytes:
        place = parts.header.places[int(share * len(parts.header.places))]
        return parts.original[: place.at + place.size // 2]

    return Case(f"{of}: cut at {share:.0%} of the header's places", of, damage, "cut short|not a GGUF file|is empty")
