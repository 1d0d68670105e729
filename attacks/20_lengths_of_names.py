"""Keys and names longer than anything that holds them (PR LC#19856).

ModelLoadError that names the file and the length.
"""

from stage import refuses

from testing.gguf_damages import patch, u64

refuses(
    *(patch("small", "key length", "", u64(n), "key number 0 ") for n in (0, 65536, 1 << 63, (1 << 64) - 1)),
    *(patch("small", "name length", "", u64(n), "tensor number 0 ") for n in (0, 64, 1 << 63, (1 << 64) - 1)),
)
