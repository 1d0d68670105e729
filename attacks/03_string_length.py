"""A string whose length plus one is 0, or goes beyond the file (CVE-2024-23496).

ModelLoadError that names the file and the key.
"""

from stage import refuses

from testing.gguf_damages import TOKENS, patch, u64

refuses(*(patch("small", "string length", TOKENS, u64(n), f"'{TOKENS}'") for n in (1 << 24, 1 << 63, (1 << 64) - 1)))
