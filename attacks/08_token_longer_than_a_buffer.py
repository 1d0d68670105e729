"""A token longer than the buffer it is copied to, or than a signed int (CVE-2025-49847).

ModelLoadError that names the file and the length.
"""

from stage import refuses

from testing.gguf_damages import TOKENS, edit, patch, retoken, u64

refuses(
    edit("a token of 5000 bytes", "small", retoken(lambda t: [*t[:-1], "x" * 5000]), "token of 5000 bytes"),
    patch("small", "string length", TOKENS, u64((1 << 31) + 5), f"'{TOKENS}'"),
)
