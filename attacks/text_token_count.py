"""A huge document whose tokens are counted.

The count, in time proportional to its length.
"""

from stage import model, report

for piece in ("word ", "x", "漢", "\t \n", "🦙", "<|im_end|>", "e\u0301\u0327"):
    assert model().count_tokens(piece * (200_000 // len(piece))) > 1000
    report(repr(piece))
