"""A chat template that runs code when it is rendered (CVE-2024-34359).

The file loads, nothing is rendered, and the vectors are those of the file without it.
"""

import numpy as np
from stage import FOLDER, model, model_files, report, write_file

import jina_omni
from testing.gguf_parts import Parts, key

parts = Parts(model_files().text)
template = f"{{{{ ''.__class__.__mro__[1].__subclasses__()[104]('touch {FOLDER}/ran') }}}}"
parts.keys["tokenizer.chat_template"] = key("tokenizer.chat_template", "string", template)
with jina_omni.Model(write_file("text.gguf", parts.joined())) as attacked:
    assert np.array_equal(attacked.encode("a text"), model().encode("a text"))
assert not (FOLDER / "ran").exists()
report("nothing ran")
