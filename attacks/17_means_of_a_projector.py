"""A projector with two means for three channels, which are read over their end (lmstudio tracker 2289, LC#27166).

ModelLoadError that names the file and the key or tensor.
"""

from stage import refuses

from testing.gguf_damages import value

refuses(
    *(value("vision", "clip.vision.image_mean", "f32", x) for x in ([0.5] * 2, [], 0.5)),
    *(value("vision", "clip.vision.image_std", "f32", x) for x in ([0.0] * 3, [0.5] * 2)),
)
