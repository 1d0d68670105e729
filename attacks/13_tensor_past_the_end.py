"""A tensor that lies beyond the end of the file, whose bytes would be the process's (CVE-2026-7482 (Bleeding Llama)).

ModelLoadError that names the file and what is missing.
"""

from stage import refuses

from testing.gguf_damages import Case, Q, patch, u64

refuses(
    patch("small", "offset", Q, u64(1 << 30), "cut short: expected"),
    Case("the last byte missing", "small", lambda parts: parts.original[:-1], "cut short: expected"),
    Case("half of the data missing", "vision", lambda p: p.original[: len(p.original) // 2], "cut short: expected"),
)
