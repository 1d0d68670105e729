"""Dimensions of a tensor whose product overflows to a small size (CVE-2026-33298).

ModelLoadError that names the file and the dimension.
"""

from stage import refuses

from testing.gguf_damages import Q, shaped

refuses(
    shaped("small", Q, [1 << 33, 1 << 33], f"'{Q}' has {1 << 33} as dimension 1"),
    shaped("small", Q, [1 << 20, 1 << 20, 1 << 20, 1 << 20], f"'{Q}' has {1 << 20} as dimension 2"),
    shaped("small", Q, [1 << 62, 4], f"'{Q}' has {1 << 62} as dimension 0"),
)
