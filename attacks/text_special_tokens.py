"""A hundred thousand special tokens, accents, zeros or angle brackets.

Counted in a second and not in hours; a lone surrogate is InputError.
"""

from stage import expect_error, expect_vector, model

import jina_omni

for piece in ("<|im_end|>", "<", "<a", "\0", "\u0301", "\ud7ff", "\U0001f3f3\ufe0f\u200d", "\n", "'s", "1"):
    assert model().count_tokens(piece * (120_000 // len(piece))) > 0
expect_error("a\ud800b", jina_omni.InputError, "has a lone surrogate, U\\+D800")
expect_vector("\0")
expect_vector("<|im_end|><|im_start|><|image_pad|>")
