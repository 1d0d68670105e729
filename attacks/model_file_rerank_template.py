"""A chat template under another key, for the server that looks one up by the task (CVE-2026-5760).

The file loads, nothing is rendered, and the vectors are those of the file without it.
"""

import numpy as np
from stage import FOLDER, model, model_files, report, write_file

import jina_omni
from testing.gguf_parts import Parts, key

parts = Parts(model_files().text)
run_me = f"{{% for x in ().__class__.__base__.__subclasses__() %}}{{{{ x('touch {FOLDER}/ran') }}}}{{% endfor %}}"
parts.keys["names"] = key("tokenizer.chat_templates", "string", ["rerank", "embedding"])
parts.keys["rerank"] = key("tokenizer.chat_template.rerank", "string", run_me)
parts.keys["embedding"] = key("tokenizer.chat_template.embedding", "string", run_me)
with jina_omni.Model(write_file("text.gguf", parts.joined())) as attacked:
    assert np.array_equal(attacked.encode_query("a text"), model().encode_query("a text"))
assert not (FOLDER / "ran").exists()
report("nothing ran")
