"""A count of layers beyond the array that holds them (LC#25821, #26051).

ModelLoadError that names the file and the key.
"""

from stage import refuses

from testing.gguf_damages import value

refuses(
    *(value("small", "qwen3.block_count", "u32", n) for n in (0, 513, (1 << 32) - 1)),
    *(value(of, f"clip.{of}.block_count", "u32", (1 << 32) - 1) for of in ("vision", "audio")),
)
