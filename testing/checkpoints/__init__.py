"""Random checkpoints in the published layout, and the references that compute from them.

Only ``torch_reference`` needs torch and transformers, and it and ``hf_tokenizer`` need tokenizers.
"""
