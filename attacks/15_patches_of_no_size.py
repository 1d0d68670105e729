"""A projector whose patches have no size, which divides by zero (lmstudio tracker 2289, LC#27166).

ModelLoadError that names the file and the key or tensor.
"""

from stage import refuses

from testing.gguf_damages import value

refuses(
    *(value("vision", "clip.vision.patch_size", "u32", n) for n in (0, 65, 1 << 31)),
    *(value("vision", "clip.vision.spatial_merge_size", "u32", n) for n in (0, 9)),
)
