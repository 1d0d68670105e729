"""A number of tensors times the size of a record, beyond 64 bits (CVE-2026-27940).

ModelLoadError that names the file and the count.
"""

from stage import refuses

from testing.gguf_damages import patch, u64

# 2^64 / 368 of llama.cpp's records, and what overflows a signed product
refuses(*(patch("small", "n_tensors", "", u64(n), f"announces {n} tensors") for n in (0x00B21642C8590B22, 1 << 55)))
