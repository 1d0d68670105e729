"""A GGUF file taken apart and put together again with what a test changes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from testing.gguf_header import SCALARS, Header, read_header

_NAMES = ("u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64")
KINDS = {name: code for code, name in enumerate(_NAMES)}


def string(text: str | bytes) -> bytes:
    """Return a string as it lies in a header."""
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: str, value: object) -> bytes:
    """Return the record of a key; a list of values becomes an array."""
    code = KINDS[kind]

    def one(item: object) -> bytes:
        return string(item) if isinstance(item, (str, bytes)) else struct.pack(SCALARS[code], item)

    if isinstance(value, list):
        header = struct.pack("<IIQ", KINDS["array"], code, len(value))
        return string(name) + header + b"".join(map(one, value))
    return string(name) + struct.pack("<I", code) + one(value)


def tensor(name: str | bytes, shape: Sequence[int], kind: int, offset: int) -> bytes:
    """Return the record of a tensor, its shape in the order of the file."""
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


class Parts:
    """The parts of a file, to be changed.

    Attributes
    ----------
    header
        Of the file as it was.
    keys, tensors
        Records by name, in the order of the file. The name is ours alone: two records of one name go under two.
    data
        From the first tensor to the end.
    """

    def __init__(self, path: Path) -> None:
        self.original = path.read_bytes()
        self.header: Header = read_header(path)
        names = {"key length": iter(self.header.values), "name length": iter(self.header.tensors)}
        starts = [place for place in self.header.places if place.what in names]
        ends = [place.at for place in starts[1:]] + [self.header.size]
        self.keys: dict[str, bytes] = {}
        self.tensors: dict[str, bytes] = {}
        for start, end in zip(starts, ends, strict=True):
            records = self.keys if start.what == "key length" else self.tensors
            records[next(names[start.what])] = self.original[start.at : end]
        self.data = self.original[min(self.header.tensors.values()) :]

    def joined(self, alignment: int = 32) -> bytes:
        """Return the file."""
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        head += b"".join([*self.keys.values(), *self.tensors.values()])
        return head + b"\0" * (-len(head) % alignment) + self.data

    def patched(self, what: str, owner: str, value: bytes, at: int = 0) -> bytes:
        """Return the original with one thing of its header overwritten; see `testing.gguf_header.Place`."""
        place = next(p for p in self.header.places if p.what == what and p.owner == owner)
        return self.overwritten(place.at + at, value)

    def overwritten(self, at: int, value: bytes) -> bytes:
        """Return the original with these bytes there."""
        return self.original[:at] + value + self.original[at + len(value) :]


def split_file(path: Path, stem: Path, count: int) -> list[Path]:
    """Write a file as several, as llama-gguf-split does; return their paths.

    All keys are in the first; each has its number, their count, and the count of all tensors.
    """
    parts = Parts(path)
    ends = sorted([*parts.header.tensors.values(), len(parts.original)])
    names = list(parts.tensors)
    per_file = -(-len(names) // count)
    paths = [stem.with_name(f"{stem.name}-{i + 1:05}-of-{count:05}.gguf") for i in range(count)]
    for i, written in enumerate(paths):
        one = Parts(path)
        one.keys = (one.keys if i == 0 else {}) | {
            "split.no": key("split.no", "u16", i),
            "split.count": key("split.count", "u16", count),
            "split.tensors.count": key("split.tensors.count", "i32", len(names)),
        }
        one.tensors, one.data = {}, b""
        for name in names[i * per_file : (i + 1) * per_file]:
            start = parts.header.tensors[name]
            one.tensors[name] = parts.tensors[name][:-8] + struct.pack("<Q", len(one.data))
            content = parts.original[start : next(end for end in ends if end > start)]
            one.data += content + bytes(-len(content) % 32)
        written.write_bytes(one.joined())
    return paths
