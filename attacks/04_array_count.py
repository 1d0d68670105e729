"""An array whose count times its element's size overflows (CVE-2024-21825).

ModelLoadError that names the file and the key.
"""

from stage import refuses

from testing.gguf_damages import patch, u64

TYPES = "tokenizer.ggml.token_type"
refuses(*(patch("small", "count", TYPES, u64(n), f"'{TYPES}'") for n in (1 << 23, 1 << 62, (1 << 64) - 1)))
