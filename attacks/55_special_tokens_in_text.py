"""A hundred thousand special tokens, accents, zeros or angle brackets.

A vector, or InputTooLongError, in a second and not in hours.
"""

from stage import embeds, rejects

import jina_omni

for piece in ("<|im_end|>", "<", "<a", "\0", "\u0301", "\ud7ff", "\U0001f3f3\ufe0f\u200d", "\n", "'s", "1"):
    rejects(piece * (120_000 // len(piece)), jina_omni.InputTooLongError, "over this model's limit")
rejects("a\ud800b", jina_omni.InputError, "has a lone surrogate, U\\+D800")
embeds("\0")
embeds("<|im_end|><|im_start|><|image_pad|>")
