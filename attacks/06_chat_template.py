"""A chat template that runs code when it is rendered (CVE-2024-34359).

The file loads, nothing is rendered, the vectors are those without it.
"""

import numpy as np
from stage import FOLDER, ends, files, model, written

import jina_omni
from testing.gguf_parts import Parts, key

parts = Parts(files().text)
template = f"{{{{ ''.__class__.__mro__[1].__subclasses__()[104]('touch {FOLDER}/ran') }}}}"
parts.keys["tokenizer.chat_template"] = key("tokenizer.chat_template", "string", template)
with jina_omni.Model(written("text.gguf", parts.joined())) as attacked:
    assert np.array_equal(attacked.encode("a text"), model().encode("a text"))
assert not (FOLDER / "ran").exists()
ends("nothing ran")
