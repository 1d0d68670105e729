"""The vocabulary of the toy model: bytes, and the pieces of words that its captions are made of."""

from __future__ import annotations

import json

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from testing.checkpoints.hf_tokenizer import QWEN2_PATTERN
from testing.checkpoints.vocabulary import CONTROL, NORMAL, TINY_SPECIALS, UNUSED, Vocabulary

from .captions import KINDS, caption, trained
from .shape import SHAPE

_N_CAPTIONS = 20_000
_CORE = "what is this? a photo of the sound of a video of a document query show me find one with many things. "


def vocabulary() -> Vocabulary:
    """Return byte-level tokens with merges learnt from captions, then the special tokens of omni."""
    rng = np.random.default_rng(0)
    captions = []
    for i in range(_N_CAPTIONS):
        scenes = trained(KINDS[i % 3])
        captions.append(caption(scenes[rng.integers(len(scenes))], rng, drop=0.3)[0])
    stamps = [f"<{tenths / 10} seconds>" for tenths in range(40)] * 20
    prompts = ["Document: ", "Query: ", "Document: a", "Query: a", _CORE] * 500
    specials = TINY_SPECIALS["small"]
    n_vocab = SHAPE.text.n_vocab
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated", invert=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=n_vocab - len(specials),
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*captions, *stamps, *prompts], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    first = len(tokens)
    types = [NORMAL] * first + [CONTROL] * len(specials)
    tokens += specials
    filler = n_vocab - len(tokens)
    return Vocabulary(
        "qwen2",
        tokens + [f"<unused{i}>" for i in range(filler)],
        types + [UNUSED] * filler,
        merges,
        {"add_bos_token": False, "eos_token_id": first, "padding_token_id": first},
    )
