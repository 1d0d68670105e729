"""A projector without heads, or with a number that does not divide its width (lmstudio tracker 2289, LC#27166).

ModelLoadError that names the file and the key or tensor.
"""

from stage import refuses

from testing.gguf_damages import value

refuses(
    *(value("vision", "clip.vision.attention.head_count", "u32", n) for n in (0, 3, 1 << 31)),
    *(value("audio", "clip.audio.attention.head_count", "u32", n) for n in (0, 3)),
)
