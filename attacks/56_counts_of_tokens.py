"""A huge document whose tokens are counted.

The count, in time that grows with its length.
"""

from stage import ends, model

for piece in ("word ", "x", "漢", "\t \n", "🦙", "<|im_end|>", "e\u0301\u0327"):
    assert model().count_tokens(piece * (200_000 // len(piece))) > 1000
    ends(repr(piece))
