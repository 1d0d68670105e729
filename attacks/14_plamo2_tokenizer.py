"""A tokenizer model whose table is written out of bounds (plamo2) (LC#26511, #27226).

ModelLoadError that names the file and the tokenizer's model.
"""

from stage import refuses

from testing.gguf_damages import value

models = ("plamo2", "t5", "rwkv", "llama", "bert", "no such")
refuses(*(value("small", "tokenizer.ggml.model", "string", name, f"model is '{name}'") for name in models))
