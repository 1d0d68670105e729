"""More dimensions than a tensor has room for, and dimensions that are 0 or negative (CVE-2024-21802).

ModelLoadError that names the file and the tensor.
"""

from stage import refuses

from testing.gguf_damages import Q, patch, u32, u64

refuses(
    *(patch("small", "n_dims", Q, u32(n), f"'{Q}' has {n} dimensions") for n in (0, 5, (1 << 32) - 1)),
    *(patch("small", "dim", Q, u64(n), f"'{Q}' has {n} as dimension 0") for n in (0, 1 << 63, (1 << 64) - 1)),
)
