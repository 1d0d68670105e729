"""Token ids outside the vocabulary, given to the native layer (out-of-bounds read).

ValueError.
"""

import numpy as np
from stage import model_files, report

from jina_omni.native import Context, TextModel, find_device

cpu = find_device("cpu")
context, text = Context(cpu, 1), TextModel(model_files().text, cpu)
for token in (text.n_vocab, 1 << 30, -2, -(1 << 31)):
    try:
        context.encode_sequences(text, np.array([1, token], np.int32), np.array([2], np.int32))
    except ValueError as error:
        report(str(error))
    else:
        raise AssertionError(token)
for lengths in ([3], [-1, 3], [0, 2], [1 << 30, 2 - (1 << 30)]):
    try:
        context.encode_sequences(text, np.array([1, 2], np.int32), np.array(lengths, np.int32))
    except ValueError as error:
        report(str(error))
    else:
        raise AssertionError(lengths)
