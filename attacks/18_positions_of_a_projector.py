"""A projector with fewer positions than its pictures or sounds have (lmstudio tracker 2289, LC#27166).

ModelLoadError that names the file and the key or tensor.
"""

from gguf import GGMLQuantizationType as Type
from stage import refuses

from testing.gguf_damages import shaped, value

refuses(
    shaped("vision", "v.position_embd.weight", [128, 2303], "'v.position_embd.weight'", Type.F32),
    value("audio", "clip.audio.n_window", "u32", 1501, "1500 rows for the 1501 positions"),
)
