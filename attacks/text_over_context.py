"""A text of more tokens than the model's context (no guard in the wrapper).

InputTooLongError with the counts, or cut when asked for.
"""

import numpy as np
from stage import FOLDER, report

import jina_omni
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Edits, write_text

KEYS = {"qwen3.context_length": 512}

text = "word " * 40_000
with jina_omni.Model(write_text(FOLDER / "short.gguf", TINY["small"], edits=Edits(metadata=KEYS))) as attacked:
    try:
        attacked.encode(text)
    except jina_omni.InputTooLongError as error:
        assert error.limit == 512 < error.tokens
        report(str(error))
    else:
        raise AssertionError("no error")
    assert np.isfinite(attacked.encode(text, truncate=True)).all()
report("a vector of what fits")
