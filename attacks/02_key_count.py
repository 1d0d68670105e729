"""A count of keys whose table would overflow (CVE-2024-23605).

ModelLoadError that names the file and the count.
"""

from stage import refuses

from testing.gguf_damages import patch, u64

refuses(*(patch("vision", "n_keys", "", u64(n), f"and {n} keys") for n in (65537, 1 << 61, (1 << 64) - 1)))
