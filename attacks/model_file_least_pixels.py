"""A projector that enlarges each image to a gigapixel at least (lmstudio tracker 2289, LC#27166).

ModelLoadError that names the file and the key.
"""

from stage import model_files, report, write_file

import jina_omni
from testing.gguf_parts import Parts, key

parts = Parts(model_files().vision)
for name in ("clip.vision.image_min_pixels", "clip.vision.image_max_pixels"):
    parts.keys[name] = key(name, "u32", 1 << 30)
path = write_file("vision.gguf", parts.joined())
try:
    jina_omni.Model(model_files().text, path)
except jina_omni.ModelLoadError as error:
    assert str(error).startswith(f"{path}: "), error
    assert "image_min_pixels 1073741824" in str(error), error
    report(str(error))
else:
    raise AssertionError("the projector was loaded")
