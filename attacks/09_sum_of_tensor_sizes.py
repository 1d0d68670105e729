"""Tensors whose padded sizes add up to a little, beyond 64 bits (CVE-2025-53630).

ModelLoadError that names the file and the tensor or the missing bytes.
"""

from stage import refuses

from testing.gguf_damages import Q, patch, shaped, u64

refuses(
    shaped("small", Q, [1 << 39], "cut short: expected"),
    *(patch("small", "offset", Q, u64(n), f"'{Q}' lies at offset|cut short") for n in ((1 << 62) - 32, (1 << 64) - 32)),
)
