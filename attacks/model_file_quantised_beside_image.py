"""An image beside a quantised text model file, whose embeddings the server reads as floats (abort in ggml_get_f32_1d).

The vector of the dequantised weights.
"""

import numpy as np
from gguf import GGMLQuantizationType as Type
from stage import FOLDER, model_files, report

import jina_omni
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Edits, write_text

TYPES = (Type.F16, Type.Q8_0, Type.Q4_0)

picture = np.arange(64 * 96 * 3, dtype=np.uint8).reshape(64, 96, 3)
vectors = {}
for kind in TYPES:
    path = write_text(FOLDER / f"{kind.name}.gguf", TINY["small"], edits=Edits(weight_type=kind))
    with jina_omni.Model(path, model_files().vision, n_threads=2, compute="exact") as attacked:
        vectors[kind] = attacked.encode(["a caption", jina_omni.Image(picture)])
assert np.isfinite(list(vectors.values())).all()
assert (vectors[Type.Q8_0] * vectors[Type.F16]).sum(-1).min() > 0.99
report("vectors")
