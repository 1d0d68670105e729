"""A projector that wants each picture at a size of terabytes (lmstudio tracker 2289, LC#27166).

ModelLoadError that names the file and the key or tensor.
"""

from stage import refuses

from testing.gguf_damages import edit, value
from testing.gguf_parts import Parts, key


def gigapixel(parts: Parts) -> None:
    for end in ("min", "max"):
        name = f"clip.vision.image_{end}_pixels"
        parts.keys[name] = key(name, "u32", 1 << 30)


refuses(
    *(value("vision", "clip.vision.image_max_pixels", "u64", n) for n in (0, 1 << 41)),
    edit("a least size of a gigapixel", "vision", gigapixel, "image_min_pixels 1073741824"),
)
