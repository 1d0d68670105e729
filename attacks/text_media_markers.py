"""A media marker of the server, or a placeholder of the model, in a user's text (media taken by another's text).

It stays text and takes no media; the image keeps its media embeddings.
"""

import numpy as np
from stage import expect_vector, model, report

import jina_omni

image = jina_omni.Image(np.full((64, 64, 3), 90, np.uint8))
for marker in ("<__media__>", "<|image_pad|>", "<|vision_start|><|image_pad|><|vision_end|>", "<|audio_pad|>"):
    expect_vector(f"a {marker} b")
    expect_vector([f"a {marker} b", image])
    assert model().count_tokens([[marker, image]])[0] == model().count_tokens(marker) + model().count_tokens(image)
report("vectors")
