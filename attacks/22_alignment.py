"""An alignment of 0, or of no power of two, which divides by zero or lets tensors overlap (LC#26318, #24997).

ModelLoadError that names the file and the key.
"""

from stage import refuses

from testing.gguf_damages import Q, patch, u64, value

refuses(
    *(value("small", "general.alignment", "u32", n) for n in (0, 1, 3, 48, 1 << 31, (1 << 32) - 1)),
    patch("small", "offset", Q, u64(0), "overlap"),
)
