"""A count of tensors whose table would overflow (CVE-2024-21836).

ModelLoadError that names the file and the count.
"""

from stage import refuses

from testing.gguf_damages import patch, u64

refuses(*(patch("small", "n_tensors", "", u64(n), f"announces {n} tensors") for n in (65537, 1 << 61, (1 << 64) - 1)))
