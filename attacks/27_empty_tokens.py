"""Five million tokens of nothing in 40 MB, each of which takes ten times that in memory.

ModelLoadError that names the file and the count.
"""

from stage import refuses

from testing.gguf_damages import TOKENS, edit
from testing.gguf_parts import Parts, key

N = 5_000_000


def fill(parts: Parts) -> None:
    parts.keys[TOKENS] = key(TOKENS, "string", [""] * N)
    parts.keys["types"] = key("tokenizer.ggml.token_type", "u8", [1])
    del parts.keys["tokenizer.ggml.token_type"]
    del parts.keys["types"]


refuses(edit("tokens of nothing", "small", fill, f"2064 rows for {N} tokens"))
