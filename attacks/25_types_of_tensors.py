"""Tensors of types that hold no weights, were removed or do not exist.

ModelLoadError that names the file and the tensor.
"""

from gguf import GGMLQuantizationType as Type
from stage import refuses

from testing.gguf_damages import EMBD, Q, patch, shaped, u32

refuses(
    *(patch("small", "tensor type", Q, u32(n), f"'{Q}' is of type {n}") for n in (4, 31, 99, 1 << 31)),
    patch("small", "tensor type", EMBD, u32(Type.I16), f"'{EMBD}' is of type i16, which holds no weights"),
    shaped("small", Q, [300, 256], f"'{Q}' has rows of 300 elements", Type.Q4_K),
)
