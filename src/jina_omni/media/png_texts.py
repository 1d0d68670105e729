# SPDX-License-Identifier: Apache-2.0
"""PNG files with more text than Pillow reads.

Pillow refuses an image whose text or colour profile unpacks to over a MiB, which workflows and histories of editing
programs do. Nothing of them is embedded, so they are left out.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL.PngImagePlugin import MAX_TEXT_CHUNK, MAX_TEXT_MEMORY

from jina_omni.media.limits import MAX_ENCODED_BYTES

__all__ = ["leave_out_large_texts"]

_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}
_HEAD = 8  # bytes of the signature; a chunk has as many before its body and 4 after it (PNG 1.2, 3.2)


def leave_out_large_texts(file: BinaryIO) -> BinaryIO:
    """Return a PNG file without the texts and the profile that Pillow refuses; the same file if it has none.

    Parameters
    ----------
    file : binary file
        At its start, where it is again afterwards.
    """
    places = list(_find_large_texts(file))
    file.seek(0)
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not places or length > MAX_ENCODED_BYTES:
        return file
    content = memoryview(file.read())
    begins = [0, *(end for _, end in places)]
    ends = [*(begin for begin, _ in places), length]
    return io.BytesIO(b"".join(content[begin:end] for begin, end in zip(begins, ends, strict=True)))


def _find_large_texts(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield where the chunks begin and end that Pillow refuses.

    Once it would have refused them together, all further ones are left out without unpacking them.
    """
    total = 0
    begin = _HEAD
    while True:
        file.seek(begin)
        head = file.read(8)
        kind = head[4:]
        if len(head) < 8 or kind == b"IEND":
            return
        size = int.from_bytes(head[:4], "big")
        end = begin + 8 + size + 4
        if kind in _TEXTS:
            n = _count_characters(kind, file.read(size)) if max(total, size) <= MAX_TEXT_MEMORY else 0
            total += max(n, size)
            if n > MAX_TEXT_CHUNK or total > MAX_TEXT_MEMORY:
                yield begin, end
        begin = end


def _count_characters(kind: bytes, body: bytes) -> int:
    """Return the bytes of a text, of a compressed one at most one more than Pillow reads."""
    _keyword, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        is_compressed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        is_compressed, rest = kind != b"tEXt", rest[1:]
    if not is_compressed:
        return len(body)
    try:
        return len(zlib.decompressobj().decompress(rest, MAX_TEXT_CHUNK + 1))
    except zlib.error:
        return 0  # damaged, which Pillow says or passes over
