"""How much tools/check_gpu.py gives a device to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import text
from benchmarks.text import Row


@dataclass(frozen=True)
class DeviceWork:
    """The work of all parts.

    Attributes
    ----------
    texts
        Rows in groups, for each of which llama.cpp has one context. The first row of a group matters most.
    queries
        Turns of one query.
    images
        Number, height and width.
    sounds
        Number and seconds.
    counts
        Inputs for `testing.accelerator.count_inputs`.
    """

    texts: Sequence[Sequence[Row]]
    queries: int
    images: Sequence[tuple[int, int, int]]
    sounds: Sequence[tuple[int, float]]
    counts: Sequence[str]


def _repeat(number: int, length: int) -> Row:
    return Row(f"{number:,} of {length:,} tokens", lambda _: [length] * number, number)


FULL = DeviceWork(
    texts=(
        (text.ROWS["b"], *(_repeat(n, 32) for n in (1, 1024, 256, 4, 64, 16)), _repeat(512, 16), _repeat(128, 64)),
        (text.ROWS["a"], _repeat(64, 128), _repeat(8, 1024), _repeat(32, 256), _repeat(4, 2048)),
        (_repeat(1, 8192), _repeat(2, 4096)),
    ),
    queries=300,
    images=((16, 512, 512), (4, 1024, 1280)),
    sounds=((8, 11.0), (8, 30.0)),
    counts=(
        *("texts:12", "texts:8..64*256", "texts:512*8", "texts:1024*16", "texts:8192", "texts:32768"),
        *("images:32x32", "sounds:1100"),
    ),
)
"""For files of the published shapes: texts of 16 to 8,192 tokens, of most lengths 8,192 tokens in all, and 1 to 1,024
texts."""

DRY_RUN = DeviceWork(
    texts=((_repeat(4, 16), _repeat(1, 8)), (_repeat(1, 40),)),
    queries=5,
    images=((1, 512, 512),),  # the least that the files allow
    sounds=((1, 2.0),),
    counts=("texts:12", "images:32x32"),
)
"""For files of tiny shapes: little enough for Mesa's software device, which computes 0.4 GFLOP/s."""
